"""Training by the clock: the rate falls by it, it ends by it, a stopped run has what is left."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training import loop
from training.loop import OutOfTime, Run, Schedule

TIMED = Schedule(steps=10**6, seconds=5.0, drop_at=0.0, drop=0.1)


def test_the_rate_falls_by_the_clock_where_seconds_are_given() -> None:
    timed = Schedule(steps=10**6, seconds=100.0, drop_at=0.5, drop=0.1)
    assert timed.factor(10**5, 40.0) == 1.0
    assert timed.factor(100, 75.0) == pytest.approx(0.55)
    assert timed.factor(100, 100.0) == pytest.approx(0.1)


def train(folder: Path, most: float = float("inf")) -> int:
    """Steps of ten milliseconds that were made."""
    net, made = nn.Linear(2, 1), []

    def loss(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        made.append(step)
        time.sleep(0.01)
        x = torch.from_numpy(rng.normal(size=(4, 2)).astype(np.float32))
        return {"total": net(x).square().mean()}

    try:
        loop.train(Run(folder, 0, torch.device("cpu"), float("inf"), most), "net", net, loss, TIMED)
    except OutOfTime:
        pass
    return len(made)


def test_a_stopped_run_goes_on_with_the_time_that_is_left(tmp_path: Path) -> None:
    file = tmp_path / "net.pt"
    assert train(tmp_path, most=5) == 5
    saved = torch.load(file, weights_only=True)
    assert saved["step"] == 5 and 0.05 <= saved["seconds"] < TIMED.seconds
    torch.save(saved | {"seconds": TIMED.seconds - 0.3}, file)  # nearly all of it is gone
    assert 0 < train(tmp_path) <= 31
    over = torch.load(file, weights_only=True)
    assert over["step"] == TIMED.steps and over["seconds"] >= TIMED.seconds
    assert over["optimiser"]["param_groups"][0]["lr"] < 0.2 * TIMED.rate
    assert train(tmp_path) == 0  # it is finished
