"""One session, wired: what flows from where to where. Reading this down is reading the engine."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, Generic, Literal, TypeVar

from threadpoolctl import threadpool_limits

from . import stage
from .capture import CaptureConfig, Resample, Senses, open_senses
from .channel import Channel
from .clock import Clock
from .config import as_dict
from .deliver import DeliverConfig, MotionConfig, MqttConfig, Server
from .deliver.enroll import enroll_routes
from .deliver.files import FilesConfig, Writers
from .deliver.intake import Intake
from .deliver.metrics import Metrics
from .deliver.views import ask_route, challenge_route, persona_route
from .errors import ConfigError
from .faces import FacesConfig
from .feeding import feed, share
from .head import Head
from .head.avatar import load_appearance
from .head.life import Life, LifeConfig
from .imagining import DOINGS, Imagining, PersonaConfig
from .outside import Outside
from .render import RenderConfig, Screen
from .render.scene import check_scene, scene_needs
from .scenery import Scenery
from .speech import MeshTalk, SpeechConfig
from .speech.activity import Activity
from .stats import Stats
from .track import TrackConfig
from .types import FaceMesh, Picture, World
from .verify.presence import PresenceConfig
from .voices.belong import RATE, Belongs
from .watching import Watching
from .wearing import Wearing

A = TypeVar("A")
B = TypeVar("B")
Channels = Sequence[Channel[Any]]
LISTEN_RATE = 48_000  # hertz: what WebRTC and the recorder carry
WAITING = 128  # values in a channel of sound or for a file: more than a second of either
FRAMES = 2  # frames between two stages: a third one means that drawing is too slow
STALE = 2.0  # seconds without a picture after which a session that serves is not ready
THREADS = 6  # of the stages, few are busy at once, and drawing only waits for its process
log = logging.getLogger("likeness")


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """Everything that `python -m engine.live` can be told; configs/live.toml explains each key."""

    seed: int = 0
    seconds: float = 0.0  # 0: until the sound ends or Ctrl-C
    provider: Literal["auto", "cpu", "cuda"] = "auto"
    serve: bool = True
    margin: float = 0.045  # seconds that computing and drawing may take on top of the look-ahead
    capture: CaptureConfig = field(default_factory=CaptureConfig)
    faces: FacesConfig = field(default_factory=FacesConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    life: LifeConfig = field(default_factory=LifeConfig)
    render: RenderConfig = field(default_factory=RenderConfig)
    deliver: DeliverConfig = field(default_factory=DeliverConfig)
    files: FilesConfig = field(default_factory=FilesConfig)
    mqtt: MqttConfig = field(default_factory=MqttConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)
    verify: PresenceConfig = field(default_factory=PresenceConfig)
    persona: PersonaConfig = field(default_factory=PersonaConfig)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"seed should be 0 or more, not {self.seed}")
        if not 0 <= self.seconds < inf:
            raise ConfigError(f"seconds should be 0 or more, not {self.seconds}")
        if not 0 <= self.margin <= 2:
            raise ConfigError(f"margin should be from 0 to 2 seconds, not {self.margin}")
        if self.capture.input == "browser" and not self.serve:
            raise ConfigError("--input browser needs the page: leave --no-serve out")
        if self.motion.has_listeners and not self.serve:
            raise ConfigError("motion.websocket and motion.channel need the page: no --no-serve")

    @property
    def is_watched(self) -> bool:
        """Whether somebody looks on, so that it is drawn."""
        return self.serve or self.render.window

    @property
    def is_live(self) -> bool:
        """Whether somebody follows it, so that it goes at the pace of life."""
        return self.is_watched or self.motion.any


@dataclass(frozen=True, slots=True)
class Voice:
    """How a session speaks to the person who started it."""

    say: Callable[[str], None]  # one line
    serving: Callable[[str], None]  # the page's address, once it answers


class Parts:
    """The loaded models and the renderer's process: all of a session that takes time to make."""

    def __init__(self, config: LiveConfig, closing: ExitStack) -> None:
        head = Head.load()
        self.imagining: Imagining | None = None
        if "persona" in scene_needs(config.render.scene):
            self.imagining = Imagining(config.persona, head, config.provider)
            appearance = self.imagining.nobody
        else:
            appearance = load_appearance(config.render.avatar, head)
        shaping = config.motion.shaping
        writing = Writers(config.files, config.render, head, appearance, shaping)
        self.writers = closing.enter_context(writing)
        self.renderer: Screen | None = None
        if config.is_watched or config.files.record:
            self.renderer = Screen(config.render, appearance, len(head.neutral))
            closing.callback(self.renderer.close)
        fps, person = config.render.fps, head.person(appearance.identity)
        self.head, self.person = head, person
        self.speech = MeshTalk(config.speech, head, person, fps, config.seed, config.provider)
        self.life = Life(head, person, config.seed, fps, config.life)
        # The first world and the first picture take a second each: now, rather than later.
        [at_rest] = Life(head, person, config.seed, fps, config.life).push(FaceMesh(0.0, person))
        drawn_by = "nobody"
        if self.renderer:
            drawn_by = self.renderer.wait_ready()
            self.renderer.draw(at_rest)
        self.about = {
            "scene": config.render.scene,
            "avatar": appearance.name,
            "provider": self.speech.provider,
            "drawn by": drawn_by,
            "seed": str(config.seed),
        }


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
            "nothing would come out: with --no-serve give --record, --motion or --mesh"
        )
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


def serving(
    config: LiveConfig,
    parts: Parts,
    senses: Senses,
    watching: Watching,
    outside: Outside,
    clock: Clock,
    delay: float,
    stats: Stats,
    pool: Executor,
) -> Server:
    """The page's server, and what programs find beside the page."""
    info = about_page(config, parts, senses, watching, outside, clock)
    wearing = wearing_for(config, parts, watching, pool)

    def gauges() -> dict[str, float]:
        online = {"mqtt_connected": float(outside.link.connected)} if outside.link else {}
        return {"viewers": server.watching, "uptime_seconds": clock.now(), **online}

    def unready() -> str:
        return "" if clock.now() - server.pictures_at < STALE else "no pictures come"

    def about() -> dict[str, Any]:
        more = {"worn": wearing.state} if wearing and watching.drive else {}
        return info() | more | ({"scene": parts.renderer.scene} if parts.renderer else {})

    routes = [*Metrics(stats, gauges, unready).routes, *outside.feed.routes]
    if watching.presence:
        routes += enroll_routes(watching.presence.begin_enrolment)
    routes.append(ask_route("/view", watching.choose))
    if watching.liveness:
        routes.append(challenge_route(watching.liveness.challenge_now))
    if parts.imagining:
        routes.append(persona_route(DOINGS, parts.imagining.do))
    if wearing:
        routes.append(ask_route("/wear", wearing.ask))
    browser = senses.browser
    intake = Intake(browser.kinds, browser.take) if browser else None
    server = Server(
        config.deliver, clock, delay, stats, about, intake, routes, outside.notice_viewer,
        watching.notary.attend if watching.notary else None,
    )  # fmt: skip
    outside.watching = lambda: server.watching
    outside.figures = server.published
    outside.takes = server.takes
    if config.motion.channel:
        outside.feed.say = server.say
    return server


def about_page(
    config: LiveConfig,
    parts: Parts,
    senses: Senses,
    watching: Watching,
    outside: Outside,
    clock: Clock,
) -> Callable[[], dict[str, Any]]:
    """What the page says of the session."""
    fixed = parts.about | {
        "microphone": senses.sound.is_microphone and senses.browser is None,
        "source": senses.sound.describe,
        "background": config.render.background,
        "lookahead": parts.speech.lookahead,
        "enrolls": watching.presence is not None and config.verify.enroll,
    }

    def now() -> dict[str, Any]:
        about = fixed | watching.about() | {"refused": outside.refused}
        if parts.imagining:
            about |= parts.imagining.about()
        if not watching.describe:
            return about
        seen = {"describe": watching.describe} | watching.report.now(clock.now())
        return about | {"camera": seen | watching.known()}

    return now


def wearing_for(
    config: LiveConfig, parts: Parts, watching: Watching, pool: Executor
) -> Wearing | None:
    """Who puts a person's own face on the avatar, where one is drawn."""
    if parts.renderer is None:
        return None
    return Wearing(
        parts.head, config.render.avatar, config.track.avatars, parts.renderer,
        lambda: watching.drive, pool,
    )  # fmt: skip


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
        pictures.append(shown := flow.channel("pictures", FRAMES))
        flow.start(server.run(shown, aloud))
    if parts.renderer:
        worlds.append(drawn := flow.channel("worlds to draw", FRAMES))
        flow.run(drawn, Each("draw", drawing(parts.renderer, stop, watching)), to=pictures)
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


def drawing(
    renderer: Screen, stop: asyncio.Event, watching: Watching
) -> Callable[[World], Picture]:
    """Draws, and ends the session where a person closes the window."""
    loop = asyncio.get_running_loop()

    def draw(world: World) -> Picture:
        if watching.presence:
            world = replace(world, present=watching.presence.at(world.t))
        picture = renderer.draw(world)
        if renderer.window_closed:
            loop.call_soon_threadsafe(stop.set)
        return picture

    return draw
