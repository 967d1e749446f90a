"""Sound in which nobody speaks, for the control: noise should give the mean face.

White, pink, humming and narrow noise are learnt from; brown, blue and rumbling noise are kept for
the test.
"""

from collections.abc import Callable

import numpy as np

from engine.types import Floats
from engine.voices.features import RATE


def tilted(power: float) -> Callable[[int, np.random.Generator], Floats]:
    """Noise whose power falls with frequency to this power: 0 white, 1 pink, 2 brown, -1 blue."""

    def make(count: int, rng: np.random.Generator) -> Floats:
        spectrum = np.fft.rfft(rng.standard_normal(count))
        hertz = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 20.0)
        return _level(np.fft.irfft(spectrum * hertz ** (-power / 2), count), rng)

    return make


def humming(count: int, rng: np.random.Generator) -> Floats:
    """Mains and its overtones under a little white noise."""
    t = np.arange(count) / RATE
    tones = sum(np.sin(2 * np.pi * 50 * k * t + rng.uniform(0, 6)) / k for k in range(1, 9))
    return _level(tones + 0.3 * rng.standard_normal(count), rng)


def rumbling(count: int, rng: np.random.Generator) -> Floats:
    """Pink noise that swells and falls, slower than speech does."""
    swell = 1 + 0.8 * np.sin(2 * np.pi * rng.uniform(0.2, 0.8) * np.arange(count) / RATE)
    return _level(tilted(1.0)(count, rng) * swell, rng)


def _level(sound: "np.ndarray", rng: np.random.Generator) -> Floats:  # type: ignore[type-arg]
    loud = 10 ** rng.uniform(-2.5, -0.7)
    return np.asarray(np.clip(sound / sound.std() * loud, -1, 1), np.float32)


def narrow(count: int, rng: np.random.Generator) -> Floats:
    """A band of white noise, an octave or more wide."""
    low = 2 ** rng.uniform(6, 11)
    high = low * 2 ** rng.uniform(1, 4)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    inside = (hertz > low) & (hertz < high)
    return _level(np.fft.irfft(spectrum * (0.02 + inside), count), rng)


LEARNT = {"white": tilted(0.0), "pink": tilted(1.0), "hum": humming, "narrow": narrow}
KEPT = {"brown": tilted(2.0), "blue": tilted(-1.0), "rumble": rumbling}
