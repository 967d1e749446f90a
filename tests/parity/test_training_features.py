"""What training hears of a clip is, bit for bit, what the engine hears of it live."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from engine.speech.features import RATE, Features
from engine.speech.windows import FIELD, Windows
from training.meshtalk import data


@pytest.mark.parametrize("lookahead", [0.0, 0.05, 0.1, 0.2])
def test_training_windows_are_the_live_ones(lookahead: float) -> None:
    samples = np.random.default_rng(0).normal(0, 0.05, RATE).astype(np.float32)
    rows = data.features(samples)
    live, windows = Features(), Windows(Fraction(30), lookahead)
    heard = [w for cut in np.split(samples, 50) for w in windows.push(live.push(cut))]
    count = len(heard)
    nothing = np.zeros(count, np.int32)
    motions = data.Motions(
        rows, np.zeros((count, 1), np.float32), nothing, np.ones(count, np.float32),
        np.ones(count, np.float32), np.zeros((1, 1), np.float32),
        np.array([0, len(rows)], np.int32), np.array([0, count], np.int32),
    )  # fmt: skip
    shelf = data.Shelf(motions, torch.device("cpu"))
    for start in (0, 3, 9):
        batch = data.gather(shelf, [0], [start], 12, lookahead)
        for k, end in enumerate(data.hears(12)):
            window = batch.mel[0, end : end + FIELD].numpy()
            assert np.array_equal(window, heard[start + k])
