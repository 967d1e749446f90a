"""Voice2Face: what head and face might go with a voice (NeurIPS 2019; docs/voice2face.md)."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from ..errors import ModelError
from ..model import MODELS, open_model, open_session
from ..types import AudioChunk, Bytes, Floats, Persona
from .listen import ENOUGH, Listen, Voice
from .model import Model, unit
from .space import Space

SETTLED = 5.0  # seconds of speech until the imagined head has its full say
DOUBTED = 0.5  # of its say, where something is wrong with the sound or two people speak
FLOOR = 0.02  # of reflectance: below it a ratio means nothing
TINTS = 0.5, 1.6  # how far a place may differ from nobody's
LIGHT = np.array([0.3, 0.55, 0.15], np.float32)  # what each colour adds to brightness
# Photographs carry the colour of their light, which the tracker takes for the skin's. So of a tone
# only its brightness counts: darker skin is that much redder. Of places half the colour counts.
SKINS = np.array([0.83, 1.03, 1.24], np.float32)
COLOUR = 0.5
SILENT = "not enough speech yet: go on speaking"
FORMING, OPEN = "taking shape", "this voice leaves it open"


@dataclass(frozen=True)
class Imagination:
    """The loaded model. Stateless: one serves any number of voices."""

    face_net: ort.InferenceSession
    head_net: ort.InferenceSession
    space: Space
    about: dict[str, Any]

    @classmethod
    def load(cls, ears: Model, folder: Path | None = None, provider: str = "cpu") -> "Imagination":
        """ModelError where the folder is altered, or was trained on another voice net's answers."""
        model = open_model(folder or MODELS / "voice2face")
        if model.about["listens"]["voice.onnx"] != ears.about["files"]["voice.onnx"]:
            raise ModelError(f"{model.path} was trained with another voice net: train it again")
        face, head = (open_session(model.file(f"{n}.onnx"), provider)[0] for n in ("face", "head"))
        return cls(face, head, Space.load(model.file("space.npz")), model.about)

    def faces(self, embeddings: Floats) -> Bytes:
        """Mean embeddings (b, d) of voices -> faces (b, 64, 64, 3) RGB."""
        made = self.face_net.run(None, {"embedding": unit(embeddings)})[0]
        return np.asarray(np.rint(np.asarray(made) * 255), np.uint8)

    def heads(self, embeddings: Floats) -> Floats:
        """Mean embeddings (b, d) of voices -> numbers (b, k + m) of the space."""
        return np.asarray(self.head_net.run(None, {"embedding": unit(embeddings)})[0], np.float32)

    @property
    def nobody(self) -> Persona:
        """Before anything is heard."""
        return as_persona(self.space, self.space.middle)


def as_persona(space: Space, numbers: Floats, kind: str = "") -> Persona:
    """A head's numbers (k + m,) as what is drawn: beside nobody's, so that what the tracker does
    to every face alike does not show."""
    own, nobody = space.reflectance(numbers), space.reflectance(space.middle)
    tone = _tone(own) / _tone(nobody)
    tint = np.maximum(own, FLOOR) / np.maximum(nobody, FLOOR) / tone
    grey = (tint @ LIGHT)[..., None]
    tint = np.clip(grey * (tint / grey) ** COLOUR, *TINTS).astype(np.float32)
    skin = np.asarray((tone @ LIGHT) ** SKINS, np.float32)
    return Persona(0.0, 0.0, space.identity(numbers), skin, tint, kind, SILENT)


def _tone(reflectance: Floats) -> Floats:
    """(3,) of the middle of the face, without eyes, brows and chin."""
    side = len(reflectance)
    middle = reflectance[side * 4 // 10 : side * 6 // 10, side // 4 : side * 3 // 4]
    return np.asarray(np.maximum(np.median(middle, (0, 1)), FLOOR))


class Imagine:
    """Stage: 16 kHz AudioChunk -> Persona, one a second of speech, from the voice so far.

    `lock` holds the last one; `again` forgets the voice. Both may be called from any thread.
    """

    name, lookahead = "imagine", 0.0

    def __init__(self, ears: Model, imagination: Imagination) -> None:
        self._ears, self._imagination = ears, imagination
        self._listen = Listen(ears)
        self._locked = self._forget = False
        self._kind = ""  # the class that was last sure: hair should not come and go

    def push(self, item: AudioChunk) -> list[Persona]:
        if self._forget:
            self._listen, self._forget, self._kind = Listen(self._ears), False, ""
            return [replace(self._imagination.nobody, t=item.t), *self.push(item)]
        heard = self._listen.push(item)
        return [] if self._locked else [self._imagine(voice) for voice in heard]

    def finish(self) -> list[Persona]:
        return []

    @property
    def seconds(self) -> float:
        """Of speech so far."""
        return self._listen.seconds

    def lock(self, on: bool) -> None:
        self._locked = on

    def again(self) -> None:
        """Another voice begins with the next sound."""
        self._forget, self._locked = True, False

    def _imagine(self, voice: Voice) -> Persona:
        middle = self._imagination.space.middle
        share = min(1.0, voice.seconds / SETTLED) * (DOUBTED if voice.doubts else 1.0)
        wanted = self._imagination.heads(voice.embedding[None])[0]
        numbers = middle + np.float32(share) * (wanted - middle)
        made = as_persona(self._imagination.space, numbers)
        self._kind = self._named(voice) or self._kind
        told = "; ".join(voice.doubts) or (FORMING if share < 1 else "" if self._kind else OPEN)
        words = told if enough(voice.seconds) else SILENT
        return replace(
            made, t=voice.t, seconds=voice.seconds, kind=self._kind, words=words, share=share
        )

    def _named(self, voice: Voice) -> str | None:
        """The class that is sure enough, of the covariate that the model was trained on."""
        classes = self._imagination.about["classes"]
        for covariate in voice.probabilities:
            if (known := self._ears.classes(covariate)) == classes:
                return voice.named(covariate, known)
        return None


def enough(seconds: float) -> bool:
    """Whether so much speech says anything of a voice."""
    return seconds >= ENOUGH
