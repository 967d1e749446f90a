"""Colours a head for the landmark teacher: skin, lips, brows, eyes. Plain, but clearly a face."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .raster import Camera, Hits, draw, vertex_normals

SKIN, LIPS, MOUTH = (208, 160, 136), (170, 88, 84), (90, 36, 36)
BROWS, WHITE, IRIS, PUPIL = (62, 44, 34), (232, 230, 228), (86, 62, 42), (12, 10, 10)
BACKGROUND = (120, 126, 132)
IRIS_RADIUS, PUPIL_RADIUS = 0.42, 0.17  # sines of the angle off the eye's axis
# The brow's middle line and half width, millimetres from the eye's centre: outwards, up.
BROW_X = (-17.0, -9.0, 3.0, 13.0, 22.0)
BROW_Y = (15.0, 17.5, 20.0, 18.5, 13.0)
BROW_HALF = (3.0, 3.4, 2.8, 2.0, 0.9)
LIGHT = np.array([-0.25, 0.4, 0.88]) / np.linalg.norm([-0.25, 0.4, 0.88])

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Look:
    """What is painted where. `vertices` are the neutral's: paint sticks to the surface."""

    vertices: Floats  # (v, 3)
    faces: NDArray[np.int32]  # (f, 3), lashes left out
    kind: NDArray[np.int8]  # (f,) 0 skin, 1 eye, 2 teeth, 3 tongue or inside of the mouth
    lips: Floats  # (v,)
    lid_edge: Floats  # (v,)
    eyes: Floats  # (2, 3) centres of the neutral's eyes, left and right


def brow(points: Floats, eyes: Floats) -> Floats:
    """How much a point of the neutral (n, 3) lies in a brow, in [0, 1]."""
    best = np.zeros(len(points))
    for eye, side in zip(eyes, (1.0, -1.0), strict=True):
        x, y = (points[:, 0] - eye[0]) * side, points[:, 1] - eye[1]
        off = np.abs(y - np.interp(x, BROW_X, BROW_Y)) / np.interp(x, BROW_X, BROW_HALF)
        ends = np.clip((x - BROW_X[0] + 1) / 2, 0, 1) * np.clip((BROW_X[-1] + 1 - x) / 2, 0, 1)
        best = np.maximum(best, np.clip(1.6 - off, 0, 1) * ends * (points[:, 2] > 0))
    return best


def picture(
    look: Look, vertices: Floats, rotation: Floats, camera: Camera
) -> tuple[NDArray[np.uint8], Hits, Floats]:
    """Draws posed vertices turned by `rotation`: RGB (s, s, 3), the hits, and how squarely each
    pixel faces the camera."""
    turned = vertices @ rotation.T
    hits = draw(camera, turned, look.faces)
    seen = hits.triangle >= 0
    corners, weights = look.faces[hits.triangle[seen]], hits.weights[seen]
    normals = _mix(vertex_normals(turned, look.faces)[corners], weights)
    colours = _colours(look, hits.triangle[seen], corners, weights)
    light = 0.42 + 0.58 * np.clip(normals @ LIGHT, 0, 1)
    out = np.full((camera.size, camera.size, 3), BACKGROUND, np.float64)
    out[seen] = colours * light[:, None]
    facing = np.zeros(hits.triangle.shape)
    facing[seen] = np.clip(normals[:, 2], 0, 1)
    return np.clip(out, 0, 255).astype(np.uint8), hits, facing


def _mix(values: Floats, weights: Floats) -> Floats:
    return np.asarray(np.einsum("nc,ncd->nd", weights, values))


def _colours(
    look: Look, triangles: NDArray[np.int32], corners: NDArray[np.int32], weights: Floats
) -> Floats:
    """(n, 3) albedo of the pixels seen."""
    points = _mix(look.vertices[corners], weights)
    kind = look.kind[triangles]
    colours = np.tile(np.array(SKIN, np.float64), (len(points), 1))
    for share, colour in (
        ((look.lips[corners] * weights).sum(1), LIPS),
        ((look.lid_edge[corners] * weights).sum(1) * 0.8, BROWS),
        (brow(points, look.eyes) * 0.85, BROWS),
        ((kind == 3).astype(float), MOUTH),
        ((kind == 2).astype(float), WHITE),
        ((kind == 1).astype(float), WHITE),
    ):
        colours += share[:, None] * (np.array(colour) - colours)
    ball = kind == 1
    eyes = look.eyes[(points[ball, 0] < 0).astype(int)]
    away = points[ball] - eyes
    sine = np.hypot(away[:, 0], away[:, 1]) / np.linalg.norm(away, axis=1)
    colours[ball] = np.where(
        (sine < PUPIL_RADIUS)[:, None],
        PUPIL,
        np.where((sine < IRIS_RADIUS)[:, None], IRIS, colours[ball]),
    )
    return colours
