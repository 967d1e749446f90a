"""An embedding teacher: dlib's face recognition net (CC0), asked once for every crop.

dlib-bin and face_recognition_models are no dependency; without them one line says how to get them.
"""

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from engine.errors import DeviceError
from engine.types import Bytes, Floats

NEEDED = (
    "the teacher needs dlib: .venv/bin/python -m uv pip install --python .venv/bin/python"
    " --no-deps dlib-bin==20.0.1 face_recognition_models==0.3.0"
)
SCALE = 2  # crops are enlarged before their points are looked for
FACE = (20, 30, 94, 104)  # left, top, right, bottom of the face in a crop of 112
DIM = 128
EVERY = 200  # faces after which what was made is kept


class Dlib:
    """Crops (112, 112, 3) -> embeddings (128,)."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec("face_recognition_models")
        if spec is None or importlib.util.find_spec("dlib") is None:
            raise DeviceError(NEEDED)
        import dlib

        folder = Path(list(spec.submodule_search_locations or ())[0]) / "models"
        self._dlib: Any = dlib
        self._points = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
        net = folder / "dlib_face_recognition_resnet_model_v1.dat"
        self._net = dlib.face_recognition_model_v1(str(net))

    def embed(self, crop: Bytes) -> Floats:
        side = SCALE * crop.shape[0]
        picture = cv2.resize(crop, (side, side), interpolation=cv2.INTER_CUBIC)
        box = self._dlib.rectangle(*(SCALE * v for v in FACE))
        found = self._net.compute_face_descriptor(picture, self._points(picture, box))
        return np.asarray(found, np.float32)


def teach(folder: Path, pixels: Bytes) -> Floats:
    """teacher.npy (n, 128) for the crops of `folder`; goes on where it was stopped."""
    file = folder / "teacher.npy"
    made = np.load(file) if file.exists() else np.full((len(pixels), DIM), np.nan, np.float32)
    if len(made) != len(pixels):
        made = np.full((len(pixels), DIM), np.nan, np.float32)
    missing = np.flatnonzero(np.isnan(made[:, 0]))
    teacher = Dlib() if len(missing) else None
    for k, row in enumerate(tqdm(missing, "teacher", mininterval=2)):
        assert teacher is not None
        made[row] = teacher.embed(np.asarray(pixels[row]))
        if k % EVERY == EVERY - 1:
            np.save(file, made)
    np.save(file, made)
    return made
