"""From the code that a voice shows to what it says, and the frames that engine.voices hears.

Synthesisers are few, so they are moved: played faster or slower the formants and the pitch shift
together, and what the pitch should not shift is asked of the synthesiser beforehand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import soxr
from numpy.typing import NDArray

from engine.types import Floats
from engine.voices.features import LogMel
from training.data.sentences import all_sentences
from training.data.voices import RATE, TRAINING, Voice

from .link import CLASSES

SPEAKERS = {
    0: ("flite:slt", "espeak:en-us+f2", "espeak:en-us+f5", "espeak:en-gb-x-rp+f1"),
    1: ("flite:kal16", "espeak:en-us+m1", "espeak:en-us+m4", "espeak:en-gb-x-rp+m2"),
}
PITCH = (1.14, 1.04, 0.94, 0.84)  # of an age, relative to the speaker's own
PACE = (0.88, 1.0, 1.15, 1.35)  # of an age: how long a sentence takes
FORMANTS = (1.13, 1.0, 0.88)  # of a build: long throats sound lower
LOUD = 0.02  # of the loudest window: quieter frames are pauses

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Speaker:
    """One made-up voice."""

    voice: Voice
    pitch: float
    pace: float
    formants: float
    manner: str  # of MANNERS
    strength: float

    def say(self, text: str, rng: np.random.Generator) -> Floats:
        """16 kHz mono samples."""
        pitch, pace = (v * rng.normal(1, 0.03) for v in (self.pitch, self.pace))
        faster = self.formants
        said = self.voice.say(text, pace * faster, pitch / faster)
        samples = soxr.resample(said.samples, RATE * faster, RATE).astype(np.float32)
        return room(MANNERS[self.manner](samples, self.strength, rng), rng)


def speaker(code: Rows, rng: np.random.Generator) -> Speaker:
    """Of the classes (4,) in the order of link.CLASSES."""
    gender, age, build, shape = (int(c) for c in code)
    names = SPEAKERS[gender]
    engine, name = names[rng.choice(len(names), p=(0.1, 0.3, 0.3, 0.3))].split(":")
    voice = next(v for v in TRAINING if (v.engine, v.name) == (engine, name))
    vary = rng.normal(1, (0.025, 0.025, 0.012))
    return Speaker(
        voice, PITCH[age] * vary[0], PACE[age] * vary[1], FORMANTS[build] * vary[2],
        tuple(MANNERS)[shape], float(rng.uniform(0.8, 1.2)),
    )  # fmt: skip


def frames(samples: Floats) -> Floats:
    """Log-mel frames (n, 64) as engine.voices hears them, pauses left out by loudness: these
    voices come from silence, so no net is needed to tell speech from noise."""
    heard = LogMel().push(samples)
    loud = np.exp(heard).sum(1)
    return heard[loud > LOUD**2 * loud.max()]


def text(rng: np.random.Generator) -> str:
    lines = _lines()
    return lines[rng.integers(len(lines))]


@cache
def _lines() -> list[str]:
    return [line for line in all_sentences(3000) if len(line) > 40]


# manners of speaking: one for each class of shape


def plain(samples: Floats, strength: float, rng: np.random.Generator) -> Floats:
    return samples


def breathy(samples: Floats, strength: float, rng: np.random.Generator) -> Floats:
    """Noise above 2 kHz that follows the voice."""
    noise = np.diff(rng.normal(0, 1, len(samples) + 1))
    return np.asarray(samples + 0.35 * strength * envelope(samples, 0.02) * noise, np.float32)


def rough(samples: Floats, strength: float, rng: np.random.Generator) -> Floats:
    """Beats about 28 times a second, never twice the same."""
    phase = np.cumsum(2 * np.pi * 28 * (1 + 0.1 * rng.normal(size=len(samples))) / RATE)
    return np.asarray(samples * (1 - 0.4 * strength * (1 + np.sin(phase))), np.float32)


def trembling(samples: Floats, strength: float, rng: np.random.Generator) -> Floats:
    """Swells six times a second."""
    phase = 2 * np.pi * (6 * np.arange(len(samples)) / RATE + rng.random())
    return np.asarray(samples * (1 - 0.35 * strength * (1 + np.sin(phase))), np.float32)


def pressed(samples: Floats, strength: float, rng: np.random.Generator) -> Floats:
    """All about equally loud."""
    level = envelope(samples, 0.03)
    return np.asarray(samples * (level + 1e-3) ** (-0.6 * min(strength, 1.2)), np.float32)


def hollow(samples: Floats, strength: float, rng: np.random.Generator) -> Floats:
    """A short tail after each sound, as in a vault."""
    tail = rng.normal(0, 1, RATE // 5) * np.exp(-np.arange(RATE // 5) / (0.05 * RATE))
    size = len(samples) + len(tail)
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(tail / np.linalg.norm(tail), size)
    echo = np.fft.irfft(spectrum, size)[: len(samples)]
    return np.asarray(samples + 0.8 * strength * echo, np.float32)


MANNERS: dict[str, Callable[[Floats, float, np.random.Generator], Floats]] = {
    f.__name__: f for f in (plain, breathy, rough, trembling, pressed, hollow)
}
assert len(MANNERS) == len(CLASSES["shape"])


def envelope(samples: Floats, seconds: float) -> Floats:
    """Root mean square (n,) around each sample."""
    width = int(seconds * RATE)
    power = np.convolve(samples**2, np.full(width, 1 / width), "same")
    return np.asarray(np.sqrt(np.maximum(power, 0)), np.float32)


def room(samples: Floats, rng: np.random.Generator) -> Floats:
    """Any gain, any colour of microphone, a little noise."""
    spectrum = np.fft.rfft(samples)
    at = np.linspace(0, 1, len(spectrum))
    tilt = rng.normal(0, 4) * at + rng.normal(0, 2) * np.cos(2 * np.pi * (at + rng.random()))
    coloured = np.fft.irfft(spectrum * 10 ** (tilt / 20), len(samples))
    coloured *= rng.uniform(0.05, 0.5) / (np.abs(coloured).max() + 1e-9)
    noise = rng.normal(0, 10 ** rng.uniform(-4, -2.7), len(samples))
    return np.asarray(coloured + noise, np.float32)
