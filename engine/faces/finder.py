"""Where the faces in a picture are: BlazeFace, short range (Bazarevsky et al. 2019).

The net looks at a square of 128 pixels and answers for 896 anchors: two at each place of a
16 x 16 grid, six at each of an 8 x 8 one. Faces that overlap are averaged by their scores, as its
authors do.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..model import MODELS, open_model, open_session
from ..types import Bytes, Floats
from .crop import cut

SIDE = 128  # pixels that the net sees
POINTS = 6  # right eye, left eye, nose, mouth, right ear, left ear: the person's right first
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
        """All faces of the picture; those smaller than a sixth of it are likely to be missed."""
        h, w = pixels.shape[:2]
        return self.look(pixels, whole(w, h))

    def look(self, pixels: Bytes, to_frame: Floats, sure: float | None = None) -> list[Found]:
        """The faces in one square of a picture: `to_frame` (2, 3) leads from the net's to it.

        A face should take a sixth to two thirds of the square, and be upright in it within
        some 30 degrees: so turn the square with the face.
        """
        square = cut(pixels, to_frame, SIDE).astype(np.float32)
        outputs = self._session.run(None, {self._input: square[None] / 127.5 - 1})
        scores = np.concatenate([o[0, :, 0] for o in outputs[:2]])
        places = np.concatenate([o[0] for o in outputs[2:]])
        likely = 1 / (1 + np.exp(-np.clip(scores, -80, 80)))
        keep = likely > (self._sure if sure is None else sure)
        found = _merged(places[keep], _ANCHORS[keep], likely[keep])
        return [_moved(face, to_frame) for face in found]


def whole(width: int, height: int, quarters: int = 0) -> Floats:
    """(2, 3): the square that holds the whole picture in its middle, turned by 90 degrees."""
    scale = max(width, height) / SIDE
    a = scale * 1j**quarters
    b = complex(width - 1, height - 1) / 2 - a * complex(SIDE - 1, SIDE - 1) / 2
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]], np.float32)


def _moved(face: Found, to_frame: Floats) -> Found:
    """Into the frame; the box stays upright and as large as it is."""
    points = face.points @ to_frame[:, :2].T + to_frame[:, 2]
    middle = to_frame[:, :2] @ (face.box[:2] + face.box[2:]) / 2 + to_frame[:, 2]
    half = np.hypot(*to_frame[:, 0]) * (face.box[2:] - face.box[:2]) / 2
    box = np.concatenate([middle - half, middle + half])
    return Found(box.astype(np.float32), points.astype(np.float32), face.score)


def _merged(places: Floats, anchors: Floats, scores: Floats) -> list[Found]:
    """Decoded places (n, 16): centre, size, six points; overlapping ones averaged."""
    centre = places[:, :2] + anchors * SIDE
    half = places[:, 2:4] / 2
    boxes = np.asarray(np.concatenate([centre - half, centre + half], 1) - 0.5, np.float32)
    points = places[:, 4:].reshape(-1, POINTS, 2) + anchors[:, None] * SIDE - 0.5
    found = []
    left = np.argsort(-scores)
    while len(left):
        same = overlap(boxes[left[0]], boxes[left]) > OVERLAP
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


def overlap(box: Floats, others: Floats) -> Floats:
    """Intersection over union of a box (4,) with others (n, 4)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), 1)
    area = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], 1)
    return np.asarray(shared / np.maximum(area - shared, 1e-6), np.float32)
