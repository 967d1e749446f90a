"""Mel filters, which every net that hears is built on."""

import math

import numpy as np

from .types import Floats


def mel_filters(
    n_mels: int, n_fft: int, rate: int, low: float = 0.0, high: float | None = None
) -> Floats:
    """Triangles (n_fft / 2 + 1, n_mels) from `low` to `high` hertz (half the rate where None),
    equally spaced on the HTK mel scale, peak 1."""
    hertz = np.linspace(0, rate / 2, n_fft // 2 + 1)
    bottom, top = (2595 * math.log10(1 + f / 700) for f in (low, high or rate / 2))
    edges = 700 * (10 ** (np.linspace(bottom, top, n_mels + 2) / 2595) - 1)
    rise = (hertz[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    fall = (edges[2:] - hertz[:, None]) / np.diff(edges)[1:]
    return np.maximum(0, np.minimum(rise, fall)).astype(np.float32)
