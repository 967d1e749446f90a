"""Whether somebody speaks: loudness against the room's own, with a memory at both ends."""

from dataclasses import dataclass

import numpy as np

from ..types import AudioChunk, Floats

_BLOCK = 0.02  # seconds
_LEAST = -50.0  # dB of full scale: quieter is no speech, however quiet the room
_OVER, _UNDER = 12.0, 8.0  # dB over the room: from there on speech begins, goes on
_BEGINS, _ENDS = 3, 30  # blocks in a row: 60 ms of it begin speech, 0.6 s without it end it
_RISE = 2.0 * _BLOCK  # dB a block: how fast a room that has become louder is learnt
_QUIETEST = -80.0  # dB


@dataclass(frozen=True, slots=True)
class Speaking:
    """From `t` on somebody speaks, or nobody does any more."""

    t: float
    on: bool


class Activity:
    """Stage AudioChunk -> Speaking, one for each change. Any cutting of the sound gives the same.

    The first blocks stand for the room, so a recording that begins with a word is taken for
    speech at its next one at the latest.
    """

    name = "speech activity"
    lookahead = 0.0

    def __init__(self, rate: int) -> None:
        self._rate, self._size = rate, round(_BLOCK * rate)
        self._rest: Floats = np.zeros(0, np.float32)
        self._room, self._on = float("inf"), False
        self._changing = 0  # blocks in a row that speak for a change
        self._end = 0.0  # of the last block

    def push(self, chunk: AudioChunk) -> list[Speaking]:
        samples = np.concatenate([self._rest, chunk.samples])
        whole = len(samples) - len(samples) % self._size
        blocks = samples[:whole].reshape(-1, self._size)
        begin = chunk.end - len(samples) / self._rate
        self._rest = samples[whole:]
        power = np.square(blocks, dtype=np.float64).mean(1)
        changes = []
        for k, level in enumerate(10 * np.log10(power + 1e-12)):
            self._end = begin + (k + 1) * self._size / self._rate
            changes += self._hear(max(float(level), _QUIETEST))
        return changes

    def finish(self) -> list[Speaking]:
        """Speech ends with the sound."""
        return [Speaking(self._end, False)] if self._on else []

    def _hear(self, level: float) -> list[Speaking]:
        self._room = min(level, self._room + _RISE)
        over = _UNDER if self._on else _OVER
        loud = level > max(self._room + over, _LEAST)
        self._changing = self._changing + 1 if loud != self._on else 0
        wanted = _ENDS if self._on else _BEGINS
        if self._changing < wanted:
            return []
        t = self._end - wanted * self._size / self._rate
        self._on, self._changing = loud, 0
        return [Speaking(t, self._on)]
