"""Which mel frames each frame of motion hears: 61 of them, the last ending a look-ahead after it.

The look-ahead is the model's own (0.1 s as shipped): its about.json says it.
"""

from fractions import Fraction

import numpy as np

from engine.errors import ConfigError
from engine.types import Floats

from .features import HOP, MELS, RATE, SILENCE

FIELD = 61  # mel frames

_PER_SECOND = Fraction(RATE, HOP)


def last_frame(k: int, fps: Fraction, lookahead: float) -> int:
    """The number of the last mel frame (they count from 1) that motion frame k hears."""
    return int(k * _PER_SECOND / fps) + round(lookahead * _PER_SECOND)


def check_lookahead(seconds: float) -> float:
    """The same look-ahead; ConfigError unless it is 0 to 0.4 s in whole mel frames."""
    frames = seconds * _PER_SECOND
    if not (0 <= seconds <= 0.4 and abs(frames - round(frames)) < 1e-6):
        raise ConfigError(f"lookahead = {seconds}: give 0 to 0.4 seconds, in steps of 0.01")
    return seconds


class Windows:
    """Cuts a stream of mel frames (n, 80) into the windows (61, 80) of motion frames 0, 1, ..."""

    def __init__(self, fps: Fraction, lookahead: float) -> None:
        self.fps, self.lookahead = fps, lookahead
        self._kept = np.repeat(SILENCE[None], FIELD, axis=0)  # what came before the sound
        self._last = 0  # the number of the newest kept frame
        self._k = 0

    def push(self, frames: Floats) -> list[Floats]:
        """The windows that these frames complete, in order."""
        self._kept = np.concatenate([self._kept, frames])
        self._last += len(frames)
        done = []
        while (end := self._end()) <= self._last:
            at = len(self._kept) - (self._last - end)
            done.append(self._kept[at - FIELD : at])
            self._k += 1
        self._kept = self._kept[-FIELD - max(0, self._last - self._end()) :]
        return done

    def _end(self) -> int:
        return last_frame(self._k, self.fps, self.lookahead)


__all__ = ["FIELD", "MELS", "Windows", "check_lookahead", "last_frame"]
