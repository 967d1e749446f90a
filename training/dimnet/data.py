"""Voices and faces with what is known of them; balanced batches; people held out by their names."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError
from engine.types import Bytes, Floats
from training.sphereface2 import faces as face_store
from training.voices import people as who
from training.voices import store as voice_store
from training.voices.people import People
from training.voices.store import Voices

from . import templates as template_store

Rows = NDArray[np.int64]
Part = Literal["train", "dev", "held", "left"]
IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What is learnt from, and who is held out."""

    voices: str = "runs/voices"  # of training.prepare voices
    faces: str = "runs/faces"  # of training.prepare sphereface2
    people: str = "runs/people.csv"  # what is known of both
    covariates: tuple[str, ...] = ("gender",)  # of identity, gender, nationality, age
    heard: int = 32  # voices in a batch (paper: 256 of both together)
    seen: int = 32  # faces in a batch
    shortest: int = 100  # frames of a voice (paper: 300 to 800)
    longest: int = 200
    mixed: float = 0.1  # share of voices that are two people at once: neither is right
    folds: int = 5
    fold: int = -1  # the part of the people that is held out for tests; -1 is nobody
    dev: float = 0.1  # of the others, to know when to stop
    level: bool = False  # pictures by their own mean and spread, as voices are by theirs
    unlabelled: bool = False  # also faces of whom nothing is known: for a teacher's templates
    share: float = 1.0  # of the people who are not held out: the rest are left out altogether


def place(name: str, salt: str = "") -> float:
    """In [0, 1), by a name alone: whoever is held out stays so, whatever is added."""
    return int(hashlib.sha256(f"{salt}{name}".encode()).hexdigest()[:8], 16) / 2**32


def part_of(name: str, config: DataConfig) -> Part:
    if int(place(name) * config.folds) == config.fold:
        return "held"
    if place(name, "share") >= config.share:
        return "left"
    return "dev" if place(name, "dev") < config.dev else "train"


@dataclass(frozen=True, slots=True)
class Side:
    """One modality's items: whose they are and what is known of them."""

    names: tuple[str, ...]  # (n,) the person of each
    labels: dict[str, Rows]  # covariate -> (n,) class, -1 where not known
    parts: NDArray[np.str_]  # (n,)

    def rows(self, part: Part, covariate: str | None = None) -> Rows:
        """Items of a part, and if asked only those with a known covariate."""
        mine = self.parts == part
        return np.flatnonzero(mine if covariate is None else mine & (self.labels[covariate] >= 0))


class Balanced:
    """Draws evenly among combinations of covariates, then among people, then among items."""

    def __init__(self, side: Side, rows: Rows, covariates: Sequence[str]) -> None:
        keys = [tuple(int(side.labels[c][r]) for c in covariates if c != IDENTITY) for r in rows]
        groups: dict[tuple[int, ...], dict[str, list[int]]] = {}
        for key, row in zip(keys, rows.tolist(), strict=True):
            groups.setdefault(key, {}).setdefault(side.names[row], []).append(row)
        people = [p for g in groups.values() for p in g.values()]
        self.group = _starts([len(g) for g in groups.values()])  # into people
        self.person = _starts([len(p) for p in people])  # into items
        self.items = np.array([row for p in people for row in p], np.int64)

    def draw(self, count: int, rng: np.random.Generator) -> Rows:
        number = len(self.group) - 1
        which = (rng.permutation(count) + rng.integers(number)) % number
        people = _within(self.group, which, rng)
        return np.asarray(self.items[_within(self.person, people, rng)])


def _starts(counts: Sequence[int]) -> Rows:
    return np.cumsum([0, *counts]).astype(np.int64)


def _within(starts: Rows, which: Rows, rng: np.random.Generator) -> Rows:
    """One member of each of these blocks."""
    return np.asarray(rng.integers(starts[which], starts[which + 1]))


@dataclass(frozen=True, slots=True)
class Material:
    """All that a run learns from and is tested on."""

    config: DataConfig
    voices: Voices
    pixels: Bytes  # (n, s, s, 3)
    voice: Side
    face: Side
    classes: dict[str, tuple[str, ...]]  # covariate -> the names of its classes
    taught: Floats | None = None  # (n, 128) what a teacher's net makes of each face, unit
    templates: Floats | None = None  # (n, 128) unit, for a face net that takes these

    @property
    def shown(self) -> Bytes | Floats:
        """What the face net takes of each face."""
        return self.pixels if self.templates is None else self.templates


def load(config: DataConfig, pixels: int, templates: bool = False) -> Material:
    """ConfigError where nothing is known of the voices or of the faces."""
    people = who.read([Path(config.people)])
    voices = voice_store.load(Path(config.voices))
    faces = face_store.load(Path(config.faces))
    speakers = [who.called(people, p) for p in voices.people]
    shown = [who.called(people, faces.people[k]) for k in faces.person]
    wanted = _wanted(config, people, speakers, shown)
    both = set(speakers) & set(shown) if IDENTITY in config.covariates else set[str]()
    known = np.array(
        [config.unlabelled or n in both or any(n in w for w in wanted.values()) for n in shown],
        bool,
    )
    classes = {c: tuple(sorted(set(wanted[c].values()))) for c in wanted}
    voice = _side(speakers, wanted, classes, config)
    face = _side([n for n, k in zip(shown, known, strict=True) if k], wanted, classes, config)
    for name, side in (("voices", voice), ("faces", face)):
        if not len(side.rows("train")):
            raise ConfigError(f"{config.people} knows none of the {name}' {config.covariates}")
    kept = faces.take(known).scaled(pixels)
    seen = evened(kept.pixels) if config.level else kept.pixels
    made = template_store.of(faces, Path(config.faces))[known] if templates else None
    return Material(config, voices, seen, voice, face, classes, _unit(kept.teacher), made)


def _unit(templates: Floats | None) -> Floats | None:
    if templates is None:
        return None
    return np.asarray(templates / np.linalg.norm(templates, axis=1, keepdims=True), np.float32)


def evened(pixels: Bytes) -> Bytes:
    """Pictures (n, s, s, 3) of one mean and one spread in each colour of their middle: the lamp and
    the skin's tone are taken out."""
    side = pixels.shape[1]
    middle = pixels[:, side // 4 : -side // 4, side // 4 : -side // 4].astype(np.float32)
    mean, spread = middle.mean((1, 2), keepdims=True), middle.std((1, 2), keepdims=True)
    even = 128 + 48 * (pixels - mean) / np.maximum(spread, 4)
    return np.clip(np.rint(even), 0, 255).astype(np.uint8)


def _wanted(
    config: DataConfig, people: People, speakers: Sequence[str], shown: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Covariate -> person -> value. Identities are those of whom there are voice and face."""
    found = {c: who.covariate(people, c) for c in config.covariates if c != IDENTITY}
    if IDENTITY in config.covariates:
        both = set(speakers) & set(shown)
        found[IDENTITY] = {n: n for n in both if part_of(n, config) == "train"}
        if len(both) < 2:
            raise ConfigError("nobody has both a voice and a face: identity cannot be learnt here")
    met = set(speakers) | set(shown)
    found = {c: {n: v for n, v in known.items() if n in met} for c, known in found.items()}
    if empty := [c for c, known in found.items() if len(set(known.values())) < 2]:
        raise ConfigError(f"{config.people} has fewer than two classes of '{empty[0]}' here")
    return found


def _side(
    names: Sequence[str],
    wanted: Mapping[str, Mapping[str, str]],
    classes: Mapping[str, tuple[str, ...]],
    config: DataConfig,
) -> Side:
    labels = {}
    for c, known in wanted.items():
        number = {value: k for k, value in enumerate(classes[c])}
        labels[c] = np.array([number[known[n]] if n in known else -1 for n in names], np.int64)
    return Side(tuple(names), labels, np.array([part_of(n, config) for n in names]))
