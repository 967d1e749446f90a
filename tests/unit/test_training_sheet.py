"""The outline that stands for a recording in a strip."""

from pathlib import Path

import numpy as np
import pytest

from engine.head import ARKIT, Head

pytest.importorskip("torch")
from training.talking.sheet import INK, SIDE, _outlines  # noqa: E402


def seen(file: Path, jaw: float) -> Path:
    """What watching a video leaves behind: one picture of a face, and one without."""
    head = Head.load()
    weights = np.zeros(len(ARKIT), np.float32)
    weights[ARKIT.index("jawOpen")] = jaw
    points = head.landmarks(head.pose(head.neutral, weights), 468)[:, :2] * [1, -1] + 300
    np.savez(file, points=np.stack([points, np.full_like(points, np.nan)]), times=[0.0, 0.04])
    return file


def test_an_open_mouth_is_seen_and_no_face_is_an_empty_tile(tmp_path: Path) -> None:
    (shut, nobody), (agape, _) = (
        _outlines(seen(tmp_path / f"{jaw}.npz", jaw), [0.0, 0.05]) for jaw in (0.0, 0.9)
    )
    assert (nobody == INK[0]).all()
    heights = [np.flatnonzero((tile != INK[0]).any((1, 2))) for tile in (shut, agape)]
    assert all(0 <= h[0] and h[-1] < SIDE and h[-1] - h[0] > 0.7 * SIDE for h in heights)
    assert (shut != agape).any(2).sum() > 100
