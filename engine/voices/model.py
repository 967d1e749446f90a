"""The DIMNet model folder: two nets into one space, and what their embeddings say of covariates."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort

from ..errors import ModelError
from ..faces.recogniser import SIDE, Recogniser
from ..model import MODELS, ModelFolder, open_model, open_session
from ..types import Bytes, Floats
from .features import HEARD


@dataclass(frozen=True, slots=True)
class Calibration:
    """Logits -> probabilities, as measured on people who were held out.

    The mean logit of n seconds is worth (scale + growth ln n) of itself, for evidence of one
    voice is not independent from second to second; and nothing is ever surer than `most`, for
    that share of held-out people was told right.
    """

    scale: float = 1.0
    growth: float = 0.0
    most: float = 0.99

    def __call__(self, logits: Floats, seconds: float = 1.0) -> Floats:
        """(..., k) mean logits -> probabilities."""
        sharp = logits * (self.scale + self.growth * np.log(max(seconds, 1.0)))
        odds = np.exp(sharp - sharp.max(-1, keepdims=True))
        p = odds / odds.sum(-1, keepdims=True)
        k = p.shape[-1]
        share = (self.most - 1 / k) / (1 - 1 / k)
        return np.asarray(share * p + (1 - share) / k, np.float32)


@dataclass(frozen=True)
class Model:
    """A loaded model. Stateless: one serves any number of voices and faces."""

    voice_net: ort.InferenceSession
    face_net: ort.InferenceSession
    heads: Mapping[str, Floats]  # covariate -> (k, d)
    about: dict[str, Any]
    provider: str
    recogniser: Recogniser | None = None  # whose templates the face net takes; else pictures

    @classmethod
    def load(
        cls, folder: Path | None = None, provider: str = "cpu", threads: int = 1, sees: bool = True
    ) -> "Model":
        """Reads a verified model folder; ModelError where it hears other features than these, or
        takes the templates of another recogniser. Who only listens needs none: `sees` False."""
        model = open_model(folder or MODELS / "dimnet")
        if model.about.get("features") != HEARD:
            raise ModelError(f"{model.path} hears other features than this engine makes; retrain")
        voice, used = open_session(model.file("voice.onnx"), provider, threads)
        face, _ = open_session(model.file("face.onnx"), provider, threads)
        stands_on = None
        if sees and "templates" in model.about:
            stands_on = _recogniser(model, provider, threads)
        with np.load(model.file("heads.npz")) as file:
            heads = {name: file[name].astype(np.float32) for name in file.files}
        return cls(voice, face, heads, model.about, used, stands_on)

    def classes(self, covariate: str) -> list[str]:
        return list(self.about["covariates"][covariate])

    def prior(self, covariate: str) -> Floats:
        """(k,) shares of the classes that probabilities are given under: training's, even."""
        return np.full(len(self.heads[covariate]), 1 / len(self.heads[covariate]), np.float32)

    def voices(self, mel: Floats) -> Floats:
        """Levelled frames (b, t, 64) -> embeddings (b, d), not normalised."""
        return np.asarray(self.voice_net.run(None, {"mel": mel})[0])

    def faces(self, crops: Bytes) -> Floats:
        """Crops (b, s, s, 3) RGB as engine.faces cuts them -> embeddings (b, d), not normalised."""
        if self.recogniser is not None:
            templates = self.recogniser.embed(_sized(crops, SIDE))
            return np.asarray(self.face_net.run(None, {"template": templates})[0])
        pixels = _sized(crops, int(self.about["pixels"])).astype(np.float32)
        fed = {"pixels": pixels.transpose(0, 3, 1, 2) / 127.5 - 1}
        return np.asarray(self.face_net.run(None, fed)[0])

    def probabilities(
        self, covariate: str, embedding: Floats, side: str, seconds: float = 1.0
    ) -> Floats:
        """(..., k) of the mean embedding (..., d) of a voice heard for `seconds`, or of a face."""
        known = self.about.get("calibration", {}).get(covariate, {}).get(side, {})
        return Calibration(**known)(embedding @ self.heads[covariate].T, seconds)


def _recogniser(model: ModelFolder, provider: str, threads: int) -> Recogniser:
    """The shipped one; ModelError where the face net was trained on another's templates."""
    found = Recogniser(provider=provider, threads=threads)
    if found.sha256 != model.about["templates"]["sha256"]:
        raise ModelError(
            f"{model.path} takes the templates of another recogniser than {found.name}: train it "
            "again, or put the recogniser back that it was trained on"
        )
    return found


def _sized(crops: Bytes, side: int) -> Bytes:
    smaller = crops.shape[1] > side
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.stack([cv2.resize(c, (side, side), interpolation=how) for c in crops])


def unit(embedding: Floats) -> Floats:
    return np.asarray(embedding / (np.linalg.norm(embedding, axis=-1, keepdims=True) + 1e-9))
