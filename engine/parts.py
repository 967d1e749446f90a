"""What a session is asked for, and what it loads for that."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from math import inf
from typing import Literal

from .capture import CaptureConfig
from .deliver import DeliverConfig, MotionConfig, MqttConfig
from .deliver.files import FilesConfig, Writers
from .errors import ConfigError
from .faces import FacesConfig
from .head import Head
from .head.avatar import load_appearance
from .head.life import Life, LifeConfig
from .imagining import Imagining, PersonaConfig
from .render import RenderConfig, Screen
from .render.scene import scene_needs
from .speech import MeshTalk, SpeechConfig
from .track import TrackConfig
from .types import FaceMesh
from .verify.presence import PresenceConfig


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
            hurried = config.is_watched and "track" in scene_needs(config.render.scene)
            kept = hurried or config.render.quality != "auto"
            render = config.render if kept else replace(config.render, quality="medium")
            self.renderer = Screen(render, appearance, len(head.neutral))
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
