"""Where the faces in a picture are: BlazeFace, short range (Bazarevsky et al. 2019).

The net looks at a square of 128 pixels and answers for 896 anchors: two at each place of a
16 x 16 grid, six at each of an 8 x 8 one. Faces that overlap are averaged by their scores, as its
authors do.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..model import MODELS, open_model, open_session
from ..types import Bytes, Floats

SIDE = 128  # pixels that the net sees
POINTS = 6  # right eye, left eye, nose, mouth, right ear, left ear: the person's right first
_ENOUGH = 4  # pixels of the picture, each way, that are averaged into one that the net sees
OVERLAP = 0.3  # intersection over union from which on two boxes are one face


@dataclass(frozen=True, slots=True)
class Found:
    """One face, in pixels of the picture: x to the right, y down, the first one's centre at 0."""

    box: Floats  # (4,) left, top, right, bottom
    points: Floats  # (6, 2)
    score: float  # in [0, 1]


def _anchors() -> Floats:
    """Centres (896, 2) in units of the square's side."""
    layers = []
    for places, each in ((16, 2), (8, 6)):
        axis = (np.arange(places) + 0.5) / places
        y, x = np.meshgrid(axis, axis, indexing="ij")
        layers.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), each, axis=0))
    return np.concatenate(layers).astype(np.float32)


_ANCHORS = _anchors()


class Finder:
    """Pictures (h, w, 3) RGB -> the faces in them, the most certain first."""

    def __init__(
        self, provider: str = "auto", sure: float = 0.5, folder: Path | None = None
    ) -> None:
        model = open_model(folder or MODELS / "blazeface")
        self._session, self.provider = open_session(model.file("model.onnx"), provider)
        self._sure = sure
        self._input = self._session.get_inputs()[0].name

    def find(self, pixels: Bytes) -> list[Found]:
        """All faces of the picture; those smaller than a tenth of it are likely to be missed."""
        square, scale = _square(pixels)
        outputs = self._session.run(None, {self._input: square[None] / 127.5 - 1})
        scores = np.concatenate([o[0, :, 0] for o in outputs[:2]])
        places = np.concatenate([o[0] for o in outputs[2:]])
        likely = 1 / (1 + np.exp(-np.clip(scores, -80, 80)))
        keep = likely > self._sure
        return _merged(places[keep], _ANCHORS[keep], likely[keep], scale)


def _square(pixels: Bytes) -> tuple[Floats, float]:
    """The picture in the upper left of a black square of SIDE, and pixels of it per unit there."""
    h, w = pixels.shape[:2]
    scale = max(h, w) / SIDE
    size = max(1, round(w / scale)), max(1, round(h / scale))
    pixels = pixels[:: (skip := max(1, int(scale) // _ENOUGH)), ::skip]
    square = np.zeros((SIDE, SIDE, 3), np.float32)
    square[: size[1], : size[0]] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return square, scale


def _merged(places: Floats, anchors: Floats, scores: Floats, scale: float) -> list[Found]:
    """Decoded places (n, 16): centre, size, six points; overlapping ones averaged."""
    centre = places[:, :2] + anchors * SIDE
    half = places[:, 2:4] / 2
    boxes = np.asarray(np.concatenate([centre - half, centre + half], 1) * scale - 0.5, np.float32)
    points = (places[:, 4:].reshape(-1, POINTS, 2) + anchors[:, None] * SIDE) * scale - 0.5
    found = []
    left = np.argsort(-scores)
    while len(left):
        same = _overlap(boxes[left[0]], boxes[left]) > OVERLAP
        same[0] = True
        group = left[same]
        share = (scores[group] / scores[group].sum()).astype(np.float32)
        found.append(
            Found(
                share @ boxes[group],
                np.einsum("g,gpd->pd", share, points[group]),
                float(scores[left[0]]),
            )
        )
        left = left[~same]
    return found


def _overlap(box: Floats, others: Floats) -> Floats:
    """Intersection over union of a box (4,) with others (n, 4)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), 1)
    area = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], 1)
    return np.asarray(shared / np.maximum(area - shared, 1e-6), np.float32)
