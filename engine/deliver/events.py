"""What happens in a session, told to whoever listens: MQTT, viewers, programs.

Every part tells its events through one Events object, so all of them share one count, one order
and one format. Listeners are called on the event loop's thread and must not block.
"""

import itertools
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..clock import Clock
from ..types import Event

Listener = Callable[[Event], None]


class Events:
    """Numbers events and hands them on, in the order in which they are told."""

    def __init__(self, clock: Clock) -> None:
        self.session = secrets.token_hex(4)
        self._clock = clock
        self._numbers = itertools.count(1)
        self._listeners: list[Listener] = []

    @property
    def heard(self) -> bool:
        """Whether anybody listens, so that it is worth finding out what happens."""
        return bool(self._listeners)

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def tell(
        self, kind: str, what: str, source: str = "engine", t: float | None = None, **about: Any
    ) -> Event:
        """Tells that `what` happened at session time `t` (now, where it is not given)."""
        now = self._clock.now()
        t = now if t is None else t
        name = f"{self.session}-{next(self._numbers):06d}"
        event = Event(t, time.time() - now + t, name, kind, what, source, about)
        for listener in self._listeners:
            listener(event)
        return event


def as_json(event: Event) -> dict[str, Any]:
    """An event as the plain values that travel, the same by every way out."""
    at = datetime.fromtimestamp(event.wall, UTC).isoformat(timespec="milliseconds")
    plain = {
        "id": event.id,
        "time": at.replace("+00:00", "Z"),
        "t": round(event.t, 3),
        "kind": event.kind,
        "what": event.what,
        "source": event.source,
    }
    return plain | ({"about": event.about} if event.about else {})
