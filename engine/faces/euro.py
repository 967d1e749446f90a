"""The one-euro filter (Casiez, Roussel, Vogel 2012): still when still, quick when quick."""

from math import pi

import numpy as np

from ..types import Floats

_SPEED_CUTOFF = 1.0  # hertz
_LEAST_STEP = 1e-3  # seconds


class OneEuro:
    """Smooths points (n, d) that move together: one cutoff for all, so that none is bent.

    `least` is the cutoff at rest in hertz; it grows by `slope` hertz for each `unit` a second
    that the points move, where the unit (a face's size, say) is given with each value.
    """

    def __init__(self, least: float = 1.0, slope: float = 20.0) -> None:
        self._least, self._slope = least, slope
        self._t = 0.0
        self._raw: Floats | None = None
        self._smooth = self._speed = np.zeros(0, np.float32)  # as the values, and a second

    def push(self, t: float, value: Floats, unit: float) -> Floats:
        """The smoothed value at `t`, which should grow from call to call."""
        if self._raw is None:
            self._t, self._raw, self._smooth = t, value, value
            self._speed = np.zeros_like(value)
            return value
        step = max(t - self._t, _LEAST_STEP)
        change = (value - self._raw) / step
        self._speed = self._speed + _share(_SPEED_CUTOFF, step) * (change - self._speed)
        pace = float(np.sqrt(np.mean(np.sum(self._speed**2, -1)))) / unit
        share = _share(self._least + self._slope * pace, step)
        self._smooth = self._smooth + share * (value - self._smooth)
        self._t, self._raw = t, value
        return self._smooth

    def predict(self, t: float) -> Floats:
        """Where the points are to be expected at `t`, if they move on."""
        return self._smooth + self._speed * np.float32(t - self._t)

    def scale(self, by: Floats) -> None:
        """All that was pushed so far is to count as `by` (d,) times as much."""
        if self._raw is not None:
            self._raw, self._smooth, self._speed = (
                v * by for v in (self._raw, self._smooth, self._speed)
            )


def _share(cutoff: float, step: float) -> float:
    """How much of a new value a low pass of first order takes."""
    return 1 / (1 + 1 / (2 * pi * cutoff * step))
