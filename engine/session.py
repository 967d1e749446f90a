"""One session, wired: what flows from where to where. Reading this down is reading the engine."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar

from threadpoolctl import threadpool_limits

from . import stage
from .capture import Resample, Senses, open_senses
from .channel import Channel
from .clock import Clock
from .config import as_dict
from .deliver import Server
from .errors import ConfigError
from .feeding import feed, share
from .outside import Outside
from .parts import LiveConfig, Parts, Voice
from .render import Screen
from .render.scene import check_scene, scene_needs
from .scenery import Scenery
from .serving import serving
from .speech.activity import Activity
from .stats import Stats
from .types import Picture, World
from .voices.belong import RATE, Belongs
from .watching import Watching

A = TypeVar("A")
B = TypeVar("B")
Channels = Sequence[Channel[Any]]
LISTEN_RATE = 48_000  # hertz: what WebRTC and the recorder carry
WAITING = 128  # values in a channel of sound or for a file: more than a second of either
FRAMES = 2  # frames between two stages: a third one means that drawing is too slow
THREADS = 6  # of the stages, few are busy at once, and drawing only waits for its process
log = logging.getLogger("likeness")


class Flow:
    """The channels and tasks of a running session."""

    def __init__(self, tasks: asyncio.TaskGroup, pool: Executor, stats: Stats, live: bool) -> None:
        self.pool, self.stats = pool, stats
        self._tasks, self.live = tasks, live

    def channel(self, name: str, size: int) -> Channel[Any]:
        # Where senders wait, a long queue only means a long wait after Ctrl-C.
        return Channel(name, size if self.live else FRAMES, self.live, self.stats)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.create_task(work)

    def run(self, source: Channel[Any], *stages: stage.Stage[Any, Any], to: Channels = ()) -> None:
        """`stages`, one after another, from `source` to each channel of `to`."""
        self.start(stage.run(stages, source, to, self.pool, self.stats))


class Each(Generic[A, B]):
    """A stage without a state: `do` to each value."""

    lookahead = 0.0

    def __init__(self, name: str, do: Callable[[A], B]) -> None:
        self.name, self._do = name, do

    def push(self, item: A) -> list[B]:
        return [self._do(item)]

    def finish(self) -> list[B]:
        return []


async def run(config: LiveConfig, voice: Voice, stop: asyncio.Event) -> Stats:
    """Runs a session until its sound ends, `config.seconds` passed or `stop` is set.

    Whatever is being written is finished then. Failures leave as EngineErrors, in a task
    group's bundle where they come from inside one.
    """
    log.info("configuration: %s", as_dict(config))
    if not (config.is_live or any(as_dict(config.files).values())):
        raise ConfigError(
            "nothing would come out: with --no-serve give --record, --motion, --mesh or --params"
        )
    keep_inputs(config)
    if config.files.persona and "persona" not in scene_needs(config.render.scene):
        raise ConfigError("--persona needs the scene that imagines one: --scene persona")
    stats = Stats()
    async with AsyncExitStack() as closing:
        closing.enter_context(threadpool_limits(1))  # more only spin: our products are small
        making = closing.enter_context(ExitStack())
        # Entered after what it works on, so that it is idle before files and renderer are closed.
        pool = closing.enter_context(ThreadPoolExecutor(THREADS, "stage"))
        loop = asyncio.get_running_loop()
        clock = Clock()
        # First what may be wrong with the request: models and the renderer take seconds.
        check_scene(config.render.scene)
        outside = Outside(config.mqtt, config.motion, config.render.fps, clock, stats, pool)
        closing.callback(outside.close)
        senses = open_for(config, clock, stats, outside)
        source = senses.sound
        needs = needs_of(config)
        watching = Watching(stats)
        parts = await loop.run_in_executor(pool, Parts, config, making)
        outside.screen, outside.knows_people = parts.renderer, "verify" in needs
        await closing.enter_async_context(outside)
        if senses.camera or config.files.params:
            closing.callback(watching.close)
            await loop.run_in_executor(pool, watching.load, parts, config, needs, clock.now)
        outside.people = watching.presence
        if watching.notary:
            voice.say(f"claims are signed: give viewers a link with #key={watching.notary.keys.id}")
        live = config.is_live or source.is_microphone
        voice.say(" · ".join(f"{k} {v}" for k, v in parts.about.items()))
        voice.say(senses.describe)
        to16 = Resample(parts.speech.rate, "resample for speech", source.rate, stats)
        server: Server | None = None
        if config.serve:
            # of each way from a sense to the face
            paths = [0.0, to16.lookahead + parts.speech.lookahead][: 1 + watching.hears]
            delay = max(paths) + config.margin
            server = serving(config, parts, senses, watching, outside, clock, delay, stats, pool)
            await closing.enter_async_context(server)
            closing.push_async_callback(outside.feed.close)
            voice.serving(server.url)
        async with asyncio.TaskGroup() as tasks:
            flow = Flow(tasks, pool, stats, live)
            connect(flow, config, parts, senses, watching, to16, server, outside, clock, stop)
    if parts.imagining and config.files.persona:
        parts.imagining.save(config.files.persona)
    for file in filter(None, as_dict(config.files).values()):
        if file.exists():  # it does not where nothing came
            voice.say(f"wrote {file}")
    return stats


def keep_inputs(config: LiveConfig) -> None:
    """ConfigError where a file that is read would be written over."""
    read = {f.resolve() for f in (config.capture.audio, config.capture.video) if f is not None}
    for name, file in as_dict(config.files).items():
        if file and file.resolve() in read:
            raise ConfigError(f"--{name} {file} is a file that is read: choose another name")


def needs_of(config: LiveConfig) -> tuple[str, ...]:
    """What the scene asks for, and a claim, which can be made whatever is shown."""
    needs = scene_needs(config.render.scene)
    return (*needs, "faces", "verify") if config.verify.claims.issue else needs


def open_for(config: LiveConfig, clock: Clock, stats: Stats, outside: Outside) -> Senses:
    """What the session hears and, where its scene asks for faces, sees."""
    watches = "faces" in needs_of(config)
    found = open_senses(
        config.capture, clock, stats, config.is_live, watches, outside.notice_source
    )
    if config.verify.claims.issue and found.camera is None:
        raise ConfigError("verify.claims.issue needs a camera: give --camera, or --video")
    return found


def connect(
    flow: Flow,
    config: LiveConfig,
    parts: Parts,
    senses: Senses,
    watching: Watching,
    to16: Resample,
    server: Server | None,
    outside: Outside,
    clock: Clock,
    stop: asyncio.Event,
) -> None:
    """Draws the picture of ARCHITECTURE.md: channels, and what runs between them."""
    heard, passed_on = hear(flow, senses, outside, watching.belongs, config.seconds, stop)
    source, camera = senses.sound, senses.camera
    writers, worlds, sounds, pictures = parts.writers, list[Any](), list[Any](), list[Any]()
    # A camera alone is to be seen at once: where drawing is slow a frame that waits is only late.
    waiting = FRAMES if watching.hears else 1
    if outside.motion:
        worlds.append(moved := flow.channel("motion out", FRAMES))
        frames = flow.channel("motion to tell", FRAMES)
        flow.run(moved, outside.motion, to=[frames])
        flow.start(outside.feed.run(frames))
    if writers.any:
        worlds.append(kept := flow.channel("worlds to write", WAITING))
        flow.run(kept, Each("write motion", writers.push_world))
    if writers.recorder:
        sounds.append(taped := flow.channel("sound to write", WAITING))
        flow.run(taped, Each("write sound", writers.push_sound))
        pictures.append(filmed := flow.channel("pictures to write", WAITING))
        flow.run(filmed, Each("write pictures", writers.push_picture))
    if server:
        sounds.append(aloud := flow.channel("sound out", WAITING))
        pictures.append(shown := flow.channel("pictures", waiting))
        flow.start(server.run(shown, aloud))
    if parts.renderer:
        worlds.append(drawn := flow.channel("worlds to draw", waiting))
        flow.run(drawn, Drawing(parts.renderer, stop, watching), to=pictures)
    scenery = Scenery(flow, config, parts, senses, watching, worlds, outside, clock, stop)
    if camera:
        scenery.watch(camera)
    outside.prepare = scenery.prepare
    ways = [*watching.says(to16, parts, config.render.fps), parts.life]
    if parts.imagining:
        ways = [ways[0], parts.imagining.overhear, *ways[1:], parts.imagining.become]
    flow.run(heard, *ways, to=worlds)
    flow.run(passed_on, Resample(LISTEN_RATE, "resample", source.rate, flow.stats), to=sounds)


def hear(
    flow: Flow, senses: Senses, outside: Outside, belongs: Belongs | None, seconds: float,
    stop: asyncio.Event,
) -> tuple[Channel[Any], Channel[Any]]:  # fmt: skip
    """The sound's way, as far as to speech and to listeners."""
    native = flow.channel("sound in", WAITING)
    heard = flow.channel("sound for speech", WAITING)
    passed_on = flow.channel("sound for listeners", WAITING)
    source, camera = senses.sound, senses.camera
    flow.start(feed(source, native, stop, last=camera is None or not camera.ends))
    everywhere = [heard, passed_on]
    if outside.events.heard:
        everywhere.append(listened := flow.channel("sound for events", WAITING))
        changes: Channel[Any] = Channel("speech changes", WAITING, live=False)
        flow.run(listened, Activity(source.rate), to=[changes])
        flow.start(outside.tell_speech(changes))
    if belongs:
        everywhere.append(voiced := flow.channel("sound for voices", WAITING))
        to16 = Resample(RATE, "resample for voices", source.rate, flow.stats)
        flow.run(voiced, to16, Each("voices", belongs.hear))
    flow.start(share(native, everywhere, seconds, stop, outside.heard))
    return heard, passed_on


class Drawing:
    """A stage World -> Picture; it ends the session where a person closes the window."""

    name, lookahead = "draw", 0.0

    def __init__(self, renderer: Screen, stop: asyncio.Event, watching: Watching) -> None:
        self._renderer, self._watching = renderer, watching
        self._stop = partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set)
        self._draws(True)

    def push(self, item: World) -> list[Picture]:
        if presence := self._watching.presence:
            item = replace(item, present=presence.at(item.t))
        picture = self._renderer.draw(item)
        if self._renderer.window_closed:
            self._stop()
        return [picture]

    def finish(self) -> list[Picture]:
        self._draws(False)
        return []

    def _draws(self, drawn: bool) -> None:
        if self._watching.presence:
            self._watching.presence.draws(drawn)
