"""What waits to be published: every event, and of each state only the newest.

Plain rules without a network: a parcel stays here until the broker has acknowledged it.
"""

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ..stats import Stats

DROPPED = "dropped from mqtt events"
DUPLICATE = "duplicate"


@dataclass(slots=True, eq=False)
class Parcel:
    """One message. Equal only to itself: two with the same words are two."""

    topic: str
    body: dict[str, Any] | str
    retain: bool = False
    qos: int = 1
    tries: int = field(default=0, init=False)

    @property
    def payload(self) -> str:
        """What is sent; an event that may have arrived before is marked as a duplicate."""
        if isinstance(self.body, str):
            return self.body
        mark = {DUPLICATE: True} if self.tries > 1 else {}
        return json.dumps(self.body | mark, ensure_ascii=False, allow_nan=False, default=str)


class Outbox:
    """Bounded: with more than `most` events unsent the oldest goes, and is counted."""

    def __init__(self, most: int, stats: Stats) -> None:
        self.dropped = 0
        self._most, self._stats = most, stats
        self._events: deque[Parcel] = deque()
        self._states: dict[str, Parcel] = {}  # in the order in which they were first said
        self._fresh: dict[str, Parcel] = {}  # states that the broker may not have
        self._going: set[Parcel] = set()
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Events that are not acknowledged yet."""
        return len(self._events)

    def unsent(self) -> list[Parcel]:
        """Events that are not acknowledged yet, the oldest first."""
        return list(self._events)

    @property
    def empty(self) -> bool:
        return not (self._events or self._fresh or self._going)

    def put_event(self, topic: str, body: dict[str, Any]) -> None:
        self._events.append(Parcel(topic, body))
        if len(self._events) > self._most:
            self._drop_oldest()
        self.wake()

    def _drop_oldest(self) -> None:
        oldest = next(p for p in self._events if p not in self._going)
        self._events.remove(oldest)
        self.dropped += 1
        self._stats.count(DROPPED)

    def put_state(self, topic: str, payload: str) -> None:
        """Retained; replaces what waits of the same topic. "" takes the topic off the broker."""
        if topic in self._states and self._states[topic].body == payload:
            return
        self._states[topic] = self._fresh[topic] = Parcel(topic, payload, retain=True)
        self.wake()

    def put_figures(self, topic: str, body: dict[str, Any]) -> None:
        """Neither retained nor repeated: only the newest is worth sending."""
        self._fresh[topic] = Parcel(topic, json.dumps(body, default=str), qos=0)
        self.wake()

    def take(self, most: int) -> list[Parcel]:
        """Up to `most` parcels to be sent now, states first; each then wants `sent`, or `again`."""
        states = list(islice(self._fresh.values(), most))
        for parcel in states:
            del self._fresh[parcel.topic]
        batch = states + list(islice(self._events, most - len(states)))
        for parcel in batch:
            parcel.tries += 1
        self._going.update(batch)
        return batch

    def sent(self, parcel: Parcel) -> None:
        """The broker has it."""
        self._going.discard(parcel)
        if parcel in self._events:
            self._events.remove(parcel)
        if self._states.get(parcel.topic) is parcel and not parcel.body:
            del self._states[parcel.topic]  # taken off the broker: nothing to say again

    def again(self) -> None:
        """A new connection: what was on its way goes again, and so does every state."""
        self._going.clear()
        self.repeat_states()

    def repeat_states(self) -> None:
        self._fresh = self._states | {t: p for t, p in self._fresh.items() if p.retain}
        self.wake()

    def wake(self) -> None:
        self._news.set()

    async def wait(self) -> None:
        """Until something waits, or `wake` was called."""
        await self._news.wait()
        self._news.clear()
