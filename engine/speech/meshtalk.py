"""The MeshTalk model folder: one step's net, the spaces of its motion and templates, controls."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from engine.errors import ConfigError, ModelError
from engine.model import MODELS, open_model, open_session
from engine.types import Floats

from . import features, windows

HEARD = {
    "rate": features.RATE,
    "hop": features.HOP,
    "window": features.WINDOW,
    "n_fft": features.N_FFT,
    "mels": features.MELS,
    "field": windows.FIELD,
}


@dataclass(frozen=True, slots=True)
class State:
    """All that a stream carries from one step to the next, batch first."""

    past: Floats  # (b, 19, wide) the autoregressive model's caches
    memory: Floats  # (b, 2, 2, 128) the decoder's LSTM


@dataclass(frozen=True)
class Model:
    """A loaded model. Stateless: one serves any number of streams."""

    session: ort.InferenceSession
    provider: str
    about: dict[str, Any]
    modes: Floats  # (k, v, 3) orthonormal directions of motion
    template_mean: Floats  # (v, 3) millimetres
    template_modes: Floats  # (p, v, 3) orthonormal
    template_spread: Floats  # (p,) millimetres

    @classmethod
    def load(cls, folder: Path | None = None, provider: str = "auto") -> "Model":
        """Reads a verified model folder; ModelError where its features are not the engine's."""
        model = open_model(folder or MODELS / "meshtalk")
        heard = dict(model.about.get("features", {}))
        if heard.pop("lookahead", None) is None or heard != HEARD:
            raise ModelError(f"{model.path} hears other features than this engine makes; retrain")
        session, used = open_session(model.file("model.onnx"), provider)
        with np.load(model.file("space.npz")) as file:
            arrays = {name: file[name].astype(np.float32) for name in file.files}
        return cls(session, used, model.about, **arrays)

    @cached_property
    def temperature(self) -> Floats:
        """(heads,) each head's sampling temperature as shipped."""
        return np.array(self.about["temperature"], np.float32)

    @cached_property
    def free(self) -> Floats:
        """(heads,) in [0, 1]: how much of each head's work is not the mouth's."""
        return np.array(self.about["free"], np.float32)

    @property
    def lookahead(self) -> float:
        """Seconds of sound after a frame that the net hears."""
        return float(self.about["features"]["lookahead"])

    @property
    def heads(self) -> int:
        return len(self.temperature)

    @property
    def classes(self) -> int:
        return int(self.about["sizes"]["classes"])

    @property
    def manners(self) -> list[str]:
        return list(self.about.get("manners", []))

    def template(self, person: Floats, manner: str = "") -> Floats:
        """A person's neutral (v, 3) as the net knows it: (p,) coordinates, and a one of the m ways
        of moving that it was told of; ConfigError where it knows no such `manner`."""
        if manner and manner not in self.manners:
            raise ConfigError(f"speech.manner = {manner}: this model has {self.manners or 'one'}")
        if person.shape != self.template_mean.shape:
            raise ModelError(
                "meshtalk was made for another head than this one; retrain or reinstall"
            )
        away = (person - self.template_mean).ravel()
        flat = self.template_modes.reshape(len(self.template_modes), -1)
        told = [name == (manner or self.manners[0]) for name in self.manners]
        return np.concatenate([flat @ away / self.template_spread, told]).astype(np.float32)

    def displacement(self, motion: Floats) -> Floats:
        """Motion (k,) as what it adds to a person's vertices (v, 3), millimetres."""
        flat = self.modes.reshape(len(self.modes), -1)
        return (motion @ flat).reshape(self.template_mean.shape)

    def temperatures(self, liveliness: float) -> Floats:
        """(heads,) with liveliness acting on what sound does not determine."""
        return self.temperature * (1 + (np.float32(liveliness) - 1) * self.free)

    def begin(self, batch: int = 1) -> State:
        shapes = self.about["state"]
        return State(*(np.zeros((batch, *shapes[n]), np.float32) for n in ("past", "memory")))

    def step(
        self, mel: Floats, template: Floats, noise: Floats, temperature: Floats, state: State
    ) -> tuple[Floats, State]:
        """One frame of each stream: mel (b, 61, 80), template (b, p), Gumbel noise
        (b, heads, classes), temperature (b, heads) -> motion (b, k) millimetres, state."""
        feeds = {"mel": mel, "template": template, "noise": noise, "temperature": temperature,
                 "past": state.past, "memory": state.memory}  # fmt: skip
        motion, _, past, memory = self.session.run(None, feeds)
        return motion, State(past, memory)


def gumbel(rng: np.random.Generator, heads: int, classes: int) -> Floats:
    """Standard Gumbel noise (heads, classes)."""
    return -np.log(rng.standard_exponential((heads, classes), dtype=np.float32) + np.float32(1e-20))
