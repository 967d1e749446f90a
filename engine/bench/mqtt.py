"""Events through a broker that is stopped, or killed, again and again: is any of them lost?"""

import asyncio
import json
import signal
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from tqdm import tqdm

from ..clock import Clock
from ..deliver.broker import MqttConfig
from ..deliver.events import Events
from ..deliver.mqtt import MqttLink
from ..deliver.outbox import Parcel
from ..errors import DeliveryError
from ..stats import Stats
from ..types import Command
from .figures import Figures
from .mosquitto import Mosquitto, persistent

_TOPICS = ("likeness/event", "likeness/errors")
_EVERY = 10  # one event in so many is an error, which has a topic of its own
_AHEAD = 500  # events that may wait before more are told
_QUIET = 20.0  # seconds without anything new after which no more is expected


@dataclass
class Heard:
    """What a listener with a session of its own on the broker got."""

    ids: dict[str, list[str]] = field(default_factory=lambda: {t: [] for t in _TOPICS})
    seen: set[str] = field(default_factory=set)
    again: int = 0  # came a second time
    unmarked: int = 0  # of those, without the engine's mark and without the broker's

    def take(self, message: paho.MQTTMessage) -> None:
        said = json.loads(message.payload)
        if said["id"] not in self.seen:
            self.seen.add(said["id"])
            self.ids[message.topic].append(said["id"])
            return
        self.again += 1
        self.unmarked += not (said.get("duplicate") or message.dup)

    def out_of_order(self) -> int:
        return sum(
            sum(a > b for a, b in zip(ids, ids[1:], strict=False)) for ids in self.ids.values()
        )


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Heard]:
    """Somebody whose subscription the broker keeps while it is stopped; in a thread of its own."""
    heard, ready = Heard(), threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, "witness", clean_session=False)
    client.reconnect_delay_set(0.1, 0.2)  # type: ignore[arg-type]  # parts of a second do as well

    def subscribe(*_: object) -> None:
        client.subscribe([(topic, 1) for topic in _TOPICS])

    client.on_connect = subscribe
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _, __, message: heard.take(message)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        await asyncio.to_thread(ready.wait, 10)
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


class Witnessed(MqttLink):
    """A link that notes what the broker acknowledged."""

    acknowledged: set[str]

    async def _publish(self, client: aiomqtt.Client, parcel: Parcel) -> None:
        await super()._publish(client, parcel)
        if isinstance(parcel.body, dict):
            self.acknowledged.add(parcel.body["id"])


async def storm(count: int, restarts: int, how: signal.Signals, folder: Path) -> Figures:
    """`count` events while the broker ends `restarts` times by the signal `how`."""
    saving = ("autosave_on_changes true", "autosave_interval 1") if how == signal.SIGKILL else ()
    clock, stats = Clock(), Stats()
    events, told = Events(clock), list[str]()
    unacknowledged, safe = set[str](), set[str]()
    began = time.monotonic()
    with Mosquitto(folder, *persistent(folder, *saving)) as broker:
        config = MqttConfig(broker="127.0.0.1", port=broker.port, stats=0, discovery="")
        link = Witnessed(config, clock, events, stats, _nothing_to_obey, dict)
        link.acknowledged = set()
        async with listening(broker.port) as heard, link:
            telling = asyncio.create_task(_tell(count, events, link, told))
            for k in tqdm(range(restarts), desc=f"{how.name}, restarts", unit="", leave=False):
                await _until_published(stats, (k + 1) * count // (restarts + 1))
                broker.stop(how)
                by_then = set(told)
                await _until_noticed(link)  # and has read what the broker still acknowledged
                safe = set(link.acknowledged)
                unacknowledged |= by_then - safe
                await asyncio.to_thread(broker.start)
            await telling
            await _until_quiet(heard, count)
    lost = set(told) - heard.seen
    return Figures({
        "events": count,
        "restarts": restarts,
        "lost": len(lost),
        "lost, unacknowledged at a broker's end": len(lost - safe),
        "unacknowledged at a broker's end": len(unacknowledged),
        "came twice": heard.again,
        "came twice, unmarked": heard.unmarked,
        "out of order": heard.out_of_order(),
        "dropped by the engine": link.outbox.dropped,
        "connections": stats.counts["mqtt.connections"],
        "seconds": round(time.monotonic() - began, 1),
    })  # fmt: skip


async def _nothing_to_obey(command: Command) -> None:
    return None


async def _tell(count: int, events: Events, link: MqttLink, told: list[str]) -> None:
    for k in range(count):
        while link.outbox.waiting > _AHEAD:  # noqa: ASYNC110  # a count tells nobody
            await asyncio.sleep(0.005)
        kind, what = ("error", "tried") if k % _EVERY == 0 else ("speech", "started")
        told.append(events.tell(kind, what, "microphone", k=k).id)


async def _until_published(stats: Stats, count: int) -> None:
    while stats.counts["mqtt.published"] < count:  # noqa: ASYNC110  # a count tells nobody
        await asyncio.sleep(0.002)


async def _until_noticed(link: MqttLink) -> None:
    until = time.monotonic() + _QUIET
    while link.connected:
        if time.monotonic() > until:
            raise DeliveryError("the link does not notice that the broker has ended")
        await asyncio.sleep(0.002)


async def _until_quiet(heard: Heard, count: int) -> None:
    """Until all came, or nothing new does."""
    last, since = -1, time.monotonic()
    while len(heard.seen) < count and time.monotonic() < since + _QUIET:
        if len(heard.seen) != last:
            last, since = len(heard.seen), time.monotonic()
        await asyncio.sleep(0.02)


async def both(count: int, restarts: int) -> Figures:
    """Both ways of ending a broker; the figures of the second begin with `killed:`."""
    figures = Figures()
    for how, prefix in ((signal.SIGTERM, ""), (signal.SIGKILL, "killed: ")):
        with tempfile.TemporaryDirectory() as folder:
            found = await storm(count, restarts, how, Path(folder))
        figures.values |= {f"{prefix}{name}": value for name, value in found.values.items()}
    return figures
