"""Which points of a face are which, in the point sets that are in use.

Coordinates are pixels with the centre of the upper left pixel at (0, 0), x to the right, y down.
"Right" is the person's own, so it comes first: further left in the picture.
"""

import numpy as np

from ..types import Floats

# Rows that are averaged: right eye, left eye, tip of the nose, right and left corner of the mouth.
_FIVE: dict[int, tuple[tuple[int, ...], ...]] = {
    5: ((0,), (1,), (2,), (3,), (4,)),
    68: (tuple(range(36, 42)), tuple(range(42, 48)), (30,), (48,), (54,)),
    468: ((33, 133), (362, 263), (1,), (61,), (291,)),
}
_FIVE[478] = _FIVE[468]  # with ten more for the irises
BLAZEFACE = 6  # right eye, left eye, nose, middle of the mouth, right ear, left ear


def main_points(points: Floats) -> Floats:
    """(n, 2) of a known set -> (4 or 5, 2): eyes, tip of the nose, and the mouth.

    The mouth is its two corners, or of BlazeFace's six points its middle. ValueError for a
    set that is not known or not finite.
    """
    if points.ndim != 2 or points.shape[1] != 2 or len(points) not in (*_FIVE, BLAZEFACE):
        raise ValueError(f"no set of face points has the shape {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("the face points are not finite")
    if len(points) == BLAZEFACE:
        return points[:4]
    rows = [points[list(part)].mean(0) for part in _FIVE[len(points)]]
    return np.asarray(rows, np.float32)


def eye_distance(points: Floats) -> float:
    """Pixels between the eyes' middles."""
    right, left = main_points(points)[:2]
    return float(np.hypot(*(left - right)))
