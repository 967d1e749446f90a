"""Voices as the frozen net embeds them, faces and heads: by person where both are known of one,
else by a covariate that voices and faces share.

Who is held out is held out of DIMNet too, where `data.fold` is the one that its model held out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.head import Head
from engine.types import Bytes, Floats
from engine.voices.features import RATE, LogMel
from engine.voices.level import Level
from engine.voices.listen import SECOND
from engine.voices.model import Model, unit
from engine.voices.space import Space
from training.dimnet import data as dimnet
from training.dimnet.data import IDENTITY, DataConfig, Rows, Side
from training.voices import people as who

from . import noises, people
from .net import SIDE
from .space import fit_space, numbers_of

MOST = 15  # seconds of a recording that are heard
NOISES, NOISE_SECONDS = 40, 4  # of each kind


@dataclass(frozen=True, slots=True)
class Shapes:
    """What the heads' shapes are made of."""

    classes: float = 1.1  # of the head model's own shape of each class that it knows by name
    people: float = 1.3  # of how the tracker finds people to differ from their class


@dataclass(frozen=True, slots=True)
class Heads:
    """The heads' numbers and what is known of whose they are."""

    numbers: Floats  # (n, k + m)
    side: Side


@dataclass(frozen=True, slots=True)
class Material:
    """All that a run learns from and is tested on."""

    seconds: tuple[Floats, ...]  # of each recording (s, dim), an embedding a second; not unit
    how: tuple[str, ...]  # of each recording: clean, telephone, noisy
    voice: Side
    pixels: Bytes  # (n, 64, 64, 3)
    face: Side
    heads: Heads
    space: Space
    label: str  # identity, or the covariate that is shared
    classes: tuple[str, ...]
    silence: Floats  # (n, dim) embeddings of noise that is learnt from
    ears: Model

    def hear(self, rows: Rows, longest: int, rng: np.random.Generator) -> Floats:
        """(b, dim) unit: the mean over some consecutive seconds of each recording."""
        made = []
        for row in rows:
            heard = self.seconds[row]
            count = int(rng.integers(1, min(longest, len(heard)) + 1))
            begin = int(rng.integers(len(heard) - count + 1))
            made.append(heard[begin : begin + count].mean(0))
        return unit(np.stack(made))

    def whole(self, rows: Rows, most: int = MOST) -> Floats:
        """(b, dim) unit: the mean over each recording's first seconds, as the engine hears it."""
        return unit(np.stack([self.seconds[row][:most].mean(0) for row in rows]))

    def seen(self) -> Floats:
        """(n, dim) unit: what DIMNet's face net makes of each face. Of 4,000, a minute."""
        blocks = (self.pixels[k : k + 256] for k in range(0, len(self.pixels), 256))
        return unit(np.concatenate([self.ears.faces(b) for b in blocks]))

    def mean_face(self) -> Floats:
        """(64, 64, 3) in [-1, 1]: of the faces learnt from, every class counting the same."""
        rows = self.face.rows("train", self.label)
        labels = self.face.labels[self.label][rows]
        means = [self.pixels[rows[labels == c]].mean(0) for c in np.unique(labels)]
        return np.asarray(np.mean(means, 0) / 127.5 - 1, np.float32)


def middle(heads: Heads, label: str) -> Floats:
    """(k + m,) the mean head of those learnt from, every class counting the same."""
    rows = heads.side.rows("train", label)
    labels = heads.side.labels[label][rows]
    means = [heads.numbers[rows[labels == c]].mean(0) for c in np.unique(labels)]
    return np.asarray(np.mean(means, 0), np.float32)


def load(
    config: DataConfig, heads: Path, model: Path | None, space: Space | int, shapes: Shapes
) -> Material:
    """`space`: what heads' numbers mean, or with how many shades to fit it to those learnt from.
    ConfigError where voices, faces or heads are missing, or nothing is known of them."""
    both = dimnet.load(config, SIDE)
    label = config.covariates[0]
    classes = both.classes[label]
    ears = Model.load(model)
    found = people.load(heads)
    side = _side(found.people, label, classes, config)
    learnt = side.rows("train", label)
    if set(classes) <= set(Head.load().presets):
        found = shaped(found, side.labels[label], classes, learnt, shapes)
    fitted = fit_space(_some(found, learnt), space) if isinstance(space, int) else space
    shown = Heads(numbers_of(fitted, found), side)
    if fitted is not space:
        fitted = replace(fitted, middle=middle(shown, label))
    return Material(
        tuple(heard(ears, both.voices.of(r)) for r in range(len(both.voices))), both.voices.how,
        both.voice, both.pixels, both.face,
        shown, fitted, label, classes,
        np.concatenate([of_noise(ears, kind, 0) for kind in noises.LEARNT]), ears,
    )  # fmt: skip


def shaped(
    heads: people.Heads, labels: Rows, classes: Sequence[str], learnt: Rows, shapes: Shapes
) -> people.Heads:
    """Heads whose shape is the head model's own of their class, and on top what the tracker found
    to set each person apart.

    The tracker sees the shape of a class hardly at all, and its mean person is not the model's.
    """
    presets = Head.load().presets
    modes = heads.identity.shape[1]
    own = [presets[c][:modes] if c in presets else np.zeros(modes) for c in classes]
    apart = heads.identity.copy()
    for number in range(-1, len(classes)):
        mine = labels == number
        mean = learnt[labels[learnt] == number] if number >= 0 else learnt
        apart[mine] -= heads.identity[mean].mean(0) if len(mean) else 0
    shape = np.stack([*own, np.mean(own, 0)])[labels]
    identity = shapes.classes * shape + shapes.people * apart
    return replace(heads, identity=identity.astype(np.float32))


def heard(ears: Model, frames: Floats) -> Floats:
    """(s, dim): spoken frames (n, 64) second by second, each levelled by what came until then."""
    level, count = Level(), min(len(frames) // SECOND, MOST)
    parts = [level.push(frames[k * SECOND : (k + 1) * SECOND]) for k in range(count)]
    return ears.voices(np.stack(parts))


def of_noise(ears: Model, kind: str, seed: int) -> Floats:
    """(n, dim) unit: what the net makes of noise that is forced on it as if it were speech."""
    rng = np.random.default_rng([seed, len(kind)])
    make = (noises.LEARNT | noises.KEPT)[kind]
    sounds = [make(NOISE_SECONDS * RATE + RATE // 4, rng) for _ in range(NOISES)]
    return unit(np.stack([heard(ears, LogMel().push(s)).mean(0) for s in sounds]))


def _some(heads: people.Heads, rows: Rows) -> people.Heads:
    names = tuple(heads.people[r] for r in rows)
    return people.Heads(names, heads.identity[rows], heads.reflectance[rows])


def _side(names: Sequence[str], label: str, classes: tuple[str, ...], config: DataConfig) -> Side:
    table = who.read([Path(config.people)])
    known = {c: c for c in classes} if label == IDENTITY else who.covariate(table, label)
    called = tuple(who.called(table, n) for n in names)
    labels = [classes.index(known[n]) if known.get(n) in classes else -1 for n in called]
    parts = np.array([dimnet.part_of(n, config) for n in called])
    return Side(called, {label: np.array(labels, np.int64)}, parts)


def held(side: Side, label: str) -> Rows:
    """Items of people never trained on whose class is known."""
    return side.rows("held", label)
