"""Sound -> the mel frames in which somebody speaks; the rest is left out, as in the papers."""

import numpy as np

from ..types import Floats
from .activity import BLOCK, Speech
from .features import HOP, MELS, WINDOW, LogMel

SPEECH = 0.5  # probability from which on a frame counts


class Ears:
    """16 kHz samples in, spoken frames out. Any cutting of the sound gives the same."""

    def __init__(self, provider: str = "cpu") -> None:
        self._mel, self._speech = LogMel(), Speech(provider)
        self._frames = np.zeros((0, MELS), np.float32)  # not yet judged
        self._judged = 0  # frames so far
        self._spoken = np.zeros(0, np.bool_)  # blocks from `_first` on
        self._first = 0

    def push(self, samples: Floats) -> Floats:
        """The spoken frames (n, 64) that these samples complete."""
        self._frames = np.concatenate([self._frames, self._mel.push(samples)])
        self._spoken = np.append(self._spoken, self._speech.push(samples) >= SPEECH)
        middle = (self._judged + np.arange(len(self._frames))) * HOP + WINDOW // 2
        block = middle // BLOCK - self._first
        known = int((block < len(self._spoken)).sum())
        ready, self._frames = self._frames[:known], self._frames[known:]
        kept = ready[self._spoken[block[:known]]]
        self._forget(known)
        return kept

    def _forget(self, known: int) -> None:
        self._judged += known
        first = (self._judged * HOP + WINDOW // 2) // BLOCK
        gone = min(first - self._first, len(self._spoken))
        self._spoken, self._first = self._spoken[gone:], self._first + gone
