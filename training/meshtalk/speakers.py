"""Whatever turns sound into a face, behind one method, to be measured by the same ruler."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from engine.head import Head
from engine.speech import MeshTalk as Stage
from engine.speech import Model, SpeechConfig
from engine.speech.features import RATE
from engine.speech.windows import FIELD, last_frame
from engine.types import AudioChunk, Floats
from training.data.clips import FPS

from . import data
from .baselines import Continuous, Follower, Regression, first_net
from .data import Motions
from .space import Space
from .steps import ends, full_sizes, restore, run_data, saved_config

CHUNK = 320  # samples: what a sound card hands over
LEVELS = np.arange(-20, 11)  # mel frames by which loudness may lead the mouth


class Speaker(Protocol):
    """Speaks 16 kHz `samples` with the face `person` (v, 3): (frames, v, 3) millimetres, at
    k / 30 seconds. `seed` None asks for what is most likely."""

    @property
    def draws(self) -> bool: ...  # whether seeds differ

    def speak(self, samples: Floats, person: Floats, frames: int, seed: int | None) -> Floats: ...


def stream(stage: Stage, samples: Floats) -> list[Floats]:
    """All faces (v, 3) that a clip gives when it comes in pieces."""
    faces = []
    for at in range(0, len(samples), CHUNK):
        faces += stage.push(AudioChunk(at / RATE, samples[at : at + CHUNK], RATE))
    return [face.vertices for face in faces + stage.finish()]


class Engine:
    """A model folder, run by the engine's own stream, piece by piece; in the manner asked for if
    it was told of that one."""

    draws = True

    def __init__(self, folder: Path, head: Head, manner: str = "") -> None:
        self.head, self.model = head, Model.load(folder, "cpu")
        known = manner in self.model.manners
        self.config = SpeechConfig(manner=manner if known else "")
        cold = {**self.model.about, "temperature": [0.0] * self.model.heads}
        self.likely = replace(self.model, about=cold)

    def speak(self, samples: Floats, person: Floats, frames: int, seed: int | None) -> Floats:
        model = self.likely if seed is None else self.model
        stage = Stage(self.config, self.head, person, FPS, seed or 0, "cpu", model)
        return fitted(stream(stage, samples), frames)


def fitted(faces: Sequence[Floats] | Floats, frames: int) -> Floats:
    """The first `frames` faces; the last is held where there are fewer."""
    index = np.minimum(np.arange(frames), len(faces) - 1)
    return np.stack([faces[int(i)] for i in index])


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline's nets, run by torch over the whole clip: causal, so the same as live."""

    first: Regression | Continuous
    second: Follower | None
    space: Space
    lookahead: float
    manner: str  # asked for; its own if it was not told of that one
    draws: bool = False

    @classmethod
    def load(cls, run: Path, manner: str = "") -> "Baseline":
        config = saved_config(run)
        folder = run_data(run, config.data)
        sizes = full_sizes(config, folder)
        first = first_net(config.net, sizes)
        assert isinstance(first, Regression | Continuous)
        restore(first, run / "first.pt")
        second = Follower(sizes) if isinstance(first, Continuous) else None
        if second is not None:
            restore(second, run / "second.pt")
        space = data.load_space(folder)
        manner = manner if manner in space.manners else ""
        return cls(first, second, space, config.lookahead, manner)

    @torch.no_grad()
    def speak(self, samples: Floats, person: Floats, frames: int, seed: int | None) -> Floats:
        mel = torch.from_numpy(data.features(samples))[None]
        template = torch.from_numpy(self.space.template(person, self.manner))[None]
        audio = self.first.hear(mel, ends(frames, self.lookahead))
        if isinstance(self.first, Regression):
            motion = self.first.decode(audio, template)
        else:
            assert self.second is not None
            code = self.first.fuse(audio, self.second(audio))
            motion = self.first.decode(code, template, False)
        return posed(self.space, person, motion[0].numpy())


def posed(space: Space, person: Floats, motion: Floats) -> Floats:
    """Whitened motion (n, k) on a person (v, 3): faces (n, v, 3)."""
    flat = space.modes.reshape(len(space.modes), -1)
    moved = ((motion * space.spread) @ flat).reshape(-1, *person.shape)
    return np.asarray(person + moved, np.float32)


@dataclass(frozen=True, slots=True)
class MeanFace:
    """The mean of the training data's motion, whatever is said."""

    space: Space
    mean: Floats  # (k,)
    draws: bool = False

    @classmethod
    def fit(cls, motions: Motions, space: Space) -> "MeanFace":
        trust = motions.mouth[:, None] + 1e-6
        return cls(space, (motions.motion * trust).sum(0) / trust.sum())

    def speak(self, samples: Floats, person: Floats, frames: int, seed: int | None) -> Floats:
        return posed(self.space, person, np.repeat(self.mean[None], frames, 0))


@dataclass(frozen=True, slots=True)
class Loudness:
    """The mouth follows how loud it is: one direction of motion and one lag, fitted."""

    space: Space
    mean: Floats  # (k,) motion in silence
    along: Floats  # (k,) for one unit of level
    lag: int  # mel frames by which the level is heard earlier (negative: later)
    draws: bool = False

    @classmethod
    def fit(cls, motions: Motions, space: Space) -> "Loudness":
        trust = np.sqrt(motions.mouth)[:, None]
        wanted = motions.motion * trust
        best: tuple[float, Floats, int] | None = None
        for lag in LEVELS:
            level = _track(motions, int(lag))
            rows = np.stack([np.ones_like(level), level], 1) * trust
            found = np.linalg.lstsq(rows, wanted, rcond=None)[0]
            error = float(np.square(rows @ found - wanted).sum())
            if best is None or error < best[0]:
                best = error, found, int(lag)
        assert best is not None
        return cls(space, best[1][0], best[1][1], best[2])

    def speak(self, samples: Floats, person: Floats, frames: int, seed: int | None) -> Floats:
        level = _levels(data.features(samples), frames, self.lag)
        return posed(self.space, person, self.mean + level[:, None] * self.along)


def _levels(mel: Floats, frames: int, lag: int) -> Floats:
    """The loudness (frames,) of levelled mel frames, `lag` mel frames after each frame."""
    newest = [last_frame(k, Fraction(FPS), 0) + FIELD - 1 + lag for k in range(frames)]
    return mel[np.clip(newest, 0, len(mel) - 1)].mean(1)


def _track(motions: Motions, lag: int) -> Floats:
    parts = []
    for c in range(len(motions.frames) - 1):
        mel = motions.mel[motions.mels[c] : motions.mels[c + 1]]
        parts.append(_levels(mel, int(motions.frames[c + 1] - motions.frames[c]), lag))
    return np.concatenate(parts)


def of_rows(
    model: Path | None, runs: Sequence[Path], head: Head, manner: str
) -> dict[str, Speaker]:
    """The model, each row's run, and the two that need no net, fitted to the first row's data; all
    in that manner which can."""
    found: dict[str, Speaker] = {} if model is None else {"shipped": Engine(model, head, manner)}
    for run in runs:
        config = saved_config(run)
        found[run.name] = (
            Engine(run / "model", head, manner)
            if config.net == "meshtalk"
            else Baseline.load(run, manner)
        )
    if runs:
        folder = run_data(runs[0], saved_config(runs[0]).data)
        motions, space = data.load(folder, "train"), data.load_space(folder)
        found |= {
            "mean-face": MeanFace.fit(motions, space),
            "loudness": Loudness.fit(motions, space),
        }
    return found
