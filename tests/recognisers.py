"""Small but real recognisers, and people to show them: pooled pixels under a fixed projection."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.faces import Finder
from engine.faces.recogniser import Recogniser
from engine.model import write_about
from engine.types import VideoFrame
from engine.verify.cohort import Clip, attach, make
from engine.verify.pictures import one_face, read_picture


def make_recogniser(folder, dim=128, seed=0, channels_first=True, about=None):
    """A model folder whose net pools 8x8 pixels, takes the mean off, and projects at random."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    cells = 3 * 14 * 14
    projection = (rng.standard_normal((cells, dim)) / np.sqrt(cells)).astype(np.float32)
    shape = [1, 3, 112, 112] if channels_first else [1, 112, 112, 3]
    first = (
        [] if channels_first else [helper.make_node("Transpose", ["x"], ["c"], perm=[0, 3, 1, 2])]
    )
    nodes = [
        *first,
        helper.make_node("AveragePool", ["x" if channels_first else "c"], ["p"],
                         kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("ReduceMean", ["p", "axes"], ["m"], keepdims=1),
        helper.make_node("Sub", ["p", "m"], ["d"]),
        helper.make_node("Flatten", ["d"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "pooled",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, dim])],
        [numpy_helper.from_array(projection, "w"),
         numpy_helper.from_array(np.array([2, 3]), "axes")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    write_about(folder, ["model.onnx"], **(about or {}))
    return folder


GOLDEN = Path(__file__).parent / "pictures" / "golden"
AVATARS = sorted(p.stem for p in GOLDEN.glob("*.png") if "-" not in p.stem)


def portrait(name):
    """(256, 256, 3): one of the golden pictures, in which a face is found."""
    return read_picture(GOLDEN / f"{name}.png")


@cache
def _crops():
    finder = Finder("cpu")
    return [one_face(portrait(name), finder).pixels for name in AVATARS]


def invented(number):
    """(112, 112, 3): a face that is nobody's: a portrait's, stretched, painted and coloured."""
    rng = np.random.default_rng(number)
    pixels = _crops()[number % len(AVATARS)].astype(np.float32)
    mix = np.eye(3) + rng.uniform(-0.35, 0.35, (3, 3))
    paint = cv2.resize(rng.uniform(-1, 1, (12, 12, 3)), (112, 112), interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(pixels @ mix.T.astype(np.float32) + 60 * paint, 0, 255).astype(np.uint8)
    turn = cv2.getRotationMatrix2D((56, 56), rng.uniform(-8, 8), rng.uniform(0.85, 1.2))
    return cv2.warpAffine(pixels, turn, (112, 112), borderMode=cv2.BORDER_REFLECT)


def taken(pixels, seed, by=4.0):
    """The same once more: another exposure, place (by so many pixels) and noise."""
    rng = np.random.default_rng(seed)
    shift = np.float32([[1, 0, rng.uniform(-by, by)], [0, 1, rng.uniform(-by, by)]])
    moved = cv2.warpAffine(pixels, shift, pixels.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    lit = moved * rng.uniform(0.85, 1.1) + rng.normal(0, 4, moved.shape)
    return np.clip(lit, 0, 255).astype(np.uint8)


def film(pixels, seconds, fps=10.0, seed=0, begin=0.0):
    """VideoFrames of somebody who sits fairly still."""
    count = round(seconds * fps)
    return [VideoFrame(begin + k / fps, taken(pixels, seed * 10_000 + k)) for k in range(count)]


def make_calibrated(folder, people=60, **options):
    """A recogniser with a cohort of invented people, whom no test enrolls."""
    recogniser = Recogniser(make_recogniser(folder, **options))
    each, clips = [], []
    for number in range(people):
        once = [taken(invented(number), number * 100 + k, 1.5) for k in range(3)]
        each.append(recogniser.embed(np.stack(once)))
        if number < 12:
            again = [taken(invented(number), number * 100 + 50 + k, 1.5) for k in range(8)]
            clips.append(Clip(number, np.arange(8) * 0.2, recogniser.embed(np.stack(again))))
    attach(make(each, clips), recogniser.folder)
    return folder
