"""What telephones, bad microphones and rooms make of a voice; 16 kHz in and out, repeatable."""

from collections.abc import Callable

import numpy as np
import soxr

from engine.types import Floats
from training.audio import distort


def telephone(samples: Floats, seed: int) -> Floats:
    """8 kHz, 300 to 3400 Hz, 8 bits by the mu law (G.711)."""
    narrow = soxr.resample(samples, 16_000, 8_000)
    spectrum = np.fft.rfft(narrow)
    hertz = np.fft.rfftfreq(len(narrow), 1 / 8000)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    x = np.clip(np.fft.irfft(spectrum, len(narrow)), -1, 1)
    code = np.round(127 * np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256)) / 127
    back = np.sign(code) * (256 ** np.abs(code) - 1) / 255
    return np.asarray(soxr.resample(back, 8_000, 16_000), np.float32)[: len(samples)]


def clipped(samples: Floats, seed: int) -> Floats:
    """So loud that a tenth of the spoken samples are cut off."""
    loud = np.abs(samples[np.abs(samples) > 0.1 * np.abs(samples).max()])
    level = float(np.quantile(loud, 0.8)) if len(loud) else 1.0
    return np.clip(samples / np.float32(level + 1e-9), -1, 1).astype(np.float32)


def noisy(samples: Floats, seed: int) -> Floats:
    """A room and noise under the voice, at any gain."""
    return distort(samples, np.random.default_rng([seed, 7]))


DEGRADED: dict[str, Callable[[Floats, int], Floats]] = {
    "telephone": telephone, "clipped": clipped, "noisy": noisy,
}  # fmt: skip
