"""How far a covariate (sex, age band, nationality) can take an identity decision; taking it there.

Two people are compared by labels alone: the probe's label a and the gallery's label b, each wrong
now and then. With the prior pi(c) and the confusions A[c, a], B[c, b] of both sides, J1[a, b] =
sum_c pi_c A[c, a] B[c, b] is how often the same person is seen as (a, b), J0[a, b] = p_A(a) p_B(b)
how often two people are, and their ratio is the sufficient score: every optimal rule (1:N matching,
verification, retrieval) orders by it. Generalises 1807.04834 and DIMNet (ICLR 2019), appendix B,
which treat gender; its errata are in docs/covariates.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import ConfigError

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]

SAME = 1e-9  # ratios nearer than this, relatively, are ties


@dataclass(frozen=True, slots=True)
class Covariate:
    """One covariate: its prior and how well each side's classifier sees it."""

    prior: Doubles  # (c,) sums to 1
    probe: Doubles  # (c, a) rows: P(label a | class c) on the probe's side
    gallery: Doubles  # (c, b) the same on the gallery's side

    @property
    def same(self) -> Doubles:
        """J1 (a, b): labels of one person."""
        return self.probe.T @ (self.prior[:, None] * self.gallery)

    @property
    def different(self) -> Doubles:
        """J0 (a, b): labels of two people drawn independently."""
        return np.outer(self.prior @ self.probe, self.prior @ self.gallery)

    @property
    def ratio(self) -> Doubles:
        """J1 / J0 (a, b); 1 where neither can be seen."""
        same, different = self.same, self.different
        return np.divide(same, different, out=np.ones_like(same), where=different > 0)


def covariate(prior: ArrayLike, probe: ArrayLike, gallery: ArrayLike | None = None) -> Covariate:
    """A checked Covariate, or a ConfigError; `gallery` None means as good as the probe."""
    p = np.asarray(prior, np.float64)
    if p.ndim != 1 or len(p) < 2 or not _distributions(p[None]):
        raise ConfigError("the prior should be two or more shares, none negative, that sum to 1")
    a = _confusion(probe, len(p))
    return Covariate(p, a, a if gallery is None else _confusion(gallery, len(p)))


def symmetric(classes: int, accuracy: float) -> Doubles:
    """A confusion matrix that is right with `accuracy` and otherwise wrong evenly."""
    wrong = (1 - accuracy) / (classes - 1)
    return np.full((classes, classes), wrong) + np.eye(classes) * (accuracy - wrong)


def adjacent(classes: int, accuracy: float) -> Doubles:
    """One that is right with `accuracy` and otherwise off by one class: bands of age."""
    beside = np.eye(classes, k=1) + np.eye(classes, k=-1)
    wrong = (1 - accuracy) * beside / beside.sum(1, keepdims=True)
    return np.asarray(np.eye(classes) * accuracy + wrong)


def product(parts: Sequence[Covariate]) -> Covariate:
    """Several covariates, independent of one another, as one whose labels are all combinations."""
    return reduce(
        lambda x, y: Covariate(
            *(
                np.asarray(np.kron(p, q), np.float64)
                for p, q in ((x.prior, y.prior), (x.probe, y.probe), (x.gallery, y.gallery))
            )
        ),
        parts,
    )


def soft_ratio(prior: Doubles, probe: Doubles, gallery: Doubles) -> Doubles:
    """Likelihood ratio from calibrated posteriors (..., c) of both sides in place of labels.

    sum_c P(c | x) P(c | y) / pi_c: the same rule when a classifier says how sure it is.
    """
    return np.asarray((probe * gallery / prior).sum(-1))


def _distributions(rows: Doubles) -> bool:
    return bool(
        np.isfinite(rows).all() and (rows >= 0).all() and np.allclose(rows.sum(1), 1, atol=1e-6)
    )


def _confusion(value: ArrayLike, classes: int) -> Doubles:
    rows = np.asarray(value, np.float64)
    if rows.ndim != 2 or len(rows) != classes or not _distributions(rows):
        raise ConfigError(
            f"a confusion matrix should have {classes} rows, one a class, each the shares "
            "of the labels given to that class, summing to 1"
        )
    return rows


# 1:N matching


def matching(c: Covariate, n: int) -> float:
    """How often the probe's own is chosen among n: the largest ratio, at random among ties."""
    return float(matchings(c, [n])[0])


def matchings(c: Covariate, among: Sequence[int]) -> Doubles:
    """`matching` for several n at once (n,)."""
    n = np.asarray(among)[:, None]
    found = np.zeros(len(among))
    for same, ratio in zip(c.same, c.ratio, strict=True):
        less, equal = _below(ratio, c.prior @ c.gallery)
        seen = equal > 0
        chosen = ((less + equal)[seen] ** n - less[seen] ** n) / (n * equal[seen])
        found += chosen @ same[seen]
    return found


def _below(ratio: Doubles, share: Doubles) -> tuple[Doubles, Doubles]:
    """For each label (b,): the share of impostors with a smaller ratio, and with the same."""
    less, equal = np.zeros_like(share), np.zeros_like(share)
    total = 0.0
    for bucket in reversed(_buckets(ratio)):
        less[bucket], equal[bucket] = total, share[bucket].sum()
        total += equal[bucket[0]]
    return less, equal


def _ties(x: Doubles, y: Doubles) -> Flags:
    return np.isclose(x, y, rtol=SAME, atol=0)


# verification


@dataclass(frozen=True, slots=True)
class Roc:
    """Corners of the best ROC; between them a coin decides, so it is linear."""

    fmr: Doubles  # (k,) rising from 0 to 1
    tar: Doubles  # (k,)

    def tar_at(self, fmr: float) -> float:
        return float(np.interp(fmr, self.fmr, self.tar))

    @property
    def eer(self) -> float:
        """Where false matches are as many as false non-matches."""
        gap = self.fmr - (1 - self.tar)
        i = int(np.argmax(gap >= 0))
        share = gap[i - 1] / (gap[i - 1] - gap[i])
        return float(self.fmr[i - 1] + share * (self.fmr[i] - self.fmr[i - 1]))


def verification(c: Covariate) -> Roc:
    """Neyman-Pearson: pairs of labels accepted in the order of their ratio, ties together."""
    order = np.argsort(-c.ratio, axis=None, kind="stable")
    ratio = c.ratio.ravel()[order]
    last = np.append(~_ties(ratio[1:], ratio[:-1]), True)
    fmr, tar = (np.cumsum(j.ravel()[order])[last] for j in (c.different, c.same))
    return Roc(np.append(0.0, fmr), np.append(0.0, tar))


# retrieval


def retrieval(c: Covariate, size: int, relevant: int | None = None) -> float:
    """Mean average precision over a gallery of `size` items ranked by ratio, ties at random.

    `relevant`: how many of them show the probe's own person, others drawn by the prior; None asks
    for all of the probe's class. Labels appear in the gallery as often as expected (rounded to
    items); over the relevant ones' labels the expectation is exact.
    """
    share = c.prior @ c.gallery
    total = 0.0
    for a in range(c.probe.shape[1]):
        weight = c.prior * c.probe[:, a]
        buckets = _buckets(c.ratio[a])
        mine = np.stack([c.gallery[:, b].sum(1) for b in buckets], 1)  # (c, k)
        every = np.array([share[b].sum() for b in buckets])  # (k,)
        total += float(weight @ _precision(c.prior, mine, every, size, relevant))
    return total


def _precision(
    prior: Doubles, mine: Doubles, every: Doubles, size: int, relevant: int | None
) -> Doubles:
    """Average precision (c,) of a probe of each class, over buckets with these shares."""
    if relevant is None:
        counts = _rounded(every * size)
        rate = np.divide(mine * prior[:, None], every, out=np.zeros_like(mine), where=every > 0)
        hits = rate * counts
        return average_precision(
            counts, hits, rate**2 * counts * (counts - 1.0), hits * _earlier(hits)
        )
    counts = _rounded(relevant * mine + (size - relevant) * every)
    more = relevant * (relevant - 1.0)
    return average_precision(counts, relevant * mine, more * mine**2, more * mine * _earlier(mine))


def average_precision(
    counts: ArrayLike,
    hits: ArrayLike,
    pairs: ArrayLike | None = None,
    before: ArrayLike | None = None,
) -> Doubles:
    """Expected average precision of buckets (..., k) ranked one by one, each in random order.

    `counts` items and `hits` relevant ones in each. Where hits are random, hits are their
    expectations, `pairs` E[r (r - 1)] and `before` E[r times the relevant ones in earlier buckets].
    The j-th of n items behind S others is relevant and precise (S+ + 1 + (j - 1)(r - 1)/(n - 1)) /
    (S + j) with probability r / n; the sum over j is one of harmonic numbers.
    """  # fmt: skip
    n, r = np.asarray(counts, np.int64), np.asarray(hits, np.float64)
    rr = r * (r - 1) if pairs is None else np.asarray(pairs, np.float64)
    rs = r * _earlier(r) if before is None else np.asarray(before, np.float64)
    skip = np.cumsum(n, -1) - n
    harmonic = np.append(0.0, np.cumsum(1 / np.arange(1, int((skip + n).max()) + 1)))
    inverse = harmonic[skip + n] - harmonic[skip]  # sum of 1 / (S + j)
    rising = n - (skip + 1) * inverse  # sum of (j - 1) / (S + j)
    places = (rs + r) * inverse + rr * rising / np.maximum(n - 1, 1)
    return np.asarray((places / np.maximum(n, 1)).sum(-1) / r.sum(-1))


def _earlier(x: NDArray[np.floating | np.integer]) -> NDArray[np.float64]:
    """Sums of all that comes before each."""
    return np.cumsum(x, -1) - np.asarray(x, np.float64)


def _buckets(ratio: Doubles) -> list[NDArray[np.int64]]:
    """Labels with equal ratios, the largest first."""
    order = np.argsort(-ratio, kind="stable")
    cuts = np.flatnonzero(~_ties(ratio[order][1:], ratio[order][:-1])) + 1
    return np.split(order, cuts)


def _rounded(x: Doubles) -> NDArray[np.int64]:
    """Whole numbers with the same sums over the last axis (largest remainders)."""
    low = np.floor(x).astype(np.int64)
    short = np.rint(x.sum(-1, keepdims=True)).astype(np.int64) - low.sum(-1, keepdims=True)
    place = np.argsort(np.argsort(low - x, -1, kind="stable"), -1)
    return np.asarray(low + (place < short), np.int64)
