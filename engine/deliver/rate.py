"""The bitrate that the worst of the viewers' networks can carry.

By packets lost, as their receiver reports say. Browsers also send an estimate of their own (REMB),
but of a stream that needs little they guess little: 140 kbit/s at first, over loopback.

One bad line does not spoil it for all: while somebody else's is good, no less than a quarter of the
full rate is sent, and who cannot take that, or alone the least, is `hopeless`.
"""

import math

_LEAST = 250_000  # bit/s
_BAD, _GOOD = 0.08, 0.04  # parts lost: above, less is sent; below, more is tried
_DOWN, _UP = 0.7, 1.25
_HASTE, _CALM = 3.0, 8.0  # seconds after the last change before less, or more, is sent
_TRIAL = 8.0  # seconds at the lowest rate after which a bad line is hopeless
_MEMORY = 3.0  # seconds that are averaged: one report is of a dozen packets, so one lost is 8 %


class Rate:
    """`bits` is what to encode with; each change of it costs a key frame, so they are rare."""

    def __init__(self, most: int) -> None:
        self.bits = self._most = most
        self._lost: dict[str, float] = {}
        self._told: dict[str, float] = {}  # when each viewer reported last
        self._changed = self._good_since = float("-inf")

    def note(self, viewer: str, lost: float, t: float) -> None:
        """Takes the part of `viewer`'s packets that were lost since its last report."""
        before, since = self._lost.get(viewer, 0.0), t - self._told.get(viewer, t)
        self._lost[viewer] = before + (1 - math.exp(-since / _MEMORY)) * (lost - before)
        self._told[viewer] = t
        worst = max(self._lost.values())
        if worst > _GOOD:
            self._good_since = t
        if worst > _BAD and self.bits > self._floor and t >= self._changed + _HASTE:
            self._change(max(self.bits * _DOWN, self._floor), t)
        elif t >= max(self._good_since, self._changed) + _CALM:
            self._change(self.bits * _UP, t)

    def hopeless(self, viewer: str, t: float) -> bool:
        """Whether `viewer` loses too much even of the least that is sent."""
        lasted = self.bits <= self._floor and t >= self._changed + _TRIAL
        return lasted and self._lost.get(viewer, 0.0) > _BAD

    @property
    def _floor(self) -> float:
        somebody_is_well = any(lost < _GOOD for lost in self._lost.values())
        return max(_LEAST, self._most / 4) if somebody_is_well else _LEAST

    def forget(self, viewer: str) -> None:
        self._lost.pop(viewer, None)
        self._told.pop(viewer, None)

    def _change(self, bits: float, t: float) -> None:
        self.bits, self._changed = round(min(self._most, max(_LEAST, bits))), t
