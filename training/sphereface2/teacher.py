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
from .measures import Doubles

NEEDED = (
    "the teacher needs dlib: .venv/bin/python -m uv pip install --python .venv/bin/python"
    " --no-deps dlib-bin==20.0.1 face_recognition_models==0.3.0"
)
SCALE = 2  # crops are enlarged before their points are looked for
FACE = (20, 30, 94, 104)  # left, top, right, bottom of the face in a crop of 112
DIM = 128
BATCH = 32
EVERY = 8  # batches after which what was made is kept
REFERENCE = np.array([[0.85957, 0.21350], [0.64606, 0.22897], [0.12058, 0.21373],
                      [0.33409, 0.22906], [0.49011, 0.62780]])  # fmt: skip  # dlib's mean points
PADDING = 0.25  # of a chip, about the mean points' square
EMBEDDINGS, CHIPS, NET = "teacher.npy", "chips.npy", "dlib.npz"  # what `teach` leaves


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
        picture, points = self._seen(crop)
        cut = self._dlib.get_face_chip(picture, points, dlib_net.SIDE, PADDING)
        return np.asarray(cut, np.uint8)

    def where(self, crop: Bytes) -> Doubles:
        """(2, 3): a chip's pixel (x, y, 1) -> the crop's, by dlib's similarity transform."""
        _, points = self._seen(crop)
        there = np.array([[p.x, p.y] for p in points.parts()]) + 0.5
        chip = (REFERENCE + PADDING) / (1 + 2 * PADDING) * dlib_net.SIDE
        return similarity(chip, there / SCALE - 0.5)

    def _seen(self, crop: Bytes) -> tuple[Bytes, Any]:
        side = SCALE * crop.shape[0]
        picture = cv2.resize(crop, (side, side), interpolation=cv2.INTER_CUBIC)
        box = self._dlib.rectangle(*(SCALE * v for v in FACE))
        return np.asarray(picture, np.uint8), self._points(picture, box)


def similarity(x: Doubles, y: Doubles) -> Doubles:
    """(2, 3): turn, scale and shift that takes points x (n, 2) nearest to y (n, 2)."""
    a, b = (p @ (1, 1j) for p in (x - x.mean(0), y - y.mean(0)))
    c = np.vdot(a, b) / np.vdot(a, a).real
    turn = np.array([[c.real, -c.imag], [c.imag, c.real]])
    return np.column_stack([turn, y.mean(0) - turn @ x.mean(0)])


def teach(folder: Path, pixels: Bytes, first: NDArray[np.int64] | None = None) -> Floats:
    """teacher.npy (n, 128) for the crops of `folder`, and what a live teacher needs there:
    chips.npy (n, 2, 3) and the net; goes on where it was stopped.

    `first` (n,) is the order of the rows: a training may begin before the last are made.
    """
    made = _begun(folder / EMBEDDINGS, (len(pixels), DIM))
    chips = _begun(folder / CHIPS, (len(pixels), 2, 3))
    order = np.arange(len(made)) if first is None else first
    missing = order[np.isnan(made[order, 0]) | np.isnan(chips[order, 0, 0])]
    teacher = Dlib() if len(missing) or not (folder / NET).exists() else None
    if teacher is not None:
        dlib_net.keep(teacher.net, folder / NET)
    for k in tqdm(range(0, len(missing), BATCH), "teacher", mininterval=2):
        assert teacher is not None
        rows = missing[k : k + BATCH]
        crops = np.asarray(pixels[rows])
        made[rows], chips[rows] = teacher.embed(crops), [teacher.where(c) for c in crops]
        if k // BATCH % EVERY == EVERY - 1:
            _save(folder / EMBEDDINGS, made)
            _save(folder / CHIPS, chips)
    _save(folder / EMBEDDINGS, made)
    _save(folder / CHIPS, chips)
    return made


def _begun(file: Path, shape: tuple[int, ...]) -> Floats:
    """What was made before; NaN where nothing was."""
    if file.exists() and (made := np.load(file)).shape == shape:
        return np.asarray(made, np.float32)
    return np.full(shape, np.nan, np.float32)


def _save(file: Path, made: Floats) -> None:
    """Written beside and then moved: whoever reads it sees a whole file."""
    beside = file.with_name("new-" + file.name)
    np.save(beside, made)
    beside.replace(file)
