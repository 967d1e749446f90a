"""The one kind of link between stages: a bounded queue with a stated policy."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

from .stats import Stats

T = TypeVar("T")


class Channel(Generic[T]):
    """Carries values on the event loop's thread, in order.

    `live` channels never make the sender wait: when full they drop the oldest value and
    count it, for late media is worth nothing. Others (rendering to a file) make it wait.
    """

    def __init__(self, name: str, size: int, live: bool = True, stats: Stats | None = None) -> None:
        self.name, self.size, self.live = name, size, live
        self._stats = stats
        self.dropped = 0
        self._items: deque[T] = deque()
        self._closed = False
        self._changed = asyncio.Condition()

    def __len__(self) -> int:
        return len(self._items)

    async def put(self, item: T) -> None:
        async with self._changed:
            if not self.live:
                await self._changed.wait_for(lambda: len(self._items) < self.size or self._closed)
            if self._closed:
                raise RuntimeError(f"{self.name}: put after close")
            if len(self._items) == self.size:
                self._items.popleft()
                self.dropped += 1
                if self._stats:
                    self._stats.count(f"dropped from {self.name}")
            self._items.append(item)
            self._changed.notify_all()

    async def close(self) -> None:
        """No more values will come; those queued are still read."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __aiter__(self) -> "Channel[T]":
        return self

    async def __anext__(self) -> T:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._items) or self._closed)
            if not self._items:
                raise StopAsyncIteration
            item = self._items.popleft()
            self._changed.notify_all()
            return item
