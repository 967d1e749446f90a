"""The camera's half of a session: faces found and followed; tracked, and brought together with what
speech and idle life make of the same moment, or recognised, where the scene asks for it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from . import stage
from .capture import Resample
from .channel import Channel
from .deliver.files import Writers
from .errors import ConfigError
from .faces import FacesConfig, Finder, Follow, Report
from .head import Head
from .speech import MeshTalk
from .stats import Stats
from .track import Drive, Nets, Track, TrackConfig
from .types import VIEWS, AudioChunk, Evidence, FaceMesh, Floats, Tracked, VideoFrame, World
from .verify.claims import Notary
from .verify.fusion import Fusion
from .verify.gallery import DEFAULT
from .verify.keys import open_keys
from .verify.liveness import Eyes, Liveness
from .verify.presence import Presence, PresenceConfig, open_presence
from .verify.synchrony import Synchrony
from .voices import Model
from .voices.belong import Belongs

SILENT = 0.25  # seconds without a frame after which the pace's own worlds are shown
CHANGES = 64  # of who is there, that may wait to be told


class Flow(Protocol):
    """What a session gives its parts to run on."""

    pool: Executor
    stats: Stats
    live: bool

    def channel(self, name: str, size: int) -> Channel[Any]: ...
    def start(self, work: Coroutine[Any, Any, None]) -> None: ...
    def run(
        self, source: Channel[Any], *stages: stage.Stage[Any, Any], to: Sequence[Channel[Any]] = ()
    ) -> None: ...


class Listener(Protocol):
    """Who hears that people come and go."""

    async def tell_people(self, changes: Channel[Any]) -> None: ...


class Asked(Protocol):
    """What a session was asked for."""

    @property
    def provider(self) -> str: ...
    @property
    def track(self) -> TrackConfig: ...
    @property
    def faces(self) -> FacesConfig: ...
    @property
    def verify(self) -> PresenceConfig: ...
    @property
    def is_live(self) -> bool: ...


Feed = Callable[[Channel[VideoFrame]], Coroutine[Any, Any, None]]


class Loaded(Protocol):
    """What a session has loaded by then."""

    head: Head
    person: Floats
    writers: Writers
    speech: MeshTalk


class Watching:
    """Looks at faces, where the session has a camera: from the start, or once a scene wants it.

    `drive` is None while no scene has wanted faces tracked, `presence` where the first one did not
    ask who is there.
    """

    def __init__(self, stats: Stats) -> None:
        self.report = Report(stats)
        self.drive: Drive | None = None
        self.presence: Presence | None = None
        self.liveness: Liveness | None = None
        self.notary: Notary | None = None
        self.belongs: Belongs | None = None  # where the voice counts for a claim
        self.describe = ""  # of the camera that is watched; "" while none is
        self._speech = True
        self._finder: Finder | None = None
        self._finding: list[stage.Stage[Any, Any]] = []
        self._tracking: list[stage.Stage[Any, Any]] = []
        self._watching_lips: list[stage.Stage[Any, Any]] = []  # of its own, for liveness
        self._faces: list[Channel[Any]] = []  # to where what is found goes

    def load(
        self, parts: "Loaded", asked: Asked, needs: Sequence[str], now: Callable[[], float]
    ) -> None:
        """What `needs` ask for, once; ConfigError where a file has nothing to be made of.

        `now()` is session time.
        """
        if self._finder is None:
            self._finder = Finder(asked.provider)
            self._finding = [Follow(self._finder, asked.faces), self.report]
            if "verify" in needs:
                self._recognise(parts, asked, now, self._finder)
        params = parts.writers.params
        if "track" not in needs:
            if params is not None:
                raise ConfigError("--params needs a scene that tracks the face: --scene mirror")
            return
        if self.drive is None:
            self._tracking = [_track(parts, asked)]
            if params is not None:
                self._tracking.append(_Pass("write params", params.push))
            self._speech = asked.track.speech
            self.drive = Drive(parts.head, parts.person)

    def _recognise(
        self, parts: "Loaded", asked: Asked, now: Callable[[], float], finder: Finder
    ) -> None:
        if asked.verify.liveness:
            self.liveness = Liveness(Synchrony(provider=asked.provider), parts.head)
            self._watching_lips = [_track(parts, asked)]
        self.presence = open_presence(
            asked.verify, finder, asked.provider, asked.is_live, self.liveness
        )
        if asked.verify.claims.issue:
            self._vouch(self.presence, asked, now)

    def _vouch(self, presence: Presence, asked: Asked, now: Callable[[], float]) -> None:
        """Claims of what is found; ConfigError where there is no key, or one beside the gallery."""
        config, models = asked.verify.claims, presence.models
        where = asked.verify.gallery or str(DEFAULT)
        keys = open_keys(config.key, None if "://" in where else Path(where))
        if "voice" in config.fusion.kinds:
            model = Model.load(provider=asked.provider)
            self.belongs = Belongs(model, asked.provider)
            files = model.about["files"]
            models |= {"dimnet/" + n: files[n] for n in ("face.onnx", "voice.onnx")}
            if model.recogniser is not None:
                models["dimnet/templates"] = model.recogniser.sha256
        self.notary = Notary(config, keys, presence.fuse(), now, asked.verify.target_fmr, models)

    def close(self) -> None:
        if self.presence is not None:
            self.presence.close()

    @property
    def hears(self) -> bool:
        """Whether lips come from sound too, which costs the look-ahead."""
        return self.drive is None or self._speech

    def says(self, to16: Resample, parts: "Loaded", fps: int) -> list[stage.Stage[Any, Any]]:
        """From sound to meshes of the face."""
        if not self.hears:
            return [Still(parts.person, fps)]
        if self.liveness is None:
            return [to16, parts.speech]
        heard = _Pass("sound for liveness", self.liveness.hear)
        foretold = _Pass("lips for liveness", self.liveness.foretell, self.liveness.end_of_sound)
        return [to16, heard, parts.speech, foretold]

    async def choose(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"view": NAME} -> the same; ConfigError where there is no such view."""
        if self.drive is None or (view := asked.get("view")) not in VIEWS:
            known = f"one of {', '.join(VIEWS)}" if self.drive else "left alone: no face is tracked"
            raise ConfigError(f"view should be {known}")
        self.drive.view = view
        return {"view": view}

    def about(self) -> dict[str, Any]:
        """For the page."""
        if self.drive is None:
            return {}
        path = "speech blended in" if self._speech else "camera alone"
        return {"views": VIEWS, "view": self.drive.view, "driven": self.drive.words, "path": path}

    def known(self) -> dict[str, Any]:
        """For the page, of who is there."""
        return {"words": self.presence.words} if self.presence and self.presence.words else {}

    def watch(
        self, flow: Flow, feed: Feed, worlds: list[Channel[World]], outside: Listener
    ) -> None:
        """Looks at what the camera feeds. Worlds of speech meet what is seen before they go on to
        `worlds`, which from then on holds the place where they meet."""
        frames = flow.channel("pictures in", 1)
        flow.start(feed(frames))
        if self.presence is not None:
            changes: Channel[Any] = Channel("people", CHANGES, live=False)
            self._way(flow, [self.presence], changes)
            flow.start(outside.tell_people(changes))
        if self.liveness is not None and self.drive is None:
            verdicts: Channel[Any] = Channel("liveness", CHANGES, live=False)
            tell = self.notary.fusion.push if self.notary else None
            self._way(flow, [*self._watching_lips, Eyes(self.liveness, tell)], verdicts)
            flow.start(outside.tell_people(verdicts))
        if self.belongs is not None and self.notary is not None:
            said = flow.channel("evidence", CHANGES)
            self._way(flow, [self.belongs], said)
            flow.start(gather(said, self.notary.fusion))
        if self.drive is not None:
            self.meet_from_now(flow, worlds)
        flow.run(frames, *self._finding, to=self._faces)

    def _way(self, flow: Flow, stages: list[stage.Stage[Any, Any]], sink: Channel[Any]) -> None:
        """From the faces that are found, in a task of its own."""
        self._faces.append(faces := flow.channel("faces", 1))
        flow.run(faces, *stages, to=[sink])

    def meet_from_now(self, flow: Flow, worlds: list[Channel[World]]) -> None:
        tracked, spoken = flow.channel("faces tracked", 2), flow.channel("worlds spoken", 2)
        self._way(flow, self._tracking, tracked)
        flow.start(self.meet(flow, spoken, tracked, list(worlds)))
        worlds[:] = [spoken]

    async def meet(
        self,
        flow: Flow,
        spoken: Channel[World],
        tracked: Channel[Tracked],
        sinks: Sequence[Channel[World]],
    ) -> None:
        """Each world with what was seen by then: of a file exactly that, live what has come."""
        assert self.drive is not None
        lead = None
        if flow.live and not self.hears:
            lead = Lead(self.drive, flow, sinks)
            flow.start(lead.follow(tracked))
        async for world in spoken:
            if lead is None:
                await self._catch_up(tracked, world.t, flow.live)
                await send_driven(self.drive, world, flow, sinks)
            else:
                await lead.rest(world)
        if lead is not None:
            await lead.end()
        for sink in sinks:
            await sink.close()
        async for item in tracked:  # what nobody speaks to any more is tracked for the files
            self.drive.see(item)

    async def _catch_up(self, tracked: Channel[Tracked], t: float, live: bool) -> None:
        assert self.drive is not None
        while len(tracked) if live else self.drive.newest < t:
            try:
                self.drive.see(await anext(tracked))
            except StopAsyncIteration:
                return


async def send_driven(
    drive: Drive, world: World, flow: Flow, sinks: Sequence[Channel[World]]
) -> None:
    """The world as the camera moves it, made in the pool."""
    loop = asyncio.get_running_loop()
    made = await loop.run_in_executor(flow.pool, stage.push, [drive], [world], flow.stats)
    await stage.send(made, sinks)


class Lead:
    """Where the camera alone moves the face: each frame makes a world as soon as it is tracked.

    Waiting for the next tick of the pace would show it half a tick late on average. The pace's own
    worlds lend the rest of the moment, and go on where no frame came for a while.
    """

    def __init__(self, drive: Drive, flow: Flow, sinks: Sequence[Channel[World]]) -> None:
        self._drive, self._flow, self._sinks = drive, flow, sinks
        self._rest: World | None = None
        self._shown = float("-inf")
        self._turn = asyncio.Lock()  # a world at a time, in the order of time

    async def rest(self, world: World) -> None:
        """The pace's world of a moment: shown where the camera says nothing."""
        self._rest = world
        if world.t - self._drive.newest > SILENT:
            await self._show(world)

    async def follow(self, tracked: Channel[Tracked]) -> None:
        async for item in tracked:
            self._drive.see(item)
            if (rest := self._rest) is not None:
                face, motion = replace(rest.face, t=item.t), replace(rest.motion, t=item.t)
                await self._show(replace(rest, t=item.t, face=face, motion=motion))

    async def end(self) -> None:
        """Nothing is shown from now on."""
        async with self._turn:
            self._shown = float("inf")

    async def _show(self, world: World) -> None:
        async with self._turn:
            if world.t > self._shown:
                self._shown = world.t
                await send_driven(self._drive, world, self._flow, self._sinks)


async def gather(said: Channel[Evidence], fusion: Fusion) -> None:
    """Evidence of any stage, to where it is summed."""
    async for item in said:
        fusion.push(item)


def _track(parts: Loaded, asked: Asked) -> Track:
    return Track(parts.head, Nets(parts.head, asked.provider), asked.track)


class _Pass:
    """A stage that shows what passes to somebody, and says when it ends."""

    lookahead = 0.0

    def __init__(
        self, name: str, show: Callable[[Any], Any], end: Callable[[], None] | None = None
    ) -> None:
        self.name, self._show, self._end = name, show, end

    def push(self, item: Any) -> list[Any]:
        self._show(item)
        return [item]

    def finish(self) -> list[Any]:
        if self._end:
            self._end()
        return []


class Still:
    """A stage AudioChunk -> FaceMesh: a face at rest at the pace of the sound, without delay.

    In place of speech, where the camera alone moves the face.
    """

    name, lookahead = "pace", 0.0

    def __init__(self, person: Floats, fps: int) -> None:
        self._person, self._fps = person, fps
        self._origin: float | None = None
        self._frame = 0

    def push(self, item: AudioChunk) -> list[FaceMesh]:
        self._origin = item.t if self._origin is None else self._origin
        made = []
        while (t := self._origin + self._frame / self._fps) < item.end:
            made.append(FaceMesh(t, self._person))
            self._frame += 1
        return made

    def finish(self) -> list[FaceMesh]:
        return []
