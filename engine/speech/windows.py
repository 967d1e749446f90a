"""Which mel frames each frame of motion hears: 61 of them, the last ending 100 ms after it."""

from fractions import Fraction

import numpy as np

from engine.types import Floats

from .features import HOP, MELS, RATE, SILENCE

FIELD = 61  # mel frames
LOOKAHEAD = 0.1  # seconds

_PER_SECOND = Fraction(RATE, HOP)
_AHEAD = int(LOOKAHEAD * _PER_SECOND)


def last_frame(k: int, fps: Fraction) -> int:
    """The number of the last mel frame (they count from 1) that motion frame k hears."""
    return int(k * _PER_SECOND / fps) + _AHEAD


class Windows:
    """Cuts a stream of mel frames (n, 80) into the windows (61, 80) of motion frames 0, 1, ..."""

    def __init__(self, fps: Fraction) -> None:
        self.fps = fps
        self._kept = np.repeat(SILENCE[None], FIELD, axis=0)  # what came before the sound
        self._last = 0  # the number of the newest kept frame
        self._k = 0

    def push(self, frames: Floats) -> list[Floats]:
        """The windows that these frames complete, in order."""
        self._kept = np.concatenate([self._kept, frames])
        self._last += len(frames)
        done = []
        while (end := last_frame(self._k, self.fps)) <= self._last:
            at = len(self._kept) - (self._last - end)
            done.append(self._kept[at - FIELD : at])
            self._k += 1
        self._kept = self._kept[-FIELD - max(0, self._last - last_frame(self._k, self.fps)) :]
        return done


__all__ = ["FIELD", "LOOKAHEAD", "MELS", "Windows", "last_frame"]
