"""Log-mel features of a stream of sound, levelled by a running loudness.

The one place where sound becomes what MeshTalk hears: training calls the same code. Mel frame
j (1, 2, ...) is made of the 800 samples that end at sample 160 j, so it is known exactly then.
Each frame is computed alone, so any cutting of the input gives the same bits.
"""

import math
from dataclasses import dataclass

import numpy as np

from engine.mel import mel_filters
from engine.types import Floats

RATE = 16_000  # hertz
HOP = 160  # samples: 100 mel frames a second
WINDOW = 800  # samples
N_FFT = 2048
MELS = 80
RANGE_DB = 60.0  # what lies this far under the running loudness is silence
SILENCE = np.full(MELS, np.float32(-RANGE_DB / 10 * math.log(10)), np.float32)


_FILTERS = mel_filters(MELS, N_FFT, RATE)
_HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
_UNIT = float((_HANN**2).sum()) * 32  # brings speech at the running loudness to about 0 dB a band


def mel_power(window: Floats) -> Floats:
    """Power in each mel band (80,) of one window (800,) of samples."""
    spectrum = np.fft.rfft(window * _HANN, N_FFT)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return power @ _FILTERS


@dataclass(slots=True)
class Loudness:
    """Follows, causally, how loud the speaker is, in dB of full scale.

    The peak level is taken up in 40 ms and let go by 3 dB a second while somebody speaks. The
    noise floor is followed too, and the loudness is kept 18 dB above it: what is steady (a fan,
    the hiss of a quiet room) is never blown up into speech.
    """

    peak: float = -60.0
    floor: float = -60.0

    def follow(self, level: float) -> float:
        """The loudness after one more frame (10 ms) of the given level in dB."""
        if level < self.floor:
            self.floor += 0.2 * (level - self.floor)
        else:
            self.floor = min(level, self.floor + 0.08)
        if level > self.peak:
            self.peak += 0.22 * (level - self.peak)
        elif level > self.floor + 6:
            self.peak -= 0.03
        self.peak = max(self.peak, -60.0)
        return max(self.peak, self.floor + 18)


class Features:
    """Turns samples into levelled log-mel frames, as they come."""

    def __init__(self) -> None:
        self._kept = np.zeros(WINDOW - HOP, np.float32)  # silence before the beginning
        self._loudness = Loudness()

    def push(self, samples: Floats) -> Floats:
        """The frames (n, 80) that these samples complete."""
        self._kept = np.concatenate([self._kept, samples])
        count = max(0, (len(self._kept) - WINDOW) // HOP + 1)
        frames = np.empty((count, MELS), np.float32)
        for i in range(count):
            frames[i] = self._frame(self._kept[i * HOP : i * HOP + WINDOW])
        self._kept = self._kept[count * HOP :]
        return frames

    def _frame(self, window: Floats) -> Floats:
        energy = float(np.dot(window, window)) / WINDOW
        loudness = self._loudness.follow(10 * math.log10(energy + 1e-10))
        gain = np.float32(10 ** (-loudness / 10) / _UNIT)
        floor = np.float32(10 ** (-RANGE_DB / 10))
        return np.log(mel_power(window) * gain + floor)
