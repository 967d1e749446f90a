"""The one door to torchaudio.

Its x86-64 wheel is linked against CUDA, so importing it beside a CPU torch fails in its native
extension, which nothing used here needs: the extension is replaced before the import.
"""

import importlib
import sys
import types

import numpy as np
import torch

from engine.types import Floats


def _import() -> types.ModuleType:
    if "torchaudio" not in sys.modules:
        stand_in = types.ModuleType("torchaudio._extension")
        stand_in.__dict__.update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False,
            _IS_RIR_AVAILABLE=False,
            _IS_ALIGN_AVAILABLE=False,
            fail_if_no_align=_needs_extension,
            lazy_import_sox_ext=_needs_extension,
        )
        sys.modules["torchaudio._extension"] = stand_in
    return importlib.import_module("torchaudio")


def _needs_extension(function: object) -> object:
    return function


torchaudio = _import()


def mel_power(samples: Floats, n_fft: int, window: int, hop: int, mels: int) -> Floats:
    """torchaudio's mel spectrogram (frames, mels) of 16 kHz sound; frame j is centred on j hop."""
    transform = torchaudio.transforms.MelSpectrogram(
        16_000, n_fft=n_fft, win_length=window, hop_length=hop, n_mels=mels, power=2.0
    )
    return transform(torch.from_numpy(samples)).T.numpy()


def add_noise(samples: Floats, noise: Floats, decibels: float) -> Floats:
    """Sound with noise of the same length under it, `decibels` below."""
    ratio = torch.tensor([decibels])
    mixed = torchaudio.functional.add_noise(
        torch.from_numpy(samples)[None], torch.from_numpy(noise)[None], ratio
    )
    return mixed[0].numpy()


def add_room(samples: Floats, rng: np.random.Generator, seconds: float, wet: float) -> Floats:
    """Sound in a room that fades by 60 dB in `seconds`: exponential noise, `wet` of the direct."""
    n = int(16_000 * seconds)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    tail *= wet / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    response = torch.from_numpy(tail.astype(np.float32))
    full = torchaudio.functional.fftconvolve(torch.from_numpy(samples), response)
    return full[: len(samples)].numpy()


def coloured_noise(rng: np.random.Generator, n: int, slope: float) -> Floats:
    """Noise (n,) whose power falls as frequency ** -slope: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum[1:] *= np.arange(1, len(spectrum)) ** (-slope / 2)
    noise = np.fft.irfft(spectrum, n)
    return (noise / (np.std(noise) + 1e-12)).astype(np.float32)


def distort(samples: Floats, rng: np.random.Generator, babble: Floats | None = None) -> Floats:
    """A microphone's view of clean speech: a room, noise or other voices under it, any gain within
    20 dB. `babble` is the sound of others, as long or longer."""
    if rng.random() < 0.4:
        samples = add_room(samples, rng, rng.uniform(0.1, 0.5), rng.uniform(0.05, 0.4))
    noise = coloured_noise(rng, len(samples), rng.uniform(0, 2))
    decibels = float(rng.uniform(12, 60))
    noisy = add_noise(samples, noise, decibels)
    if babble is not None and rng.random() < 0.35:
        noisy = add_noise(noisy, babble[: len(samples)], float(rng.uniform(6, 25)))
    gain = 10 ** (rng.uniform(-20, 14) / 20)
    return np.clip(noisy * np.float32(gain), -1, 1)
