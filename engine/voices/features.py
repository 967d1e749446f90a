"""Log-mel frames of a stream of sound, as DIMNet and Voice2Face hear it: 64 bands, 25 ms every 10.

The one place where sound becomes what these nets hear: training calls the same code. Frame j is
made of the 400 samples that begin at sample 160 j. Each is computed alone, so any cutting of the
input gives the same bits. As in the authors' code: pre-emphasis 0.97, Hamming, 20 to 7200 Hz.
"""

import numpy as np

from ..mel import mel_filters
from ..types import Floats

RATE = 16_000  # hertz
HOP, WINDOW = 160, 400  # samples
N_FFT = 1024
MELS = 64
LOW, HIGH = 20.0, 7200.0  # hertz
EMPHASIS = 0.97
FLOOR = 1e-7  # power: about what 16 bits can hold
HEARD = {"rate": RATE, "hop": HOP, "window": WINDOW, "n_fft": N_FFT, "mels": MELS,
         "low": LOW, "high": HIGH, "emphasis": EMPHASIS, "floor": FLOOR}  # fmt: skip

_FILTERS = mel_filters(MELS, N_FFT, RATE, LOW, HIGH)
_HAMMING = np.hamming(WINDOW + 1)[:-1].astype(np.float32)


def log_mel(window: Floats) -> Floats:
    """(64,) of one window of samples, the one before it first (401,)."""
    emphasised = window[1:] - np.float32(EMPHASIS) * window[:-1]
    spectrum = np.fft.rfft(emphasised * _HAMMING, N_FFT)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return np.log(power @ _FILTERS + np.float32(FLOOR))


class LogMel:
    """Turns samples into frames, as they come."""

    def __init__(self) -> None:
        self._kept = np.zeros(1, np.float32)  # the sample before the first

    def push(self, samples: Floats) -> Floats:
        """The frames (n, 64) that these samples complete."""
        self._kept = np.concatenate([self._kept, samples])
        count = max(0, (len(self._kept) - 1 - WINDOW) // HOP + 1)
        frames = np.empty((count, MELS), np.float32)
        for i in range(count):
            frames[i] = log_mel(self._kept[i * HOP : i * HOP + WINDOW + 1])
        self._kept = self._kept[count * HOP :]
        return frames
