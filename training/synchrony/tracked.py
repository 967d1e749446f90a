"""What the tracker saw of one video, as python -m training.prepare synchrony keeps it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.types import Floats


@dataclass(frozen=True, slots=True)
class Tracks:
    """One video as the tracker saw it; rows are frames with a face in them."""

    person: str
    source: str
    name: str
    times: NDArray[np.float64]  # (n,) seconds; the sound's first sample is at 0
    expression: Floats  # (n, 52)
    landmarks: Floats  # (n, 68, 2) pixels
    viewpoint: Floats  # (n, 7)
    head: Floats  # (n, 3) radians
    confidence: Floats  # (n,)
    seen: Floats  # (n,) FaceParams.mouth
    samples: Floats  # (s,) at 16 kHz


def load(file: Path) -> Tracks:
    """What `watch` wrote."""
    with np.load(file) as saved:
        names = ("expression", "landmarks", "viewpoint", "head", "confidence", "seen")
        arrays = {name: saved[name].astype(np.float32) for name in names}
        return Tracks(
            str(saved["person"]), str(saved["source"]), file.stem, saved["times"],
            samples=saved["samples"].astype(np.float32) / 32767, **arrays,
        )  # fmt: skip
