"""Where streams of different rates meet: the value that holds at a given time."""

from bisect import bisect_right
from typing import Generic, Protocol, TypeVar


class Timed(Protocol):
    @property
    def t(self) -> float: ...


T = TypeVar("T", bound=Timed)

_SAME = 1e-9  # seconds: two ways of computing k / fps may differ by the last bit


class Timeline(Generic[T]):
    """The last `span` seconds of a stream, to be asked what was true at some t."""

    def __init__(self, span: float) -> None:
        self.span = span
        self._items: list[T] = []

    @property
    def newest(self) -> float:
        """The time of the newest value, or minus infinity before the first."""
        return self._items[-1].t if self._items else float("-inf")

    def add(self, item: T) -> None:
        if self._items and item.t <= self._items[-1].t:
            raise ValueError(f"time went back: {item.t} after {self._items[-1].t}")
        self._items.append(item)
        while self._items[0].t < item.t - self.span:
            del self._items[0]

    def at(self, t: float) -> T | None:
        """The newest value not after `t`, or None where none is so old."""
        i = bisect_right(self._items, t + _SAME, key=lambda item: item.t)
        return self._items[i - 1] if i else None
