"""What a session tells the world and what the world may ask of it, in one place.

Events go through `events`, whoever tells them; MQTT, pages and programs hear them from there.
Who is seen is told by the same call: events.tell("person", "match", "camera", name=...).
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, Protocol, Self

import numpy as np

from .channel import Channel
from .clock import Clock
from .deliver import MotionConfig, MqttConfig
from .deliver.events import Events
from .deliver.feed import Feed
from .deliver.mqtt import MqttLink
from .deliver.outlets import MotionOut
from .errors import ConfigError, EngineError
from .render import Screen
from .render.scene import check_scene, scene_names
from .speech.activity import Speaking
from .stats import Stats
from .types import AudioChunk, Command

MICROPHONE = "microphone"  # what events call the source of sound, a file too
CAMERA = "camera"  # the same of pictures


class People(Protocol):
    """Who is looked for before the camera (engine.verify.presence)."""

    def begin_enrolment(self, name: str, purpose: str, expires: str) -> None: ...
    def stop_enrolment(self) -> None: ...
    def expect(self, name: str) -> None: ...


class Outside:
    """`async with` it: from then on the broker hears of the session, until it has ended.

    `screen` is what draws, or None; it is to be set before. Wrong configuration is told at once.
    """

    def __init__(
        self,
        mqtt: MqttConfig,
        motion: MotionConfig,
        fps: int,
        clock: Clock,
        stats: Stats,
        pool: Executor,
    ) -> None:
        self.events = Events(clock)
        self.muted = False
        self.screen: Screen | None = None
        self.knows_people = False  # whether the session verifies who is seen
        self.people: People | None = None  # where it does
        self.feed = Feed(stats, motion.websocket)
        self.motion = MotionOut(motion, fps, stats) if motion.any else None
        self.figures: Callable[[], dict[str, Any]] = dict  # what PREFIX/stats says
        self.watching: Callable[[], int] = lambda: 0
        self.takes: Callable[[tuple[str, ...]], None] = lambda kinds: None  # of a page's senses
        self.prepare: Callable[[str], Awaitable[None]] = nothing  # what a scene needs
        self.refused = ""  # why the scene asked for last is not shown
        self._clock, self._stats, self._pool = clock, stats, pool
        if motion.has_listeners:
            self.events.listen(self.feed.on_event)
        self.link: MqttLink | None = None
        if mqtt.broker:
            self.link = MqttLink(
                mqtt, clock, self.events, stats, self.obey, lambda: self.figures()
            )  # fmt: skip

    async def __aenter__(self) -> Self:
        scene = self.screen.scene if self.screen else ""
        if self.link:
            self.link.topics.begin(MICROPHONE, scene)
            commands = [c for c in self.link.config.commands if c != "scene" or self.screen]
            camera = CAMERA if self.knows_people else ""
            self.link.announce.session(MICROPHONE, scene_names(), commands, camera)
            await self.link.__aenter__()
        self.events.tell("session", "started", scene=scene)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.events.tell("session", "stopped")
        if self.link:
            await self.link.__aexit__(*error)

    def close(self) -> None:
        """Also where it was never entered."""
        if self.motion:
            self.motion.close()

    # What is told

    def notice_source(self, here: bool) -> None:
        self.events.tell("source", "regained" if here else "lost", MICROPHONE)

    def notice_viewer(self, name: str, what: str) -> None:
        self.events.tell("viewer", what, viewer=name, viewers=self.watching())

    async def tell_speech(self, changes: Channel[Speaking]) -> None:
        async for change in changes:
            what = "started" if change.on else "stopped"
            self.events.tell("speech", what, MICROPHONE, t=change.t)

    async def tell_people(self, changes: Channel[Any]) -> None:
        """Who is seen, and who was enrolled (engine.verify.presence.Change)."""
        async for change in changes:
            self.events.tell(change.kind, change.what, CAMERA, t=change.t, **change.about)

    # What is asked

    async def obey(self, command: Command) -> None:
        """Carries out a command that has passed the list; EngineError says why not."""
        if command.name == "mute":
            self.mute(command.args["on"])
        elif command.name == "scene":
            await self.show(command.args["scene"])
        else:  # it reads the gallery
            ask = asyncio.get_running_loop().run_in_executor
            await ask(self._pool, self._ask_people, command.name, command.args)

    def _ask_people(self, name: str, args: dict[str, Any]) -> None:
        if self.people is None:
            raise ConfigError("nobody is looked for in this session: start it with --scene verify")
        if name == "verify":
            self.people.expect(args["name"])
        elif args["action"] == "stop":
            self.people.stop_enrolment()
        else:
            self.people.begin_enrolment(args["name"], args["purpose"], args["expires"])

    def mute(self, on: bool) -> None:
        """From now on nobody hears anything, the lips included, until it is taken back."""
        if on != self.muted:
            self.muted = on
            self.events.tell("mute", "on" if on else "off")

    def heard(self, chunk: AudioChunk) -> AudioChunk:
        """What may be heard of the sound: silence while muted."""
        return replace(chunk, samples=np.zeros_like(chunk.samples)) if self.muted else chunk

    async def show(self, scene: str) -> None:
        """Goes over to another scene; EngineError where that cannot be, which pages are told."""
        if self.screen is None:
            raise ConfigError("nothing is drawn in this session, so it has no scene")
        if scene == self.screen.scene:
            return
        loop = asyncio.get_running_loop()
        try:
            check_scene(scene)
            await self.prepare(scene)
            await loop.run_in_executor(self._pool, self.screen.show, scene)
        except EngineError as e:
            self.refused = f"{scene} is not shown: {e}"
            raise
        self.refused = ""
        self.events.tell("scene", "shown", scene=scene)


async def nothing(scene: str) -> None:
    """No scene needs anything."""
