"""Session time: seconds since the session began, on a clock that never jumps."""

import asyncio
import heapq
import itertools
import time


class Clock:
    """Real time. Every `t` in the engine is a reading of the session's one Clock."""

    def __init__(self) -> None:
        self._zero = time.monotonic()

    def now(self) -> float:
        """Seconds since the session began."""
        return time.monotonic() - self._zero

    async def sleep_until(self, t: float) -> None:
        """Returns at `t`, or at once where that has passed."""
        await asyncio.sleep(max(0.0, t - self.now()))


class ManualClock(Clock):
    """Time that moves only when told to, for tests."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._now

    async def sleep_until(self, t: float) -> None:
        if t > self._now:
            wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._sleepers, (t, next(self._order), wake))
            await wake

    async def advance(self, seconds: float) -> None:
        """Wakes each sleeper in order, at its own time, and lets it run."""
        goal = self._now + seconds
        await asyncio.sleep(0)
        while self._sleepers and self._sleepers[0][0] <= goal:
            self._now, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        self._now = goal


class SampleClock:
    """Times a stream of samples by counting them, so that jitter of arrival does not show.

    A sound card's crystal and the system clock part by some 50 parts per million; when
    the count and the arrivals differ by more than `slack` seconds the count is re-anchored.
    """

    def __init__(self, rate: int, slack: float = 0.08) -> None:
        self.rate, self.slack = rate, slack
        self.anchors = 0
        self._anchor = 0.0
        self._count = 0

    def stamp(self, n: int, arrival: float) -> float:
        """The time of the first of `n` samples whose last one arrived at `arrival`."""
        t = self._anchor + self._count / self.rate
        begun = arrival - n / self.rate
        if not self.anchors or abs(begun - t) > self.slack:
            self._anchor, self._count, t = begun, 0, begun
            self.anchors += 1
        self._count += n
        return t
