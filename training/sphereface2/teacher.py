"""An embedding teacher: dlib's face recognition net (CC0), asked once for every crop.

dlib-bin and face_recognition_models are no dependency; without them one line says how to get them.
"""

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engine.errors import DeviceError
from engine.types import Bytes, Floats

from . import dlib_net

NEEDED = (
    "the teacher needs dlib: .venv/bin/python -m uv pip install --python .venv/bin/python"
    " --no-deps dlib-bin==20.0.1 face_recognition_models==0.3.0"
)
SCALE = 2  # crops are enlarged before their points are looked for
FACE = (20, 30, 94, 104)  # left, top, right, bottom of the face in a crop of 112
DIM = 128
BATCH = 32
EVERY = 8  # batches after which what was made is kept


class Dlib:
    """Crops (n, 112, 112, 3) -> embeddings (n, 128). dlib finds five points and cuts the chip."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec("face_recognition_models")
        if spec is None or importlib.util.find_spec("dlib") is None:
            raise DeviceError(NEEDED)
        import dlib

        folder = Path(list(spec.submodule_search_locations or ())[0]) / "models"
        self._dlib: Any = dlib
        self._points = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
        self.net = dlib_net.load(folder / "dlib_face_recognition_resnet_model_v1.dat")

    def embed(self, crops: Bytes) -> Floats:
        return dlib_net.embed(self.net, np.stack([self.chip(c) for c in crops]))

    def chip(self, crop: Bytes) -> Bytes:
        """(150, 150, 3): what dlib's compute_face_descriptor would look at."""
        side = SCALE * crop.shape[0]
        picture = cv2.resize(crop, (side, side), interpolation=cv2.INTER_CUBIC)
        box = self._dlib.rectangle(*(SCALE * v for v in FACE))
        cut = self._dlib.get_face_chip(picture, self._points(picture, box), dlib_net.SIDE, 0.25)
        return np.asarray(cut, np.uint8)


def teach(folder: Path, pixels: Bytes, first: NDArray[np.int64] | None = None) -> Floats:
    """teacher.npy (n, 128) for the crops of `folder`; goes on where it was stopped.

    `first` (n,) is the order of the rows: a training may begin before the last are made.
    """
    file = folder / "teacher.npy"
    made = np.load(file) if file.exists() else np.full((len(pixels), DIM), np.nan, np.float32)
    if len(made) != len(pixels):
        made = np.full((len(pixels), DIM), np.nan, np.float32)
    order = np.arange(len(made)) if first is None else first
    missing = order[np.isnan(made[order, 0])]
    teacher = Dlib() if len(missing) else None
    for k in tqdm(range(0, len(missing), BATCH), "teacher", mininterval=2):
        assert teacher is not None
        rows = missing[k : k + BATCH]
        made[rows] = teacher.embed(np.asarray(pixels[rows]))
        if k // BATCH % EVERY == EVERY - 1:
            _save(file, made)
    _save(file, made)
    return made


def _save(file: Path, made: Floats) -> None:
    """Written beside and then moved: whoever reads it sees a whole file."""
    beside = file.with_name("new-" + file.name)
    np.save(beside, made)
    beside.replace(file)
