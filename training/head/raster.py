"""A small z-buffer in numba: which triangle each pixel shows, and where on it.

The landmark teacher needs pictures whose every pixel is known to the surface. Perspective
camera on the +Z axis; the head turns, the camera does not.
"""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Camera:
    """Looks down -Z at `centre` from `distance` mm; `focal` is in pixels."""

    size: int
    focal: float
    distance: float
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def project(self, points: NDArray[np.floating]) -> Floats:
        """(n, 3) mm -> (n, 3): pixel x, pixel y (down), depth in mm."""
        moved = points - np.array(self.centre)
        depth = self.distance - moved[:, 2]
        x = self.size / 2 + self.focal * moved[:, 0] / depth
        y = self.size / 2 - self.focal * moved[:, 1] / depth
        return np.stack([x, y, depth], 1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Hits:
    """What each pixel shows."""

    triangle: NDArray[np.int32]  # (s, s), -1 where nothing is
    weights: Floats  # (s, s, 3) barycentric, corrected for perspective


@numba.njit(cache=True)
def _raster(
    points: Floats, faces: NDArray[np.int32], size: int
) -> tuple[NDArray[np.int32], Floats]:
    nearest = np.full((size, size), np.inf, np.float32)
    triangle = np.full((size, size), -1, np.int32)
    weights = np.zeros((size, size, 3), np.float32)
    for f in range(len(faces)):
        a, b, c = points[faces[f, 0]], points[faces[f, 1]], points[faces[f, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0:
            continue
        x0 = max(int(np.floor(min(a[0], b[0], c[0]))), 0)
        x1 = min(int(np.ceil(max(a[0], b[0], c[0]))), size - 1)
        y0 = max(int(np.floor(min(a[1], b[1], c[1]))), 0)
        y1 = min(int(np.ceil(max(a[1], b[1], c[1]))), size - 1)
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                u = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
                v = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
                w = 1 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                depth = 1 / (u / a[2] + v / b[2] + w / c[2])
                if depth < nearest[y, x]:
                    nearest[y, x] = depth
                    triangle[y, x] = f
                    weights[y, x, 0] = u * depth / a[2]
                    weights[y, x, 1] = v * depth / b[2]
                    weights[y, x, 2] = w * depth / c[2]
    return triangle, weights


def draw(camera: Camera, vertices: NDArray[np.floating], faces: NDArray[np.int32]) -> Hits:
    """Which triangle each pixel shows; both sides of a triangle count."""
    return Hits(*_raster(camera.project(vertices), faces, camera.size))


def vertex_normals(vertices: NDArray[np.floating], faces: NDArray[np.int32]) -> Floats:
    """Area-weighted unit normals (v, 3)."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    flat = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(normals, faces[:, i], flat)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.maximum(length, 1e-9)).astype(np.float32)
