"""Vertices back to ARKit-52 weights: bounded least squares on a normal matrix made once."""

import numba
import numpy as np
from numpy.typing import NDArray

from ..types import Floats, Ints
from .arkit import ARKIT
from .model import Head

RIDGE = 1e-6  # of the mean diagonal: enough to settle shapes that nearly cancel
SWEEPS = 6  # before the free weights are solved for at once
ROUNDS = 12
SETTLED = 1e-7

Doubles = NDArray[np.float64]


@numba.njit(cache=True, fastmath=True, boundscheck=False)
def _project(offsets: Floats, starts: Ints, vertices: Ints, deltas: Floats) -> Doubles:
    """The expression basis times offsets (v, 3) -> (52,)."""
    out = np.zeros(len(starts) - 1)
    for s in range(len(out)):
        total = np.float32(0.0)
        for k in range(starts[s], starts[s + 1]):
            v = vertices[k]
            total += (
                deltas[k, 0] * offsets[v, 0]
                + deltas[k, 1] * offsets[v, 1]
                + deltas[k, 2] * offsets[v, 2]
            )
        out[s] = total
    return out


@numba.njit(cache=True)
def _sweep(normal: Doubles, slope: Doubles, weights: Doubles) -> float:
    """One round of coordinate descent within [0, 1], in place; the largest change."""
    largest = 0.0
    for s in range(len(weights)):
        wanted = min(max(weights[s] - slope[s] / normal[s, s], 0.0), 1.0)
        change = wanted - weights[s]
        if change != 0.0:
            weights[s] = wanted
            slope += change * normal[s]
            largest = max(largest, abs(change))
    return largest


@numba.njit(cache=True)
def _sweeps(normal: Doubles, right: Doubles, weights: Doubles) -> bool:
    """SWEEPS rounds, in place; whether the weights are settled."""
    slope = -right
    for s in range(len(weights)):
        slope += weights[s] * normal[s]
    for _ in range(SWEEPS):
        if _sweep(normal, slope, weights) < SETTLED:
            return True
    return False


def _free_step(normal: Doubles, right: Doubles, weights: Doubles) -> None:
    """Newton's step on the weights that no bound holds, cut back where it meets a bound.

    Not compiled: numba's linear algebra would need SciPy, and LAPACK's share of it is small.
    """
    slope = normal @ weights - right
    held = ((weights <= 0.0) & (slope > 0.0)) | ((weights >= 1.0) & (slope < 0.0))
    free = np.flatnonzero(~held)
    if len(free):
        step = np.linalg.solve(normal[np.ix_(free, free)], slope[free])
        weights[free] = np.clip(weights[free] - step, 0.0, 1.0)


def _solve(normal: Doubles, right: Doubles, weights: Doubles) -> None:
    """Minimises 0.5 w'Nw - r'w within [0, 1], in place."""
    for _ in range(ROUNDS):
        if _sweeps(normal, right, weights):
            return
        _free_step(normal, right, weights)


class Solver:
    """Weights of one person's surface; starts each time from the last answer."""

    def __init__(self, head: Head, person: Floats) -> None:
        self._person = person.astype(np.float32)
        shapes = head.shapes(self._person)
        moves = np.abs(shapes).max(2) > 0
        self._starts = np.r_[0, np.cumsum(moves.sum(1))].astype(np.int32)
        self._vertices = np.concatenate([np.flatnonzero(m) for m in moves]).astype(np.int32)
        self._deltas = np.ascontiguousarray(shapes[moves])
        basis = shapes.reshape(len(ARKIT), -1).astype(np.float64)
        self._normal = basis @ basis.T
        self._normal += np.eye(len(ARKIT)) * RIDGE * np.trace(self._normal) / len(ARKIT)
        self._last = np.zeros(len(ARKIT))

    def weights(self, vertices: Floats) -> Floats:
        """(52,) in [0, 1] whose pose lies nearest to vertices (v, 3) of this person."""
        offsets = np.asarray(vertices, np.float32) - self._person
        right = _project(offsets, self._starts, self._vertices, self._deltas)
        _solve(self._normal, right, self._last)
        return self._last.astype(np.float32)
