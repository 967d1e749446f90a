"""What a session measures of itself: how long each step takes, what is dropped and where."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_KEPT = 900  # samples a name: half a minute at 30 a second


class Stats:
    """Durations and counts by name. Any thread may call; `counts` is to be read or set."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self.counts: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def add(self, name: str, seconds: float) -> None:
        with self._lock:
            self._seconds[name].append(seconds)

    def count(self, name: str, n: int = 1) -> None:
        with self._lock:
            self.counts[name] += n

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - start)

    def milliseconds(self) -> dict[str, dict[str, float]]:
        """Median, 95th percentile and number of samples by name, in milliseconds."""
        with self._lock:
            seconds = {name: list(taken) for name, taken in self._seconds.items()}
        return {name: _summary(taken) for name, taken in seconds.items()}


def _summary(seconds: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(np.array(seconds) * 1e3, [50, 95])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "n": len(seconds)}
