"""How often a face may fail: who may try without end can rebuild a template from the answers."""

import threading
from collections import deque


class Attempts:
    """Failures within a sliding window of time; no clock, `t` is told (seconds, rising).

    Safe from any thread: a service asks of several at once.
    """

    def __init__(self, most: int, window: float) -> None:
        self._most, self._window = most, window
        self._failures: deque[float] = deque()
        self._lock = threading.Lock()

    def fail(self, t: float) -> None:
        with self._lock:
            self._failures.append(t)

    def wait(self, t: float) -> float:
        """Seconds until the next attempt is allowed; 0 where it is now."""
        with self._lock:
            while self._failures and t - self._failures[0] >= self._window:
                self._failures.popleft()
            if len(self._failures) < self._most:
                return 0.0
            return self._failures[-self._most] + self._window - t
