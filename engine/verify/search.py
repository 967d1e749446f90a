"""The nearest of many templates, exactly: a coarse scan that knows how wrong it can be.

Rows are kept as int8 beside their float32. The scan multiplies a float32 probe with the int8 rows,
a quarter of the memory traffic that bounds such a scan. With row r = s q + e, the inner product
is wrong by <e, x> at most |e||x| (Cauchy-Schwarz), and |e| is known of each row. Every row whose
upper bound reaches the k-th largest lower bound is measured again in float32, so the answer is
that of the whole float32 scan.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

from ..types import Floats

SMALL = 20_000  # rows, below which the plain product is as fast and numba need not be loaded
_ROUNDING = 4e-6  # of |r||x|: of float32 sums of some hundred terms, either way


class Index:
    """Templates (n, d) float32; answers are row numbers and inner products, the largest first."""

    def __init__(self, rows: Floats, threads: int = 2) -> None:
        self.rows = np.ascontiguousarray(rows, np.float32)
        self._coarse = _Coarse(self.rows, threads) if len(rows) >= SMALL else None

    def __len__(self) -> int:
        return len(self.rows)

    def nearest(self, probe: Floats, k: int) -> tuple[np.ndarray, Floats]:
        """(<= k,) row numbers and (<= k,) inner products with `probe` (d,)."""
        probe = np.ascontiguousarray(probe, np.float32)
        if self._coarse is None:
            return _largest(self.rows @ probe, np.arange(len(self.rows)), k)
        near = self._coarse.candidates(probe, k)
        return _largest(self.rows[near] @ probe, near, k)


class _Coarse:
    """The int8 rows, and for each its scale and the length of what rounding left out."""

    def __init__(self, rows: Floats, threads: int) -> None:
        n = len(rows)
        self._codes = np.empty(rows.shape, np.int8)
        self._scales, self._errors = np.empty(n, np.float32), np.empty(n, np.float32)
        for part in np.array_split(np.arange(n), max(1, n // 65_536)):
            self._encode(rows[part[0] : part[-1] + 1], slice(part[0], part[-1] + 1))
        self._cuts = np.linspace(0, n, threads + 1).astype(int)
        self._pool = ThreadPoolExecutor(threads, "search")
        self._scan, self._pick = _kernels()

    def _encode(self, rows: Floats, where: slice) -> None:
        scales = np.maximum(np.abs(rows).max(1), 1e-20) / 127
        codes = np.rint(rows / scales[:, None])
        self._codes[where], self._scales[where] = codes, scales
        left = np.linalg.norm(rows - codes * scales[:, None], axis=1)
        self._errors[where] = left + _ROUNDING * np.linalg.norm(rows, axis=1)

    def candidates(self, probe: Floats, k: int) -> np.ndarray:
        """Every row that could be among the k largest, in order of the rows."""
        length = np.float32(np.linalg.norm(probe))
        upper = np.empty(len(self._scales), np.float32)  # its own: others may search meanwhile
        arrays = self._codes, self._scales, self._errors
        parts = list(zip(self._cuts[:-1], self._cuts[1:], strict=True))
        lows = self._pool.map(lambda ab: self._scan(*arrays, probe, length, upper, k, *ab), parts)
        bound = np.sort(np.concatenate(list(lows)))[-k]
        picked = self._pool.map(lambda ab: self._pick(upper, bound, *ab), parts)
        return np.concatenate(list(picked))


def _largest(scores: Floats, rows: np.ndarray, k: int) -> tuple[np.ndarray, Floats]:
    """Of equal scores the earlier row comes first."""
    if len(scores) > 4 * k:
        top = np.argpartition(scores, -k)[-k:]
        keep = np.flatnonzero(scores >= scores[top].min())
        scores, rows = scores[keep], rows[keep]
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]


@cache
def _kernels() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Compiled where a gallery is large enough to need them: numba takes a second to load."""
    import numba

    @numba.njit(nogil=True, fastmath=True, cache=True)  # fastmath: sums in any order
    def scan(codes, scales, errors, probe, length, upper, k, begin, end):  # type: ignore
        """Upper bounds into `upper`; the k largest lower bounds of this part."""
        lows = np.full(k, -np.float32(3e38))
        for i in range(begin, end):
            s = np.float32(0)
            for j in range(probe.shape[0]):
                s += np.float32(codes[i, j]) * probe[j]
            middle, wrong = s * scales[i], errors[i] * length
            upper[i] = middle + wrong
            if middle - wrong > lows[0]:
                lows[0] = middle - wrong
                for a in range(k - 1):  # one bubble keeps the smallest first
                    if lows[a] > lows[a + 1]:
                        lows[a], lows[a + 1] = lows[a + 1], lows[a]
        return lows

    @numba.njit(nogil=True, cache=True)
    def pick(upper, bound, begin, end):  # type: ignore
        return begin + np.flatnonzero(upper[begin:end] >= bound)

    return scan, pick
