"""Spoken frames on a level: what the microphone, the room and the gain add is taken out."""

import numpy as np

from ..types import Floats
from .features import MELS

SPREAD = 3.0  # about the standard deviation of a band of speech
MEMORY = 3000  # frames (30 s): older sound counts less and less


def levelled(frames: Floats) -> Floats:
    """Frames (n, 64) by their own mean in each band, as training crops are."""
    return np.asarray((frames - frames.mean(0)) / SPREAD, np.float32)


class Level:
    """The same for a stream: by the mean of all that was spoken so far, these frames included."""

    def __init__(self) -> None:
        self._total, self._count = np.zeros(MELS), 0.0

    def push(self, frames: Floats) -> Floats:
        """(n, 64) -> the same, levelled."""
        kept = min(1.0, MEMORY / max(self._count, 1.0))
        self._total = kept * self._total + frames.sum(0, dtype=np.float64)
        self._count = kept * self._count + len(frames)
        return np.asarray((frames - self._total / self._count) / SPREAD, np.float32)
