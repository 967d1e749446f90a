"""Motion and events as JSON to whoever listens: a WebSocket at /motion, or a page's data channel.

Messages: {"motion": {t, weights, head, visemes}} each frame, {"event": {...}} as they happen. A
listener that is too slow loses its oldest frames, counted; an event is never dropped before them.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import WSCloseCode, web

from ..channel import Channel
from ..stats import Stats
from ..types import Event
from .events import as_json
from .guard import refuse

_MOST = 16  # programs that listen at one time
_FRAMES = 8  # frames that may wait for one of them: a quarter of a second
_EVENTS = 256
_BEAT = 15.0  # seconds between two signs of life
# What everybody who may watch may also know; who somebody is, and what was asked, is not of it.
OPEN_KINDS = ("session", "speech", "source", "scene", "mute")
SLOW = "dropped from motion listeners"

Say = Callable[[str, str], None]  # what it is ("motion" or "event"), text


class Listener:
    """What waits for one program."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._frames: deque[str] = deque()
        self._events: deque[str] = deque()
        self._news = asyncio.Event()
        self.lost = False  # too slow even for events: to be cut off

    def put(self, what: str, text: str) -> None:
        queue, most = (self._events, _EVENTS) if what == "event" else (self._frames, _FRAMES)
        if len(queue) == most:
            self.lost = self.lost or what == "event"
            queue.popleft()
            self._stats.count(SLOW)
        queue.append(text)
        self._news.set()

    async def next(self) -> str:
        while not (self._events or self._frames):
            self._news.clear()
            await self._news.wait()
        return self._events.popleft() if self._events else self._frames.popleft()


class Feed:
    """Hands each message to every listener; `say` takes it to the viewers' data channels."""

    def __init__(self, stats: Stats, websocket: bool, say: Say | None = None) -> None:
        self.say = say
        self._stats = stats
        self._listeners: dict[Listener, web.WebSocketResponse] = {}
        self.routes = [web.get("/motion", self._join)] if websocket else []

    async def run(self, frames: Channel[dict[str, Any]]) -> None:
        """Until `frames` closes."""
        async for frame in frames:
            if self._listeners or self.say:
                self._tell("motion", json.dumps({"motion": frame}))

    def on_event(self, event: Event) -> None:
        if event.kind in OPEN_KINDS:
            self._tell("event", json.dumps({"event": as_json(event)}, default=str))

    def _tell(self, what: str, text: str) -> None:
        for listener in self._listeners:
            listener.put(what, text)
        if self.say:
            self.say(what, text)

    async def close(self) -> None:
        """Says goodbye to every listener."""
        sockets = list(self._listeners.values())
        goodbye = b"The session has ended."
        await asyncio.gather(*(s.close(code=WSCloseCode.GOING_AWAY, message=goodbye)
                               for s in sockets))  # fmt: skip

    async def _join(self, request: web.Request) -> web.StreamResponse:
        if len(self._listeners) >= _MOST:
            return refuse(503, f"all {_MOST} places are taken: try again later")
        socket = web.WebSocketResponse(heartbeat=_BEAT, max_msg_size=4096)
        if not socket.can_prepare(request).ok:
            return refuse(426, "this is a WebSocket: connect with ws:// or wss://")
        listener = Listener(self._stats)
        self._listeners[listener] = socket  # before any await: so the limit holds
        try:
            await socket.prepare(request)
            sending = asyncio.create_task(_send(socket, listener))
            try:
                async for _ in socket:
                    pass  # nothing is asked here; reading answers pings and sees the end
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        finally:
            del self._listeners[listener]
        return socket


async def _send(socket: web.WebSocketResponse, listener: Listener) -> None:
    while not listener.lost:
        await socket.send_str(await listener.next())
    await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"too slow")
