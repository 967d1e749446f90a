"""Clips of a synthetic speaker: sound, phones, ARKit motion and whose face it is.

A clip is a function of its number and the configuration, so a data set is made anew anywhere
(espeak-ng alone keeps a noise source of its own, which moves its phones by a millisecond).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import soxr
from numpy.typing import NDArray

from engine.types import Floats

from . import coarticulation, upper
from .coarticulation import Style
from .phones import PAUSE
from .sentences import all_sentences, held_out
from .voices import HELD_OUT, RATE, TRAINING, Phone, Utterance, Voice

FPS = 30
MADE = "made"  # the generator's manner of moving


@dataclass(frozen=True, slots=True)
class Clip:
    """Sound and the motion that goes with it; row k of the motion is at k / FPS seconds."""

    voice: str  # who speaks, as ENGINE:NAME or CORPUS:NAME
    text: str
    samples: Floats  # (s,) at 16 kHz
    phones: tuple[Phone, ...]  # without gaps, from 0 to the end; empty where none are known
    weights: Floats  # (n, 52) ARKit
    head: Floats  # (n, 3) radians: yaw, pitch, roll
    identity: Floats  # (modes,) standard deviations
    mouth: Floats  # (n,) in [0, 1]: how far the mouth's motion is to be believed
    upper: Floats  # (n,) the same of the rest of the face
    person: str  # whose clip it is: splits are by person


@dataclass(frozen=True, slots=True)
class Part:
    """Which voices and sentences a clip may take, and how it is varied."""

    voices: Sequence[Voice]
    sentences: Sequence[str]
    vary: bool  # pace, pitch, vocal-tract length, pauses


def part(name: str, sentences: int = 1600) -> Part:
    """`train`, `test` (held-out sentences, known voices) or `voices` (held-out voices as well)."""
    lines = all_sentences(sentences)
    if name == "train":
        return Part(TRAINING, [s for s in lines if not held_out(s)], vary=True)
    kept = [s for s in lines if held_out(s)]
    return Part(TRAINING if name == "test" else HELD_OUT, kept, vary=False)


def clips(source: Part, count: int, modes: int, seed: int) -> Iterator[Clip]:
    for number in range(count):
        yield clip(source, number, modes, seed)


def clip(source: Part, number: int, modes: int, seed: int) -> Clip:
    """Clip `number`: some 4 to 14 seconds; voices take turns, flite's as often as espeak's."""
    rng = np.random.default_rng([seed, number])
    voice = _turn(source.voices, number)
    texts = [str(s) for s in rng.choice(np.array(source.sentences), rng.integers(1, 4))]
    identity = np.clip(rng.standard_normal(modes), -2.2, 2.2).astype(np.float32)
    said = [_say(voice, text, rng, source.vary) for text in texts]
    samples, phones = _joined(said, rng)
    times = np.arange(int(len(samples) * FPS / RATE)) / FPS
    return Clip(
        f"{voice.engine}:{voice.name}", " ".join(texts), samples, phones,
        motion(phones, samples, times, rng),
        upper.head_curves(rng, len(times), FPS),
        identity, np.ones(len(times), np.float32), np.ones(len(times), np.float32),
        f"{voice.engine}:{voice.name}",
    )  # fmt: skip


def _turn(voices: Sequence[Voice], number: int) -> Voice:
    """Flite's recorded voices are few and the most natural: they get every other turn."""
    groups = [[v for v in voices if v.engine == e] for e in ("flite", "espeak")]
    group = groups[number % 2] or groups[1 - number % 2]
    return group[(number // 2) % len(group)]


def _say(voice: Voice, text: str, rng: np.random.Generator, vary: bool) -> Utterance:
    if not vary:
        return voice.say(text)
    said = voice.say(text, float(rng.uniform(0.85, 1.25)), float(rng.uniform(0.8, 1.25)))
    return _longer_tract(said, float(rng.uniform(0.86, 1.16)))


def _longer_tract(said: Utterance, ratio: float) -> Utterance:
    """The sound played slower by `ratio`: lower, and with the formants of a larger speaker."""
    samples = soxr.resample(said.samples, RATE, RATE * ratio).astype(np.float32)
    phones = tuple(Phone(p.name, p.start * ratio, p.end * ratio) for p in said.phones)
    return replace(said, samples=samples, phones=phones)


def _joined(said: list[Utterance], rng: np.random.Generator) -> tuple[Floats, tuple[Phone, ...]]:
    """Utterances with silences around and between them, at a common level of about -26 dB."""
    pieces: list[Floats] = []
    phones: list[Phone] = []
    t = 0.0
    for i in range(len(said) + 1):
        quiet = round(
            RATE
            * float(
                rng.choice([0.15, 0.3, 0.5, 0.9, 2.0, 4.0], p=(0.2, 0.25, 0.25, 0.15, 0.1, 0.05))
                * rng.uniform(0.5, 1.2)
            )
        )
        pieces.append(np.zeros(quiet, np.float32))
        phones.append(Phone(PAUSE, t, t + quiet / RATE))
        t += quiet / RATE
        if i < len(said):
            pieces.append(said[i].samples)
            phones += [Phone(p.name, t + p.start, t + p.end) for p in said[i].phones]
            t += len(said[i].samples) / RATE
    sound = np.concatenate(pieces)
    loud = float(np.sqrt(np.mean(np.concatenate([u.samples for u in said]) ** 2)))
    return sound * np.float32(0.05 / max(loud, 1e-4)), _merged(phones)


def _merged(phones: list[Phone]) -> tuple[Phone, ...]:
    """Neighbouring pauses as one."""
    out: list[Phone] = []
    for p in phones:
        if out and p.name == PAUSE == out[-1].name:
            out[-1] = replace(out[-1], end=p.end)
        else:
            out.append(p)
    return tuple(out)


def motion(
    phones: tuple[Phone, ...], samples: Floats, times: NDArray[np.float64], rng: np.random.Generator
) -> Floats:
    """The generator's second half: phones of any origin -> weights (n, 52) at `times` (n,)."""
    style = Style(
        articulation=float(rng.uniform(0.92, 1.08)),
        smile=float(max(0.0, rng.normal(0.03, 0.05))),
        asymmetry=float(rng.normal(0, 0.4)),
    )
    force = coarticulation.stress(phones, samples, RATE)
    mouth = coarticulation.curves(phones, times, force, style)
    return np.clip(mouth + upper.upper_curves(rng, times, FPS), 0, 1)
