"""A net that turns a face into a template: shipped, or any ONNX file of one's own.

A folder with the ONNX file and an about.json; of a 112x112 net most is read off the file itself:

    {"files": {"model.onnx": "SHA-256 of it"},
     "colour": "rgb", "mean": 127.5, "scale": 127.5,
     "flip": false}

The input is (1, 3, 112, 112) or (1, 112, 112, 3), as (pixel - mean) / scale; the output's last
axis is the template. "flip" adds the mirrored picture's. Faces lie as in engine.faces.crop. A
"cohort" among the files says what strangers score (see engine.verify.cohort).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError
from ..model import MODELS, ModelFolder, open_model, open_session
from ..types import Bytes, Floats

SIDE = 112  # pixels
DEFAULT = MODELS / "sphereface2"


@dataclass(frozen=True, slots=True)
class Preparation:
    """What the net wants done to a crop: the keys of its about.json, with their defaults."""

    colour: str = "rgb"
    mean: float = 127.5
    scale: float = 127.5
    flip: bool = False

    @classmethod
    def of(cls, folder: ModelFolder) -> "Preparation":
        about = folder.about
        prepared = cls(**{k: about[k] for k in cls.__dataclass_fields__ if k in about})
        if prepared.colour not in ("rgb", "bgr"):
            raise ModelError(f'{folder.path}/about.json: "colour" is "rgb" or "bgr"')
        numbers = isinstance(prepared.mean, int | float) and isinstance(prepared.scale, int | float)
        if not numbers or not prepared.scale:
            raise ModelError(f'{folder.path}/about.json: "mean" and "scale" are numbers, not 0')
        return prepared


class Recogniser:
    """Crops (n, 112, 112, 3) RGB -> templates (n, d) of unit length. ModelError if unfit."""

    def __init__(self, path: Path | None = None, provider: str = "cpu", threads: int = 1) -> None:
        self.folder = open_model(path or DEFAULT)
        file = _net(self.folder)
        self.sha256: str = self.folder.about["files"][file.name]
        self.name = f"{self.folder.path.resolve().name}-{self.sha256[:12]}"
        self._prepare = Preparation.of(self.folder)
        self._session, self.provider = _session(file, provider, threads)
        self._input, self._channels_first = _input(self._session, file)
        self.dim = int(self.embed(np.zeros((1, SIDE, SIDE, 3), np.uint8), check=False).shape[1])

    def embed(self, crops: Bytes, check: bool = True) -> Floats:
        """One run of the net a crop, so that its input has a fixed shape."""
        raw = np.stack([self._run(crop) for crop in crops])
        length = np.linalg.norm(raw, axis=1, keepdims=True)
        if check and not (np.isfinite(length).all() and length.min() > 0):
            raise ModelError(f"{self.folder.path} answers with no direction; use another model")
        return np.asarray(raw / np.maximum(length, 1e-12), np.float32)

    def _run(self, crop: Bytes) -> Floats:
        if crop.shape != (SIDE, SIDE, 3):
            raise ValueError(f"a crop of {SIDE}x{SIDE} is wanted, not {crop.shape}")
        views = (crop, crop[:, ::-1]) if self._prepare.flip else (crop,)
        out = [self._session.run(None, {self._input: self._tensor(v)})[0] for v in views]
        return np.asarray(sum(o.reshape(o.shape[-1]) for o in out), np.float32)

    def _tensor(self, crop: Bytes) -> Floats:
        ordered = crop if self._prepare.colour == "rgb" else crop[..., ::-1]
        x = (ordered.astype(np.float32) - self._prepare.mean) / np.float32(self._prepare.scale)
        return np.ascontiguousarray(x.transpose(2, 0, 1) if self._channels_first else x)[None]


def _net(folder: ModelFolder) -> Path:
    nets = [name for name in folder.about["files"] if name.endswith(".onnx")]
    if len(nets) != 1:
        raise ModelError(f"{folder.path}/about.json should list one .onnx file, not {len(nets)}")
    return folder.file(nets[0])


def _session(file: Path, provider: str, threads: int) -> tuple[Any, str]:
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf

    try:
        return open_session(file, provider, threads)
    except (Fail, InvalidGraph, InvalidProtobuf) as e:
        raise ModelError(f"{file} cannot be run: {str(e).splitlines()[0][:160]}") from e


def _input(session: Any, file: Path) -> tuple[str, bool]:
    """The input's name, and whether colours come before rows."""
    inputs = session.get_inputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    if len(shape) == 4 and shape[1:] in ([3, SIDE, SIDE], [SIDE, SIDE, 3]):
        return inputs[0].name, shape[1] == 3
    raise ModelError(f"{file} takes {[i.shape for i in inputs]}; one picture of 112x112 is wanted")
