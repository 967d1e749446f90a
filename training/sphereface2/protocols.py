"""Which pairs are compared: made from people, or read from lists. A new protocol is one function
of Faces that returns Pairs."""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError
from engine.types import Floats

from . import measures
from .faces import Faces, Rows
from .measures import Doubles, Scores, Search


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows of Faces to be compared."""

    left: Rows  # (n,)
    right: Rows  # (n,)
    same: NDArray[np.bool_]  # (n,)
    fold: Rows  # (n,) for 10-fold accuracy

    def take(self, kept: NDArray[np.bool_]) -> "Pairs":
        return Pairs(self.left[kept], self.right[kept], self.same[kept], self.fold[kept])


def similarity(x: Floats, y: Floats) -> Doubles:
    """1 - |x - y|^2 / 2, the cosine of unit vectors; dlib's are compared by distance."""
    return np.asarray(1 - ((x.astype(np.float64) - y) ** 2).sum(-1) / 2)


def scores(faces: Faces, pairs: Pairs, embedding: Floats) -> Scores:
    values = similarity(embedding[pairs.left], embedding[pairs.right])
    same, person = pairs.same, faces.person
    return Scores(
        values[same], person[pairs.left[same]], values[~same], person[pairs.left[~same]],
        person[pairs.right[~same]],
    )  # fmt: skip


def everyone(faces: Faces, each: int = 8, impostors: int = 200_000, seed: int = 0) -> Pairs:
    """All genuine pairs of at most `each` pictures a person, and many impostor pairs of them."""
    rng = np.random.default_rng(seed)
    groups = list(_groups(faces, each, rng))
    genuine = [np.stack(np.triu_indices(len(g), 1)) for g in groups]
    own = np.concatenate([g[p] for g, p in zip(groups, genuine, strict=True)], axis=1)
    rows = np.concatenate(groups)
    drawn = rng.choice(rows, (2, impostors))
    drawn = drawn[:, faces.person[drawn[0]] != faces.person[drawn[1]]]
    if not own.size or not drawn.size:
        raise ConfigError("pairs need two or more people, and one with two or more pictures")
    return _joined(faces, own, drawn)


def _groups(faces: Faces, each: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Rows of each person, not more than `each`."""
    order = np.argsort(faces.person, kind="stable")
    for group in np.split(order, np.cumsum(faces.counts)[:-1]):
        yield rng.permutation(group)[:each]


def _joined(faces: Faces, own: Rows, others: Rows) -> Pairs:
    left, right = np.concatenate([own, others], axis=1)
    same = np.arange(len(left)) < own.shape[1]
    return Pairs(left, right, same, _fold(faces)[faces.person[left]])


def _fold(faces: Faces) -> Rows:
    """(people,) in ten parts, by a hash that is not the one that holds people out."""
    digests = (hashlib.sha256(f"fold {p}".encode()).digest()[0] % 10 for p in faces.people)
    return np.fromiter(digests, np.int64, len(faces.people))


def ten_folds(faces: Faces, each: int = 300, seed: int = 0) -> Pairs:
    """As LFW: in each of ten folds of people equally many genuine and impostor pairs."""
    rng = np.random.default_rng(seed)
    every = everyone(faces, impostors=400_000, seed=seed)
    fold = _fold(faces)
    inside = fold[faces.person[every.left]] == fold[faces.person[every.right]]
    every = every.take(inside)
    kept = np.zeros(len(every.left), bool)
    for k in np.unique(every.fold):
        sides = [np.flatnonzero((every.fold == k) & (every.same == s)) for s in (True, False)]
        count = min(each, *map(len, sides))
        for side in sides:
            kept[rng.choice(side, count, replace=False)] = True
    return every.take(kept)


def listed(faces: Faces, file: Path) -> Pairs:
    """An LFW-format list (NAME i j, NAME i NAME j) or a .csv with the columns a, b, same.

    Pictures are found by SOURCE/name, by name, or as NAME/NAME_0001; pairs with one that is not
    there are left out.
    """
    at = _places(faces)
    if file.suffix == ".csv":
        rows = _csv_pairs(file)
    else:
        rows = _lfw_pairs(file)
    found = [(at[a], at[b], same, fold) for a, b, same, fold in rows if a in at and b in at]
    if not found:
        raise ConfigError(f"{file}: none of its pictures are among the faces prepared")
    left, right, same, fold = (np.array(x) for x in zip(*found, strict=True))
    return Pairs(left, right, same.astype(bool), fold)


def _places(faces: Faces) -> dict[str, int]:
    found: dict[str, int] = {}
    for row, name in enumerate(faces.files):
        inner = name.split("/", 1)[1]
        stem = inner.rsplit(".", 1)[0]
        for key in (name, inner, stem):
            found.setdefault(key, row)
    return found


def _csv_pairs(file: Path) -> list[tuple[str, str, bool, int]]:
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or not {"a", "b", "same"} <= set(rows[0]):
        raise ConfigError(f"{file} should have the columns a, b and same (1 or 0)")
    return [
        (r["a"], r["b"], r["same"].strip() in ("1", "true", "True"), k * 10 // len(rows))
        for k, r in enumerate(rows)
    ]


def _lfw_pairs(file: Path) -> list[tuple[str, str, bool, int]]:
    lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    pairs = [p for p in lines if len(p) in (3, 4)]
    if not pairs:
        raise ConfigError(f"{file} holds no pairs: lines are NAME i j, or NAME i NAME j")
    size = -(-len(pairs) // 10)
    made = []
    for k, p in enumerate(pairs):
        name, first, other, second = (p[0], p[1], p[0], p[2]) if len(p) == 3 else p
        made.append((_stem(name, first), _stem(other, second), len(p) == 3, k // size))
    return made


def _stem(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}"


def one_to_many(faces: Faces, embedding: Floats, seed: int = 0, probes: int = 4000) -> Search:
    """Half of the people are enrolled with one picture; the rest are the strangers."""
    rng = np.random.default_rng(seed)
    several = np.flatnonzero(faces.counts > 1)
    enrolled = rng.permutation(several)[: max(1, len(several) // 2)]
    first = np.array([rng.choice(np.flatnonzero(faces.person == p)) for p in enrolled])
    column = np.full(len(faces.people), -1)
    column[enrolled] = np.arange(len(enrolled))
    others = np.setdiff1d(np.arange(len(faces)), first)
    known = column[faces.person[others]] >= 0
    mated, strangers = (rng.permutation(others[k])[:probes] for k in (known, ~known))
    table = [
        similarity(embedding[rows][:, None], embedding[first][None]) for rows in (mated, strangers)
    ]
    return measures.search(table[0], column[faces.person[mated]], table[1])


def within(faces: Faces, pairs: Pairs, group: dict[str, str], name: str) -> Pairs:
    """Only pairs of two people of one group."""
    mine = np.array([group.get(p) == name for p in faces.people])[faces.person]
    return pairs.take(mine[pairs.left] & mine[pairs.right])
