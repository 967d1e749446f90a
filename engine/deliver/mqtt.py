"""Events out to an MQTT broker, and commands in: kept through every loss of the connection.

Events are published at QoS 1 in the order in which they were told, and stay in the outbox until
the broker has acknowledged them; after a lost connection whatever was on its way goes again,
marked as a duplicate. The broker may come and go as it likes: the session never waits for it.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Self

import aiomqtt

from ..clock import Clock
from ..errors import EngineError
from ..stats import Stats
from ..types import Command, Event
from . import commands
from .broker import EMBEDDED, PASSWORD, USER, EmbeddedBroker, MqttConfig, credentials
from .events import Events
from .outbox import Outbox, Parcel
from .topics import OFFLINE, ONLINE, Announcements, Topics, pseudonym

WINDOW = 20  # messages on their way at one time: as many as paho lets go
_WAITS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # seconds before each next attempt; the last one repeats
_ANSWER = 10.0  # seconds that a broker may take for an acknowledgement
_GOODBYE = 3.0  # seconds for what is left at the end
_LOST = (7, 128)  # paho's own number, and "unspecified error", which it makes of a closed socket
_REFUSED = (4, 5, 134, 135)  # CONNACK: bad user name or password, not authorised (3.1.1 and 5)
log = logging.getLogger("likeness.mqtt")
_theirs = logging.getLogger("likeness.mqtt.client")
_theirs.setLevel(logging.CRITICAL)  # what matters of it is told here, once


class MqttLink:
    """The session's end of a broker. `async with` opens it and, at the end, says goodbye.

    `obey` carries out a command, or raises an EngineError that says why not; `figures` are
    published every few seconds. A broker that is away is no error; a wrong configuration is.
    """

    def __init__(
        self,
        config: MqttConfig,
        clock: Clock,
        events: Events,
        stats: Stats,
        obey: Callable[[Command], Awaitable[None]],
        figures: Callable[[], dict[str, Any]],
    ) -> None:
        self.config, self.connected = config, False
        self.outbox = Outbox(config.buffer, stats)
        self._clock, self._events, self._stats = clock, events, stats
        self._obey, self._figures = obey, figures
        self._secure = config.secure()
        self._name = f"likeness-{secrets.token_hex(6)}"
        rename = pseudonym(config.pseudonym_key()) if config.pseudonyms else str
        put = self.outbox.put_state
        put(f"{config.prefix}/status", ONLINE)  # the first thing said on each connection
        self.announce = Announcements(config.discovery, config.prefix, put)
        self.topics = Topics(config.prefix, rename, put, self.announce)
        self._complaint = ""  # what was told last of why there is no connection
        self._told_dropped = 0
        self._ending = False
        self._task: asyncio.Task[None] | None = None
        self._closing = AsyncExitStack()
        events.listen(self._on_event)

    async def __aenter__(self) -> Self:
        if self.config.broker == EMBEDDED:
            await self._closing.enter_async_context(EmbeddedBroker(self.config.port_used))
        self._task = asyncio.create_task(self._keep_connected(), name="mqtt")
        self._task.add_done_callback(_tell_end)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._ending = True
        self.outbox.wake()
        await asyncio.wait({self._task}, timeout=_GOODBYE)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self.outbox.waiting:
            log.warning("%d events never reached %s", self.outbox.waiting, self._where)
        await self._closing.aclose()

    @property
    def _where(self) -> str:
        return f"the MQTT broker at {self.config.host}:{self.config.port_used}"

    def _on_event(self, event: Event) -> None:
        self.topics.hold(event)
        self.outbox.put_event(*self.topics.place(event))

    # The connection

    async def _keep_connected(self) -> None:
        failures = 0
        while not self._ending:
            before = self._stats.counts["mqtt.connections"]
            try:
                async with self._client() as client:
                    await self._converse(client)
            except* aiomqtt.MqttError as problems:
                self._note_down(problems)
            finally:
                self.connected = False
            failures = failures + 1 if self._stats.counts["mqtt.connections"] == before else 0
            if not self._ending:
                await asyncio.sleep(_WAITS[min(failures, len(_WAITS) - 1)])

    def _client(self) -> aiomqtt.Client:
        user, password = credentials() if self.config.broker != EMBEDDED else (None, None)
        status = f"{self.config.prefix}/status"
        return aiomqtt.Client(
            self.config.host,
            self.config.port_used,
            username=user,
            password=password,
            identifier=self._name,
            will=aiomqtt.Will(status, OFFLINE, qos=1, retain=True),
            clean_session=True,  # commands given while nobody was there are not for later
            keepalive=self.config.keepalive,
            timeout=min(_ANSWER, self.config.keepalive),
            tls_context=self._secure,
            logger=_theirs,
        )

    async def _converse(self, client: aiomqtt.Client) -> None:
        """All of one connection; ends by itself once the session does and all has been said."""
        await client.subscribe([(topic, 1) for topic in self._heard_topics()])
        self.outbox.again()
        self._note_up()
        async with asyncio.TaskGroup() as tasks:
            others = [tasks.create_task(self._hear(client)), tasks.create_task(self._report())]
            await self._send(client)
            for other in others:
                other.cancel()
        await client.publish(f"{self.config.prefix}/status", OFFLINE, qos=1, retain=True)

    def _heard_topics(self) -> list[str]:
        own = [f"{self.config.prefix}/command"]
        return own + ([f"{self.config.discovery}/status"] if self.config.discovery else [])

    def _note_up(self) -> None:
        self.connected = True
        self._stats.count("mqtt.connections")
        if self._complaint:
            log.warning("%s is back", self._where)
            self._complaint = ""
        if lost := self.outbox.dropped - self._told_dropped:
            self._told_dropped = self.outbox.dropped
            self._events.tell("error", "events dropped", count=lost)

    def _note_down(self, problems: BaseExceptionGroup[aiomqtt.MqttError]) -> None:
        """Says why there is no connection, once for each reason."""
        complaint = why(problems)
        if complaint != self._complaint:
            log.warning("%s: %s; events are kept, and it is tried again", self._where, complaint)
            self._complaint = complaint

    # What goes out

    async def _send(self, client: aiomqtt.Client) -> None:
        while not (self._ending and self.outbox.empty):
            batch = self.outbox.take(WINDOW)
            if not batch:
                await self.outbox.wait()
                continue
            async with asyncio.TaskGroup() as tasks:  # they start in this order: so do the packets
                for parcel in batch:
                    tasks.create_task(self._publish(client, parcel))

    async def _publish(self, client: aiomqtt.Client, parcel: Parcel) -> None:
        await client.publish(parcel.topic, parcel.payload, parcel.qos, parcel.retain)
        self.outbox.sent(parcel)
        self._stats.count("mqtt.published")
        if parcel.tries > 1:
            self._stats.count("mqtt.published again")

    async def _report(self) -> None:
        while self.config.stats:
            await asyncio.sleep(self.config.stats)
            self.outbox.put_figures(f"{self.config.prefix}/stats", self._figures())

    # What comes in

    async def _hear(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            if message.topic.value != f"{self.config.prefix}/command":
                if payload == ONLINE.encode():
                    self.outbox.repeat_states()  # Home Assistant has restarted: announce anew
            elif message.retain:
                self._refuse(payload, "a retained command is an old one: send it unretained")
            else:
                await self._ask(payload)

    async def _ask(self, payload: bytes) -> None:
        try:
            command = commands.parse(payload, self.config.commands, self._clock.now(), "mqtt")
            await self._obey(command)
        except EngineError as e:
            self._refuse(payload, str(e))
            return
        told = command.args | _reply(payload)
        self._events.tell("command", "done", command=command.name, **told)

    def _refuse(self, payload: bytes, reason: str) -> None:
        self._events.tell("error", "command refused", reason=reason, **_reply(payload))


def _tell_end(task: asyncio.Task[None]) -> None:
    """A link that ended by a fault of its own is told at once, not when the session ends."""
    if not task.cancelled() and (fault := task.exception()):
        log.error("the MQTT link has ended and does not come back: %r", fault)


def _reply(payload: bytes) -> dict[str, Any]:
    name = commands.request_id(payload)
    return {} if name is None else {"request_id": name}


def why(problems: BaseException) -> str:
    """The first cause of a lost or refused connection, in words that say what to do."""
    first = problems
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    first = first.__cause__ or first
    code = getattr(first, "rc", None)
    code = getattr(code, "value", code)
    if code in _LOST:
        return "the connection broke"
    if code in _REFUSED:
        return f"it refuses this user or password (set {USER} and {PASSWORD})"
    return str(first) or type(first).__name__
