"""How well what was found explains the picture: around the mouth, and of the rest of the face.

Some texels of the map are looked up in the picture and compared with the mean reflectance in
the light found. A hand before the mouth, or a mask, has other colours than this person's lips.
"""

from dataclasses import dataclass

import numpy as np

from ..head import Head
from ..head.uv import face_uv, texel_map
from ..types import Bytes, Floats
from .nets import Nets

EVERY = 3  # texels
FACING = 0.3  # cosine: what is seen more from the side is not compared
HARMONICS = (0.282095, 0.488603, 1.092548, 0.315392, 0.546274)


@dataclass(frozen=True, slots=True)
class Fit:
    """Mean absolute differences of RGB, in [0, 1]; NaN where too little is seen."""

    mouth: float
    rest: float


class Compare:
    """Compares pictures (h, w, 3) with what they were found to hold."""

    def __init__(self, head: Head, nets: Nets) -> None:
        face = face_uv(head)
        triangle, shares = texel_map(face, nets.texels)
        rows, columns = np.nonzero(triangle >= 0)
        kept = (rows % EVERY == 0) & (columns % EVERY == 0)
        rows, columns = rows[kept], columns[kept]
        corners = face.vertices[face.faces[triangle[rows, columns]]]
        keep = face.skin[face.faces[triangle[rows, columns]]].all(1)
        self._rows, self._columns = rows[keep], columns[keep]
        self._corners, self._shares = corners[keep], shares[rows, columns][keep]
        self._mouth = self._near_lips(head)
        self._gamma, self._darkest = nets.gamma, nets.darkest

    def _near_lips(self, head: Head) -> "np.ndarray":  # type: ignore[type-arg]
        marks = head.landmarks(head.neutral, 68)
        low, high = marks[48:68, :2].min(0) - [4, 8], marks[48:68, :2].max(0) + [4, 4]
        points = np.einsum("nc,ncd->nd", self._shares, head.neutral[self._corners])[:, :2]
        return np.asarray(((points > low) & (points < high)).all(1))

    def fit(self, picture: Bytes, placed: Floats, reflectance: Floats, light: Floats) -> Fit:
        """`placed` (v, 3): the head's vertices in pixels of the picture, y down, z towards us."""
        a, b, c = (placed[self._corners[:, k]] * [1, -1, 1] for k in range(3))
        normal = np.cross(b - a, c - a)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        points = np.einsum("nc,ncd->nd", self._shares, placed[self._corners])[:, :2]
        x, y = np.rint(points).astype(int).T
        h, w = picture.shape[:2]
        seen = (normal[:, 2] > FACING) & (x >= 0) & (y >= 0) & (x < w) & (y < h)
        colours = reflectance[self._rows[seen], self._columns[seen]]
        bright = np.maximum(harmonics(normal[seen]) @ light, self._darkest)[:, None]
        made = np.maximum(colours * bright, 0) ** (1 / self._gamma)
        off = np.abs(made - picture[y[seen], x[seen]] / 255).mean(1)
        mouth = self._mouth[seen]
        return Fit(_mean(off[mouth]), _mean(off[~mouth]))


def harmonics(normals: Floats) -> Floats:
    """The nine real harmonics (n, 9) of unit normals (n, 3), in the order of training.cest."""
    x, y, z = normals.T
    c0, c1, c2, c3, c4 = HARMONICS
    return np.stack(
        [
            np.full_like(x, c0), c1 * y, c1 * z, c1 * x, c2 * x * y, c2 * y * z,
            c3 * (3 * z**2 - 1), c2 * x * z, c4 * (x**2 - y**2),
        ],
        1,
    )  # fmt: skip


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) > 20 else float("nan")
