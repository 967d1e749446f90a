"""Trials between voices and faces, and what a similarity is worth in them.

Where people have both a voice and a face, true pairs are drawn by person. Where they do not, they
are drawn by covariate: the "true" face is anybody's of the voice's class. The two are not compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.types import Floats
from engine.verify import covariates as rules
from engine.verify.covariates import Covariate, Doubles
from training.sphereface2.measures import Scores, curve

from .data import Rows

AMONG = (2, 3, 5, 10)


@dataclass(frozen=True, slots=True)
class Items:
    """One side of the trials: unit embeddings (n, d), the person and the class of each."""

    embedding: Floats
    person: NDArray[np.str_]  # (n,)
    group: Rows  # (n,) class of the covariate


@dataclass(frozen=True, slots=True)
class Trials:
    """Probe rows (t,) and gallery rows (t, n), the true one first."""

    probe: Rows
    gallery: Rows


def by_person(
    probes: Items, gallery: Items, count: int, n: int, grouped: bool, rng: np.random.Generator
) -> Trials:
    """People of whom there are both; impostors are others, of the same class if `grouped`."""
    both = np.array(sorted(set(probes.person) & set(gallery.person)))
    own = rng.choice(both, count)
    probe = np.array([rng.choice(np.flatnonzero(probes.person == p)) for p in own])
    rows = np.empty((count, n), np.int64)
    everyone = np.arange(len(gallery.person))
    for k, person in enumerate(own):
        mine = gallery.person == person
        group = gallery.group[np.flatnonzero(mine)[0]]
        others = everyone[~mine & ((gallery.group == group) if grouped else True)]
        rows[k] = [rng.choice(everyone[mine]), *rng.choice(others, n - 1)]
    return Trials(probe, rows)


def by_covariate(
    probes: Items, gallery: Items, count: int, n: int, grouped: bool, rng: np.random.Generator
) -> Trials:
    """Classes drawn evenly for the probe and, unless `grouped`, for each impostor; among a
    class, people evenly, then items."""
    classes = np.unique(probes.group)
    mine = rng.choice(classes, count)
    wanted = np.repeat(mine[:, None], n, 1)
    if not grouped:
        wanted[:, 1:] = rng.choice(classes, (count, n - 1))
    return Trials(_draw(probes, mine, rng), _draw(gallery, wanted, rng))


def _draw(items: Items, wanted: Rows, rng: np.random.Generator) -> Rows:
    drawn = np.empty(wanted.shape, np.int64)
    for c in np.unique(wanted):
        rows = np.flatnonzero(items.group == c)
        _, person, counts = np.unique(items.person[rows], return_inverse=True, return_counts=True)
        chance = 1 / (counts[person] * len(counts))
        mine = wanted == c
        drawn[mine] = rng.choice(rows, int(mine.sum()), p=chance)
    return drawn


def similarities(probes: Items, gallery: Items, trials: Trials) -> Doubles:
    """Cosines (t, n)."""
    a, b = probes.embedding[trials.probe], gallery.embedding[trials.gallery]
    return np.asarray(np.einsum("td,tnd->tn", a, b), np.float64)


def matching(alike: Doubles, n: int) -> float:
    """How often the true one of the first n is the most alike."""
    return float((alike[:, :n].argmax(1) == 0).mean())


def eer(alike: Doubles) -> float:
    """Of true pairs against the first impostors."""
    nobody = np.zeros(len(alike), np.int64)  # intervals by person are not asked for
    genuine, impostor = alike[:, :2].T
    return curve(Scores(genuine, nobody, impostor, nobody, nobody)).eer


def precision(probes: Items, gallery: Items, by: str) -> float:
    """Mean average precision of the gallery ranked by similarity; relevant is the probe's own
    class (`by` group) or person."""
    found = []
    for k, row in enumerate(probes.embedding @ gallery.embedding.T):
        same = getattr(gallery, by) == getattr(probes, by)[k]
        hits = same[np.argsort(-row, kind="stable")]
        if hits.any():
            places = np.flatnonzero(hits) + 1
            found.append(float((np.arange(1, len(places) + 1) / places).mean()))
    return float(np.mean(found))


def even(items: Items, rng: np.random.Generator, most: int = 400) -> Items:
    """As many items of each class, one a person at most: a gallery with an even prior."""
    rows = [_one_each(items, int(c), rng) for c in np.unique(items.group)]
    size = min(most // len(rows), *(len(r) for r in rows))
    kept = np.concatenate([rng.permutation(r)[:size] for r in rows])
    return Items(items.embedding[kept], items.person[kept], items.group[kept])


def _one_each(items: Items, group: int, rng: np.random.Generator) -> Rows:
    rows = rng.permutation(np.flatnonzero(items.group == group))
    _, first = np.unique(items.person[rows], return_index=True)
    return rows[first]


def confusion(true: Rows, said: Rows, classes: int) -> NDArray[np.float64]:
    """(c, a): the share of each true class that is told as a."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (true, said), 1)
    return counts / counts.sum(1, keepdims=True)


@dataclass(frozen=True, slots=True)
class Best:
    """The optimal rules' figures."""

    matching: dict[int, float]
    eer: float
    covariate: Covariate

    def retrieval(self, size: int) -> float:
        return rules.retrieval(self.covariate, size)


def optimum(probe: NDArray[np.float64], gallery: NDArray[np.float64], among: Sequence[int]) -> Best:
    """What labels alone allow with these confusions and an even prior."""
    prior = np.full(len(probe), 1 / len(probe))
    c = Covariate(prior, probe, gallery)
    best = {n: float(v) for n, v in zip(among, rules.matchings(c, among), strict=True)}
    return Best(best, rules.verification(c).eer, c)
