"""Nets of these tests are tiny: more threads than one only wait for one another (a step took up to
twenty times as long)."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
