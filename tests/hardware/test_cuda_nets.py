"""The bench of the nets on a GPU."""

import pytest

from engine.bench.nets import BATCHES, nets
from engine.errors import DeviceError


def test_the_nets_run_on_cuda() -> None:
    try:
        figures = nets("cuda")
    except DeviceError as e:  # no CUDA in this ONNX Runtime, or no GPU under it
        pytest.skip(str(e))
    print("\n".join(figures.rows()))
    assert len(figures.milliseconds) >= len(BATCHES)
    assert all("on cuda" in name for name in figures.milliseconds)
