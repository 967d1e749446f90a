"""The 468 landmarks and the 68 among them, as places on the head's surface.

The teacher looks at several people from several sides; what it points at is carried back to the
surface, averaged over all views, made symmetric, and at lips and lids settled on the very edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .paint import Look, picture
from .raster import Camera
from .rims import Openings, Rings
from .teacher import POINTS, Teacher

# The usual 68 points by the teacher's numbers, the person's right first. The jaw is spaced
# evenly along the teacher's face oval, from the temple at the height of the eyes to the chin.
JAW = (127, 93, 132, 58, 172, 136, 150, 176, 152, 400, 379, 365, 397, 288, 361, 323, 356)
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
NOSE = (168, 197, 5, 4, 98, 97, 2, 326, 327)
EYES = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
OUTER_LIPS = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181)
INNER_LIPS = (78, 82, 13, 312, 308, 317, 14, 87)
USUAL_68 = JAW + BROWS + NOSE + EYES + OUTER_LIPS + INNER_LIPS

LIP_PAIRS = ((191, 95), (80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402),
             (310, 318), (415, 324))  # fmt: skip
LIP_CORNERS = (78, 308)  # the person's right, left
LID_UPPER = {"Right": (246, 161, 160, 159, 158, 157, 173), "Left": (466, 388, 387, 386, 385,
                                                                    384, 398)}  # fmt: skip
LID_LOWER = {"Right": (7, 163, 144, 145, 153, 154, 155), "Left": (249, 390, 373, 374, 380, 381,
                                                                  382)}  # fmt: skip
LID_CORNERS = {"Right": (33, 133), "Left": (362, 263)}  # by rising x

YAWS = (-0.55, -0.28, 0.0, 0.28, 0.55)
PITCHES = (-0.22, 0.0, 0.22)
SIZE, DISTANCE, REACH = 576, 900.0, 14
SURE = 0.5

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Marks:
    """Places on the surface."""

    faces: NDArray[np.int32]  # (n,) triangles
    weights: NDArray[np.float32]  # (n, 3) barycentric

    def subset(self, numbers: tuple[int, ...]) -> "Marks":
        pick = list(numbers)
        return Marks(self.faces[pick], self.weights[pick])


def turn(yaw: float, pitch: float) -> Floats:
    """Ry(yaw) @ Rx(pitch)."""
    a, b, c, d = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    return np.array([[a, 0, b], [0, 1, 0], [-b, 0, a]]) @ np.array(
        [[1, 0, 0], [0, c, -d], [0, d, c]]
    )


def _framed(points: Floats, share: float) -> Camera:
    """A camera that these turned points (n, 3) fill to `share`."""
    low, high = points.min(0), points.max(0)
    centre = (low + high) / 2
    span = float(max(high[:2] - low[:2]))
    focal = SIZE * share * DISTANCE / span
    return Camera(SIZE, focal, DISTANCE, (float(centre[0]), float(centre[1]), float(centre[2])))


def observe(
    teacher: Teacher, look: Look, people: Sequence[Floats], face: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """What the teacher points at: (views, 468, 3) on the neutral, and weights (views, 468)."""
    places, weights = [], []
    for person in people:
        for yaw in YAWS:
            for pitch in PITCHES:
                seen = _view(teacher, look, person, turn(yaw, pitch), person[face])
                if seen is not None:
                    places.append(seen[0])
                    weights.append(seen[1])
    return np.array(places), np.array(weights)


def _view(
    teacher: Teacher, look: Look, person: Floats, rotation: Floats, face: Floats
) -> tuple[Floats, Floats] | None:
    """One look, framed first by the face's vertices and then by the points found."""
    camera = _framed(face @ rotation.T, 0.66)
    for last in (False, True):
        image, hits, facing = picture(look, person, rotation, camera)
        points, score = teacher.points(image)
        if score < SURE:
            return None
        pixels, near = _nearest_seen(points, hits.triangle >= 0)
        triangles = hits.triangle[pixels[:, 1], pixels[:, 0]]
        weights = hits.weights[pixels[:, 1], pixels[:, 0]]
        corners = look.faces[triangles]
        if last:
            where = np.einsum("nc,ncd->nd", weights, look.vertices[corners])
            square = facing[pixels[:, 1], pixels[:, 0]]
            return where, near * (0.02 + square**2)
        found = np.einsum("nc,ncd->nd", weights, person[corners])
        camera = _framed(found @ rotation.T, 0.667)
    return None


def _nearest_seen(points: Floats, seen: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Floats]:
    """The pixel of the head nearest to each point, and 1 where it is near, little where not."""
    y, x = np.nonzero(seen)
    pixels = np.clip(np.rint(points), 0, len(seen) - 1).astype(np.int64)
    near = np.ones(len(points))
    for n in np.flatnonzero(~seen[pixels[:, 1], pixels[:, 0]]):
        distance = np.hypot(x - points[n, 0], y - points[n, 1])
        k = int(distance.argmin())
        pixels[n] = x[k], y[k]
        near[n] = 0.3 if distance[k] < REACH else 0.01
    return pixels, near


def settle(places: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The robust mean over views (468, 3), symmetric, and its spread in millimetres (468,)."""
    weights = weights.copy()
    for _ in range(8):
        mean = (places * weights[..., None]).sum(0) / weights.sum(0)[:, None]
        off = np.linalg.norm(places - mean, axis=2)
        spread = np.sqrt((weights * off**2).sum(0) / weights.sum(0))
        weights *= 1 / (1 + (off / np.maximum(2 * np.median(off, 0), 0.5)) ** 4)
    other = mirror_numbers(mean)
    return (mean + mean[other] * [-1, 1, 1]) / 2, spread


def mirror_numbers(points: Floats) -> NDArray[np.int64]:
    """(468,) which landmark is each one's mirror image: the best matching of all."""
    from scipy.optimize import linear_sum_assignment

    distance = np.linalg.norm((points * [-1, 1, 1])[:, None] - points[None], axis=2)
    distance = distance + distance.T
    return np.asarray(linear_sum_assignment(distance)[1])


def attach(
    points: Floats, vertices: Floats, triangles: NDArray[np.int32], allowed: NDArray[np.int32]
) -> Marks:
    """The nearest place on the allowed triangles for each point."""
    tri = vertices[triangles[allowed]]
    faces, weights = [], []
    for point in points:
        bary = _closest(point, tri)
        there = np.einsum("fc,fcd->fd", bary, tri)
        k = int(((there - point) ** 2).sum(1).argmin())
        faces.append(allowed[k])
        weights.append(bary[k])
    return Marks(np.array(faces, np.int32), np.array(weights, np.float32))


def _closest(point: Floats, tri: Floats) -> Floats:
    """(f, 3) barycentric weights of the place on each triangle nearest to a point."""
    a, ab, ac = tri[:, 0], tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0]
    ap = point - a
    d00, d01, d11 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    d20, d21 = (ap * ab).sum(1), (ap * ac).sum(1)
    det = np.maximum(d00 * d11 - d01**2, 1e-12)
    v, w = (d11 * d20 - d01 * d21) / det, (d00 * d21 - d01 * d20) / det
    inside = np.stack([1 - v - w, v, w], 1)
    best, distance = inside, np.where((inside >= 0).all(1), 0.0, np.inf)
    for i, j in ((0, 1), (0, 2), (1, 2)):  # else the nearest place on an edge
        start, along = tri[:, i], tri[:, j] - tri[:, i]
        t = ((point - start) * along).sum(1) / np.maximum((along**2).sum(1), 1e-12)
        t = np.clip(t, 0, 1)
        off = ((start + t[:, None] * along - point) ** 2).sum(1)
        edge = np.zeros_like(inside)
        edge[:, i], edge[:, j] = 1 - t, t
        better = off < distance
        best, distance = np.where(better[:, None], edge, best), np.where(better, off, distance)
    return np.asarray(best)


def on_edges(points: Floats, mean: Floats, openings: Openings) -> Floats:
    """`points` (468, 3) with inner lips and lids on the very edge; `mean` is base space in mm."""
    settled = points.copy()
    _on_lips(settled, mean, openings.lips)
    for side in ("Left", "Right"):
        _on_lids(settled, mean, openings.lids[side], side)
    return settled


def _along(x: Floats, edge: Floats) -> Floats:
    """Points (n, 3) of an edge (m, 3) at these x."""
    order = np.argsort(edge[:, 0], kind="stable")
    columns = [np.interp(x, edge[order, 0], edge[order, k]) for k in range(3)]
    return np.stack(columns, 1)


def _on_lips(points: Floats, mean: Floats, rings: Rings) -> None:
    """Both lips' points meet in the band where the lips touch."""
    pairs = np.array(LIP_PAIRS)
    x = points[pairs, 0].mean(1)
    sides = [
        [_along(x, mean[side[ring]]) for ring in (rings.rim, rings.rim + 1)]
        for side in (rings.upper, rings.lower)
    ]
    depth = np.mean([edge[:, 2] for side in sides for edge in side], 0)
    for column, (front, back) in enumerate(sides):
        t = (front[:, 2] - depth) / np.maximum(front[:, 2] - back[:, 2], 1e-6)
        points[pairs[:, column]] = front + np.clip(t, 0, 1)[:, None] * (back - front)
    edge = mean[rings.upper[rings.rim]]
    points[list(LIP_CORNERS)] = edge[[edge[:, 0].argmin(), edge[:, 0].argmax()]]


def _on_lids(points: Floats, mean: Floats, rings: Rings, side: str) -> None:
    """Upper and lower points that face one another share their x, so that a blink joins them."""
    numbers = np.array([LID_UPPER[side], LID_LOWER[side]])
    x = points[numbers, 0].mean(0)
    edge = mean[rings.upper[rings.rim]]
    points[numbers[0]] = _along(x, edge)
    points[numbers[1]] = _along(x, mean[rings.lower[rings.rim]])
    points[list(LID_CORNERS[side])] = edge[[edge[:, 0].argmin(), edge[:, 0].argmax()]]


__all__ = ["POINTS", "USUAL_68", "Marks", "attach", "observe", "on_edges", "settle"]
