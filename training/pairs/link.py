"""The code of a made-up person, how it reaches face and voice, and what can be made of that.

A code is one class of each covariate, drawn evenly. Face and voice each show a code of their own:
now and then another class than the person's, by a known confusion, once and for all. What they add
besides (skin, hair, pose, light; speaker, sentence, recording) is drawn apart. So a voice and a
face know no more of one another than the codes they show, and the likelihood ratio of those
(engine/verify/covariates.py) is the best score that there can be: no matching beats `optimum`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.verify import covariates as rules
from engine.verify.covariates import Covariate, Doubles

Rows = NDArray[np.int64]

CLASSES: dict[str, tuple[str, ...]] = {
    "gender": ("female", "male"),
    "age": ("18-29", "30-44", "45-59", "60-79"),
    "build": ("slim", "middling", "heavy"),
    "shape": ("long", "short", "square", "pointed", "broad brow", "narrow brow"),
}
FACE = {"gender": 0.98, "age": 0.88, "build": 0.92, "shape": 0.9}  # shown right so often
VOICE = {"gender": 0.98, "age": 0.85, "build": 0.88, "shape": 0.9}
ORDERED = ("age", "build")  # shown wrong, it is a neighbour


def confusion(name: str, right: float) -> Doubles:
    """(c, shown): rows are a person's own classes."""
    wrong = rules.adjacent if name in ORDERED else rules.symmetric
    return wrong(len(CLASSES[name]), right)


def covariate(name: str) -> Covariate:
    """Voices are the probes, faces the gallery."""
    count = len(CLASSES[name])
    return rules.covariate(
        np.full(count, 1 / count), confusion(name, VOICE[name]), confusion(name, FACE[name])
    )


@dataclass(frozen=True, slots=True)
class Codes:
    """(n, 4) classes, in the order of CLASSES: the people's own, and those shown."""

    own: Rows
    face: Rows
    voice: Rows


def draw(count: int, seed: int) -> Codes:
    """Codes of so many people; the first n are the same for every count."""
    rows = [_one(np.random.default_rng([seed, k])) for k in range(count)]
    own, face, voice = (np.array([r[i] for r in rows], np.int64) for i in range(3))
    return Codes(own, face, voice)


def _one(rng: np.random.Generator) -> tuple[list[int], list[int], list[int]]:
    own = [int(rng.integers(len(c))) for c in CLASSES.values()]

    def shown(accuracy: dict[str, float]) -> list[int]:
        rows = [confusion(n, accuracy[n])[c] for n, c in zip(CLASSES, own, strict=True)]
        return [int(rng.choice(len(row), p=row)) for row in rows]

    return own, shown(FACE), shown(VOICE)


def ratio(c: Covariate, voice: Rows, face: Rows) -> Doubles:
    """Likelihood ratios (n, m) of shown classes (n,) and (m,)."""
    return np.asarray(c.ratio[np.ix_(voice, face)])


@dataclass(frozen=True, slots=True)
class Optimum:
    """What the best use of some covariates reaches."""

    matching: dict[int, float]  # of how many -> chosen right
    eer: float
    precision: float  # mean average precision of the person


def optimum(
    names: Sequence[str], among: Sequence[int], people: int, each: int, turned: bool = False
) -> Optimum:
    """Of these covariates together, chance for none; precision in a gallery of so many people with
    `each` items. `turned`: faces are the probes."""
    if not names:
        eye = np.full((1, 1), 1.0)
        c = Covariate(np.ones(1), eye, eye)
    else:
        c = rules.product([covariate(n) for n in names])
    if turned:
        c = Covariate(c.prior, c.gallery, c.probe)
    found = rules.matchings(c, among)
    best = {n: float(v) for n, v in zip(among, found, strict=True)}
    return Optimum(best, _eer(c), precision(c, people, each))


def _eer(c: Covariate) -> float:
    return rules.verification(c).eer if len(c.prior) > 1 else 0.5


def precision(c: Covariate, people: int, each: int) -> float:
    """Mean average precision of the person's own `each` items, all of which show one class, among
    those of so many people: ranked by ratio, ties at random."""
    total, share = 0.0, c.prior @ c.gallery
    order = np.argsort(-c.ratio, axis=1, kind="stable")
    for same, ratios, ranked in zip(c.same, c.ratio, order, strict=True):
        level = ratios[ranked]
        cuts = np.flatnonzero(~np.isclose(level[1:], level[:-1], rtol=rules.SAME, atol=0)) + 1
        buckets = np.split(ranked, cuts)
        others = np.array([share[b].sum() for b in buckets]) * (people - 1) * each
        counts = np.rint(np.cumsum(others)).astype(int)
        counts = np.diff(counts, prepend=0) + each * np.eye(len(buckets), dtype=int)
        weight = np.array([same[b].sum() for b in buckets])
        total += float(weight @ rules.average_precision(counts, each * np.eye(len(buckets))))
    return total
