"""Leaving out of a search whom covariates make too unlikely, with the loss of recall stated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .covariates import Covariate, Flags

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which pairs of labels are still searched."""

    keep: Flags  # (a, b)
    recall: float  # how often the probe's own is among those kept
    share: float  # how much of the gallery is searched, on average


def narrow(c: Covariate, recall: float) -> Narrowing:
    """The pairs of labels with the largest ratios that together keep `recall` of all mates.

    No other choice by labels searches less at that recall (Neyman-Pearson); the last pair is kept
    whole, so the recall is at least what was asked for.
    """
    same, different = c.same, c.different
    order = np.argsort(-c.ratio, axis=None, kind="stable")
    kept = np.searchsorted(np.cumsum(same.ravel()[order]), recall - 1e-12) + 1
    chosen = np.zeros(same.size, bool)
    chosen[order[:kept]] = True
    keep: Flags = chosen.reshape(same.shape)
    return Narrowing(keep, float(same[keep].sum()), float(different[keep].sum()))


class Buckets:
    """A gallery sorted by label, so that what is searched is a few runs of rows."""

    def __init__(self, labels: Rows, classes: int) -> None:
        self.order = np.argsort(labels, kind="stable")  # sorted place -> row of the gallery
        self._starts = np.searchsorted(labels[self.order], np.arange(classes + 1))

    def runs(self, keep: Flags) -> list[tuple[int, int]]:
        """[start, end) in sorted places of the labels kept (b,), neighbours joined."""
        edges = np.flatnonzero(np.diff(np.concatenate([[0], keep.astype(np.int8), [0]])))
        pairs = ((self._starts[i], self._starts[j]) for i, j in edges.reshape(-1, 2))
        return [(int(i), int(j)) for i, j in pairs if j > i]


def search(
    templates: NDArray[np.float32], runs: list[tuple[int, int]], probe: NDArray[np.float32]
) -> tuple[int, float]:
    """Sorted place and similarity of the best of `templates` (g, d) in `runs`; -1 if none."""
    best, at = -np.inf, -1
    for start, end in runs:
        scores = templates[start:end] @ probe
        i = int(np.argmax(scores))
        if scores[i] > best:
            best, at = float(scores[i]), start + i
    return at, best
