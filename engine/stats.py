"""What a session measures of itself: how long each step takes, what is dropped and where."""

import threading
import time
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

# Seconds: upper edges of the histograms, which never forget, unlike the percentiles.
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.033, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_KEPT = 900  # samples a name: half a minute at 30 a second


class Stats:
    """Durations and counts by name. Any thread may call; `counts` is to be read or set."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self._buckets: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))
        self._sums: defaultdict[str, float] = defaultdict(float)
        self.counts: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def add(self, name: str, seconds: float) -> None:
        with self._lock:
            self._seconds[name].append(seconds)
            self._buckets[name][bisect_left(BUCKETS, seconds)] += 1
            self._sums[name] += seconds

    def count(self, name: str, n: int = 1) -> None:
        with self._lock:
            self.counts[name] += n

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - start)

    def histograms(self) -> dict[str, tuple[list[int], float]]:
        """By name: how many fell into each bucket and past the last, and their sum in seconds."""
        with self._lock:
            return {name: (list(n), self._sums[name]) for name, n in self._buckets.items()}

    def milliseconds(self) -> dict[str, dict[str, float]]:
        """Median, 95th percentile and number of samples by name, in milliseconds."""
        with self._lock:
            seconds = {name: list(taken) for name, taken in self._seconds.items()}
        return {name: _summary(taken) for name, taken in seconds.items()}


def _summary(seconds: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(np.array(seconds) * 1e3, [50, 95])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "n": len(seconds)}
