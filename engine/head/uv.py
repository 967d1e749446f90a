"""The face's own map: where each vertex of the face lies on a square picture of its skin.

Only the face (brow to chin, ear to ear) and the front of the eyes; mirror-symmetric about
u = 0.5, so that a picture flipped left to right is the mirrored face. Computed from the head:
a cylinder unrolled, its outermost layer, smoothed where it folds; the eyes lie in the lower
corners, which the chin leaves free.
"""

from dataclasses import dataclass

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from ..types import Bytes, Floats, Ints
from .model import Head

ROUNDS = 12  # of smoothing: folds at nostrils, lids and lips go, distances stay
FINE = 1024  # texels of the picture on which it is seen what lies outermost
MORE = 1.10  # the region reaches so much beyond the landmarks, as seen from its middle
EDGE = 0.02  # of the square's side left free around the face
EYE_RADIUS, EYE_SIDE, EYE_BOTTOM = 0.085, 0.1, 0.1  # of the discs and of their centres
EYE_FRONT = 0.35  # cosine off the eye's axis up to which the eyeball belongs to the face


@dataclass(frozen=True, slots=True)
class FaceUv:
    """A part of the head's surface and its map. Rows are the face's own n vertices."""

    vertices: Ints  # (n,) of the head
    faces: Ints  # (f, 3) indices into the n
    skin: NDArray[np.bool_]  # (n,) False on the eyes
    uv: Floats  # (n, 2) in (0, 1), u to the person's left, v down: where to look in a picture
    twin: Ints  # (n,) the vertex on the other side


def face_uv(head: Head) -> FaceUv:
    """The map of this head's face; the same for everybody, for it follows the topology."""
    skin, flat = _skin(head)
    eyes = [_eye(head, side) for side in (0, 1)]
    vertices, local = np.unique(np.concatenate([skin, *eyes]), return_inverse=True)
    faces = local.reshape(-1, 3).astype(np.int32)
    is_skin = np.isin(vertices, skin)
    twin = _twins(head.neutral[vertices], is_skin)
    uv = _smoothed(_into_square(flat[vertices], is_skin), faces[: len(skin)])
    for side in (0, 1):
        own = np.isin(vertices, eyes[side])
        uv[own] = _eye_disc(head.neutral[vertices[own]], head.eye_centres[side], side)
    uv = _symmetric(uv, twin)
    return FaceUv(vertices.astype(np.int32), _unfolded(faces, uv), is_skin, uv, twin)


def _unfolded(faces: Ints, uv: Floats) -> Ints:
    """Without the few tiny triangles that are folded over on the map."""
    a, b, c = (uv[faces[:, k]] for k in range(3))
    d, e = b - a, c - a
    return np.ascontiguousarray(faces[d[:, 0] * e[:, 1] < d[:, 1] * e[:, 0]])


def _unrolled(points: Floats) -> Floats:
    """(n, 2): the angle about the vertical axis as millimetres of arc, and the height."""
    angle = np.arctan2(points[:, 0], points[:, 2])
    return np.stack([angle * 90.0, points[:, 1]], 1).astype(np.float32)


def _skin(head: Head) -> tuple[Ints, Floats]:
    """(f, 3) the face's outer triangles and every vertex of the head unrolled (v, 2)."""
    flat = _unrolled(head.neutral)
    marks = _unrolled(head.landmarks(head.neutral, 468))
    middle = (marks.min(0) + marks.max(0)) / 2
    hull = cv2.convexHull((marks - middle) * np.float32(MORE)) + middle
    faces = head.faces[head.parts["skin"]]
    vertices = np.unique(faces)
    vertices = vertices[head.neutral[vertices, 2] > 0]
    inside = np.array([cv2.pointPolygonTest(hull, p.tolist(), False) > 0 for p in flat[vertices]])
    inside |= inside[_twins(head.neutral[vertices], np.ones(len(vertices), bool))]
    faces = faces[np.isin(faces, vertices[inside]).all(1)]
    return _largest(_outermost(head.neutral, flat, faces)), flat


def _outermost(points: Floats, flat: Floats, faces: Ints) -> Ints:
    """The triangles that are seen from outside: not behind lids, in nostrils or between lips.

    A triangle whose mirror image is seen is kept too.
    """
    places = (flat - flat[faces].min((0, 1))) * (FINE / np.ptp(flat[np.unique(faces)], 0).max())
    triangle = np.full((FINE, FINE), -1, np.int32)
    weights = np.zeros((FINE, FINE, 3), np.float32)
    _fill(places, np.hypot(points[:, 0], points[:, 2]), faces, triangle, weights)
    seen = np.zeros(len(faces), bool)
    seen[triangle[triangle >= 0]] = True
    middles = points[faces].mean(1)
    return np.asarray(faces[seen | seen[_twins(middles, np.ones(len(faces), bool))]], np.int32)


def _largest(faces: Ints) -> Ints:
    """The triangles of the largest connected piece."""
    label = np.arange(faces.max() + 1)
    while True:
        low = label[faces].min(1)
        before = label.copy()
        for corner in range(3):
            np.minimum.at(label, faces[:, corner], low)
        if np.array_equal(before, label):
            break
    piece = label[faces[:, 0]]
    return np.asarray(faces[piece == np.bincount(piece).argmax()], np.int32)


def _twins(points: Floats, kind: NDArray[np.bool_]) -> Ints:
    """(n,) for each point the one nearest to its mirror image, of the same kind."""
    twin = np.empty(len(points), np.int32)
    size = (points.astype(np.float64) ** 2).sum(1) / 2
    for value in np.unique(kind):
        own = np.flatnonzero(kind == value)
        for block in np.array_split(own, len(own) // 512 + 1):
            far = size[own] - (points[block] * np.array([-1.0, 1, 1])) @ points[own].T
            twin[block] = own[far.argmin(1)]
    return twin


@numba.njit(cache=True)
def _relax(flat: Floats, start: Ints, near: Ints, rounds: int) -> None:
    """Each free vertex to the mean of its neighbours, in place, in turn."""
    for _ in range(rounds):
        for v in range(len(flat)):
            count = start[v + 1] - start[v]
            if count > 0:
                x, y = 0.0, 0.0
                for k in range(start[v], start[v + 1]):
                    x += flat[near[k], 0]
                    y += flat[near[k], 1]
                flat[v, 0], flat[v, 1] = x / count, y / count


def _smoothed(flat: Floats, faces: Ints) -> Floats:
    """The map with its edges held (also those of the holes) and the rest a little relaxed."""
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    once, count = np.unique(np.sort(ends, axis=1), axis=0, return_counts=True)
    held = np.isin(np.arange(len(flat)), once[count == 1])
    ends = np.unique(np.concatenate([ends, ends[:, ::-1]]), axis=0)
    ends = ends[~held[ends[:, 0]]]
    start = np.searchsorted(ends[:, 0], np.arange(len(flat) + 1)).astype(np.int32)
    out = flat.copy()
    _relax(out, start, np.ascontiguousarray(ends[:, 1], np.int32), ROUNDS)
    return out


def _into_square(flat: Floats, skin: NDArray[np.bool_]) -> Floats:
    """Fitted into the unit square, each direction by itself; v goes down."""
    low, high = flat[skin].min(0), flat[skin].max(0)
    unit = (flat - low) / (high - low)
    unit[:, 1] = 1 - unit[:, 1]
    return np.asarray(EDGE + (1 - 2 * EDGE) * unit, np.float32)


def _eye(head: Head, side: int) -> Ints:
    """(f, 3) triangles on the front of an eyeball; side 0 is the person's left."""
    faces = head.faces[head.parts[("eye_left", "eye_right")[side]]]
    away = head.neutral[faces].mean(1) - head.eye_centres[side]
    cosine = away[:, 2] / np.linalg.norm(away, axis=1)
    return np.asarray(faces[cosine > EYE_FRONT], np.int32)


def _eye_disc(points: Floats, centre: Floats, side: int) -> Floats:
    """The eyeball's front as a disc, by the angle off its axis."""
    away = points - centre
    angle = np.arccos(np.clip(away[:, 2] / np.linalg.norm(away, axis=1), -1, 1))
    across = np.maximum(np.hypot(away[:, 0], away[:, 1]), 1e-6)
    reach = (angle / np.arccos(EYE_FRONT) * EYE_RADIUS * 0.95 / across)[:, None]
    middle = np.array([1 - EYE_SIDE if side == 0 else EYE_SIDE, 1 - EYE_BOTTOM])
    return np.asarray(middle + away[:, :2] * [1, -1] * reach, np.float32)


def _symmetric(uv: Floats, twin: Ints) -> Floats:
    """The mean of the map and its mirror image."""
    mirrored = uv[twin] * [-1, 1] + [1, 0]
    return np.asarray((uv + mirrored) / 2, np.float32)


def texel_map(face: FaceUv, side: int) -> tuple[Ints, Floats]:
    """What each texel of a square picture shows: triangle (s, s), -1 where nothing is, and
    barycentric weights (s, s, 3). Texel k is centred at (k + 0.5) / s."""
    triangle = np.full((side, side), -1, np.int32)
    weights = np.zeros((side, side, 3), np.float32)
    places = face.uv * np.float32(side) - np.float32(0.5)
    _fill(places, np.zeros(len(places), np.float32), face.faces, triangle, weights)
    return triangle, weights


@numba.njit(cache=True)
def _fill(places: Floats, height: Floats, faces: Ints, triangle: Ints, weights: Floats) -> None:
    """Draws triangles (f, 3) with corners at places (n, 2) in pixels; the highest is seen."""
    side = len(triangle)
    highest = np.full((side, side), -np.inf, np.float32)
    for f in range(len(faces)):
        i, j, k = faces[f]
        a, b, c = places[i], places[j], places[k]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0:
            continue
        x0, x1 = max(int(np.ceil(min(a[0], b[0], c[0]))), 0), int(max(a[0], b[0], c[0]))
        y0, y1 = max(int(np.ceil(min(a[1], b[1], c[1]))), 0), int(max(a[1], b[1], c[1]))
        for y in range(y0, min(y1, side - 1) + 1):
            for x in range(x0, min(x1, side - 1) + 1):
                u = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
                v = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
                w = 1 - u - v
                h = u * height[i] + v * height[j] + w * height[k]
                if u >= 0 and v >= 0 and w >= 0 and h > highest[y, x]:
                    highest[y, x], triangle[y, x] = h, f
                    weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = u, v, w


def edge_picture(face: FaceUv, side: int) -> Bytes:
    """The map's triangles drawn as lines (s, s, 3), to look at."""
    picture = np.full((side, side, 3), 255, np.uint8)
    corners = np.rint(face.uv[face.faces] * side).astype(np.int32)
    cv2.polylines(picture, list(corners), True, (60, 60, 60), 1, cv2.LINE_AA)
    return picture
