"""Vertices back to ARKit-52 weights: bounded least squares on a normal matrix made once."""

import numba
import numpy as np
from numpy.typing import NDArray

from ..types import Floats, Ints
from .arkit import ARKIT
from .model import Head

RIDGE = 1e-5  # of the mean diagonal: enough to settle shapes that nearly cancel
ROUNDS = 400
SETTLED = 1e-6

Doubles = NDArray[np.float64]


@numba.njit(cache=True, fastmath=True, boundscheck=False)
def _project(offsets: Floats, starts: Ints, vertices: Ints, deltas: Floats) -> Doubles:
    """The expression basis times offsets (v, 3) -> (52,)."""
    out = np.zeros(len(starts) - 1)
    for s in range(len(out)):
        total = 0.0
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
def _descend(normal: Doubles, right: Doubles, weights: Doubles, rounds: int, settled: float) -> int:
    """Coordinate descent on 0.5 w'Nw - r'w within [0, 1], in place; the rounds it took."""
    slope = normal @ weights - right
    for done in range(rounds):
        largest = 0.0
        for s in range(len(weights)):
            wanted = min(max(weights[s] - slope[s] / normal[s, s], 0.0), 1.0)
            change = wanted - weights[s]
            if change != 0.0:
                weights[s] = wanted
                for j in range(len(weights)):
                    slope[j] += change * normal[s, j]
                largest = max(largest, abs(change))
        if largest < settled:
            return done + 1
    return rounds


class Solver:
    """Weights of one person's surface; starts each time from the last answer."""

    def __init__(self, head: Head, person: Floats) -> None:
        self._moves = head.moves
        self._person = person.astype(np.float32)
        basis = head.expression_basis.reshape(len(ARKIT), -1).astype(np.float64)
        self._normal = basis @ basis.T
        self._normal += np.eye(len(ARKIT)) * RIDGE * np.trace(self._normal) / len(ARKIT)
        self._last = np.zeros(len(ARKIT))

    def weights(self, vertices: Floats) -> Floats:
        """(52,) in [0, 1] whose pose lies nearest to vertices (v, 3) of this person."""
        m = self._moves
        offsets = np.asarray(vertices, np.float32) - self._person
        right = _project(offsets, m.starts, m.vertices, m.deltas)
        _descend(self._normal, right, self._last, ROUNDS, SETTLED)
        return self._last.astype(np.float32)
