"""Smoothing that keeps what is quick: one-euro filters, each value with a cutoff of its own."""

import numpy as np

from ..head import ARKIT
from ..types import Floats

LEAST, SLOPE = 1.0, 2.5  # hertz at rest, and more for each unit a second
QUICK_LEAST, QUICK_SLOPE = 4.0, 8.0  # of lids and eyes: a blink lasts five frames
SPEED_CUTOFF = 5.0  # hertz: a speed must be believed at once, or its onset is smoothed away
_LEAST_STEP = 1e-3  # seconds


class Each:
    """Values (n,), each smoothed by its own speed (Casiez, Roussel, Vogel 2012)."""

    def __init__(self, least: "Floats | float", slope: "Floats | float") -> None:
        self._least, self._slope = np.float32(least), np.float32(slope)
        self._t = 0.0
        self._raw: Floats | None = None
        self._smooth = self._speed = np.zeros(0, np.float32)

    def push(self, t: float, value: Floats) -> Floats:
        """The smoothed values at `t`, which should grow from call to call."""
        if self._raw is None:
            self._smooth, self._speed = value, np.zeros_like(value)
        else:
            step = max(t - self._t, _LEAST_STEP)
            change = (value - self._raw) / np.float32(step)
            self._speed = self._speed + _share(SPEED_CUTOFF, step) * (change - self._speed)
            share = _share(self._least + self._slope * np.abs(self._speed), step)
            self._smooth = self._smooth + share * (value - self._smooth)
        self._t, self._raw = t, value
        return np.asarray(self._smooth, np.float32)


def _share(cutoff: "Floats | np.floating | float", step: float) -> Floats:  # type: ignore[type-arg]
    """How much of a new value a low pass of first order takes."""
    return np.asarray(1 / (1 + 1 / (2 * np.pi * cutoff * step)), np.float32)


def of_weights() -> Each:
    """For the 52 weights."""
    quick = np.array([name.startswith("eye") for name in ARKIT])
    return Each(np.where(quick, QUICK_LEAST, LEAST), np.where(quick, QUICK_SLOPE, SLOPE))


def of_viewpoint(face: float) -> Each:
    """For viewpoints of a face that is `face` pixels wide: log scale, radians, pixels."""
    least = np.full(7, 0.7)
    slope = np.array([40, 25, 25, 25, *(np.full(3, 60 / max(face, 1.0)))])
    return Each(least, slope)
