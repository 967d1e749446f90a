"""The speech stage: sound in, a moving face out."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from engine.errors import ConfigError
from engine.head import Head
from engine.model import MODELS
from engine.types import AudioChunk, FaceMesh, Floats

from .features import RATE, Features
from .meshtalk import Model, State, gumbel
from .windows import Windows

GAP = 0.02  # seconds by which a chunk's time may differ from the count of samples before it


@dataclass(frozen=True, slots=True)
class SpeechConfig:
    """Which model speaks, and how."""

    model: str = "meshtalk"  # a folder of engine/models
    intensity: float = 1.0  # of the mouth's motion, 0 to 3
    liveliness: float = 1.0  # sampling temperature of what the sound does not determine, 0 to 2
    manner: str = ""  # one of those the model was told of; its first if not given
    style: int = -1  # seed of the net's own draws; -1 is the session's seed

    def __post_init__(self) -> None:
        if self.style < -1:
            raise ConfigError(f"speech.style = {self.style}: give a seed, or -1 for the session's")
        for name, value, most in (
            ("intensity", self.intensity, 3),
            ("liveliness", self.liveliness, 2),
        ):
            if not 0 <= value <= most:
                raise ConfigError(f"speech.{name} = {value}: give a number from 0 to {most}")


class MeshTalk:
    """16 kHz mono sound -> one FaceMesh at each k / fps from the first chunk's time on.

    The net itself makes 30 frames a second; for another `fps` its frames are interpolated, which
    takes one net frame more of look-ahead. Same seed and sound: same bytes, however it is cut.
    """

    name = "speech"
    rate = RATE  # what the chunks must have, hertz

    def __init__(
        self,
        config: SpeechConfig,
        head: Head,
        person: Floats,
        fps: Fraction | int = 30,
        seed: int = 0,
        provider: str = "auto",
        model: Model | None = None,
    ) -> None:
        """`model` is one that is loaded already: any number of streams may share it."""
        model = model or Model.load(MODELS / config.model, provider)
        self.model, self.provider = model, model.provider
        self.person, self.fps = person, Fraction(fps)
        self.net_fps = Fraction(int(model.about["fps"]))
        self._gain = 1 + np.float32(config.intensity - 1) * head.masks["mouth"][:, None]
        same = self.fps == self.net_fps
        self.lookahead = model.lookahead + (0 if same else float(1 / self.net_fps))
        self._features, self._windows = Features(), Windows(self.net_fps, model.lookahead)
        self._template = model.template(person, config.manner)[None]
        self._rng = np.random.default_rng(seed if config.style < 0 else config.style)
        self._state: State = model.begin()
        self._origin: float | None = None
        self._heard = 0  # samples
        self._made = 0  # frames of the net
        self._sent = 0  # frames handed out
        self._recent: list[Floats] = []  # the net's last two motions (k,), millimetres
        self._temperature = model.temperatures(config.liveliness)

    def push(self, item: AudioChunk) -> list[FaceMesh]:
        """The frames that this sound completes."""
        if self._origin is None:
            self._origin = item.t
        samples = self._in_time(item)
        self._heard += len(samples)
        return self._advance(samples)

    def finish(self) -> list[FaceMesh]:
        """The frames up to the end of the sound, as if silence followed it."""
        if self._origin is None:
            return []
        total = math.ceil(Fraction(self._heard, RATE) * self.fps)
        ahead = np.zeros(math.ceil((self.lookahead + 0.1) * RATE), np.float32)
        left = total - self._sent
        return self._advance(ahead)[: max(0, left)]

    def _in_time(self, item: AudioChunk) -> Floats:
        """The chunk's samples as they fit the count so far: silence first for sound that never
        came, and without those whose time has passed (a sound card faster than the clock)."""
        assert self._origin is not None
        missing = item.t - self._origin - self._heard / RATE
        if missing >= GAP:
            return np.concatenate([np.zeros(round(missing * RATE), np.float32), item.samples])
        return item.samples[round(-missing * RATE) :] if missing <= -GAP else item.samples

    def _advance(self, samples: Floats) -> list[FaceMesh]:
        done: list[FaceMesh] = []
        for window in self._windows.push(self._features.push(samples)):
            self._recent = [*self._recent[-1:], self._step(window)]
            self._made += 1
            done += self._ready()
        return done

    def _step(self, window: Floats) -> Floats:
        noise = gumbel(self._rng, self.model.heads, self.model.classes)
        motion, self._state = self.model.step(
            window[None], self._template, noise[None], self._temperature[None], self._state
        )
        return motion[0]

    def _ready(self) -> list[FaceMesh]:
        """The frames whose time lies at or before the net's newest frame."""
        assert self._origin is not None
        done = []
        newest = self._made - 1
        while (place := self._sent * self.net_fps / self.fps) <= newest:
            t = self._origin + float(self._sent / self.fps)
            done.append(FaceMesh(t, self._vertices(float(newest - place))))
            self._sent += 1
        return done

    def _vertices(self, ago: float) -> Floats:
        """The face `ago` (0 to 1) net frames before the newest."""
        motion = self._recent[-1]
        if ago > 0:
            motion = motion + np.float32(ago) * (self._recent[0] - motion)
        return self.person + self._gain * self.model.displacement(motion)
