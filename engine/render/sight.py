"""What the camera sees, on its way to the renderer's process: a part of the shared memory."""

import mmap
from typing import Any

import numpy as np

from engine.types import VIEWS, FaceParams, Seen

SIDE = 512  # pixels of the longer side of the picture, at most
TEXELS = 256  # of the reflectance's side, at most
MODES = 128  # of identity, at most
_NUMBERS = 512
SIGHT_BYTES = 8 * _NUMBERS + SIDE * SIDE * 3 + TEXELS * TEXELS * 3 * 2
_FIELDS = (("viewpoint", 7), ("illumination", 9), ("head", 3), ("expression", 52), ("marks", 136))


class Sight:
    """A Seen, or none, in `SIGHT_BYTES` of a mapped file from `offset` on."""

    def __init__(self, memory: mmap.mmap, offset: int) -> None:
        self._numbers: Any = np.frombuffer(memory, np.float64, _NUMBERS, offset)
        offset += 8 * _NUMBERS
        self._picture: Any = np.frombuffer(memory, np.uint8, SIDE * SIDE * 3, offset)
        offset += SIDE * SIDE * 3
        self._map: Any = np.frombuffer(memory, np.float16, TEXELS * TEXELS * 3, offset)

    def put(self, seen: Seen | None) -> None:
        n = self._numbers
        n[0] = seen is not None
        if seen is None:
            return
        h, w = seen.picture.shape[:2]
        p = seen.params
        n[1:8] = (VIEWS.index(seen.view), h, w, len(p.reflectance), len(p.identity),
                  p.confidence, p.mouth)  # fmt: skip
        begin = 8
        for values in (p.viewpoint, p.illumination, p.head, p.expression, p.landmarks68,
                       p.identity):  # fmt: skip
            n[begin : begin + values.size] = values.ravel()
            begin += values.size
        self._picture[: h * w * 3] = seen.picture.ravel()
        self._map[: p.reflectance.size] = p.reflectance.ravel()

    def get(self, t: float) -> Seen | None:
        n = self._numbers
        if not n[0]:
            return None
        view, h, w, texels, modes = (int(v) for v in n[1:6])
        begin, parts = 8, {}
        for name, count in (*_FIELDS, ("identity", modes)):
            parts[name] = n[begin : begin + count].astype(np.float32)
            begin += count
        marks = parts.pop("marks").reshape(68, 2)
        reflectance = self._map[: texels * texels * 3].astype(np.float32)
        params = FaceParams(
            t, 0, **parts, reflectance=reflectance.reshape(texels, texels, 3),
            landmarks68=marks, landmarks468=np.zeros((0, 2), np.float32),
            confidence=float(n[6]), mouth=float(n[7]),
        )  # fmt: skip
        picture = self._picture[: h * w * 3].reshape(h, w, 3).copy()
        return Seen(VIEWS[view], picture, params)
