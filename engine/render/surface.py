"""A moving surface on the GPU: positions and normals of each frame, and what never changes."""

from dataclasses import dataclass
from typing import Any

import cv2
import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.head import Head
from engine.head.uv import face_uv
from engine.types import Floats, Ints

_LEAST = np.float32(1e-12)
FADE = 0.14  # of the face's map: how far in from its edge it counts in full


class Normals:
    """Area-weighted vertex normals of one topology, in a few array operations: numba would be
    quicker still, but its compiler takes 80 MB of the renderer's memory."""

    def __init__(self, faces: Ints, count: int) -> None:
        self._corners = [np.ascontiguousarray(faces[:, k], np.intp) for k in range(3)]
        self._around = _around(faces, count)  # (most, v) triangles at a vertex, padded with f
        self._points = np.empty((3, count), np.float32)
        self._ends = np.empty((3, 3, len(faces)), np.float32)
        self._flat = np.zeros((3, len(faces) + 1), np.float32)  # the last column pads: zero
        self._total, self._more = np.empty((2, 3, count), np.float32)

    def __call__(self, vertices: Floats) -> Floats:
        """(v, 3) -> unit normals (v, 3)."""
        self._points[:] = vertices.T
        for end, corner in zip(self._ends, self._corners, strict=True):
            np.take(self._points, corner, 1, end, "clip")
        a, u, w = self._ends
        u -= a
        w -= a
        for k in range(3):
            i, j = (k + 1) % 3, (k + 2) % 3
            self._flat[k, :-1] = u[i] * w[j] - u[j] * w[i]
        total, more = self._total, self._more
        np.take(self._flat, self._around[0], 1, total, "clip")
        for triangles in self._around[1:]:
            total += np.take(self._flat, triangles, 1, more, "clip")
        length = np.sqrt((total * total).sum(0) + _LEAST)
        return np.ascontiguousarray((total / length).T)


def _around(faces: Ints, count: int) -> NDArray[np.intp]:
    """The triangles that meet at each vertex, at most eight, padded with len(faces)."""
    vertex = faces.ravel()
    triangle = np.repeat(np.arange(len(faces)), 3)
    order = np.argsort(vertex, kind="stable")
    vertex, triangle = vertex[order], triangle[order]
    rank = np.arange(len(vertex)) - np.searchsorted(vertex, vertex)
    most = min(int(rank.max()) + 1, 8)
    table = np.full((most, count), len(faces), np.intp)
    kept = rank < most
    table[rank[kept], vertex[kept]] = triangle[kept]
    return table


@dataclass(frozen=True, slots=True)
class Corners:
    """Render vertices: which vertex of the head each one follows, and what never changes of it."""

    vertex: Ints  # (r,)
    uv: Floats  # (r, 2)
    rest: Floats  # (r, 3) millimetres in the average head: where on a face this is
    follow: Floats  # (r,) 1 turns with the head
    thin: Floats  # (r,) 1 where light shines through: ears
    map: Floats | None = None  # (r, 3) place on the face's map, and how far that counts


def head_corners(head: Head, uv: Floats, mapped: bool = False) -> Corners:
    """`mapped`: with places on the face's map, which take a moment to find."""
    vertex = head.corner_vertex
    places = face_places(head)[vertex] if mapped else None
    return Corners(
        vertex, uv, head.neutral[vertex], head.head_weight[vertex], ears(head)[vertex], places
    )


def face_places(head: Head) -> Floats:
    """(v, 3): u and v on the face's map (see engine.head.uv), and from 0 at its edge to 1."""
    found, places = face_uv(head), np.zeros((len(head.neutral), 3), np.float32)
    hull = cv2.convexHull(found.uv[found.skin])
    inside = [max(cv2.pointPolygonTest(hull, p.tolist(), True), 0.0) for p in found.uv]
    places[found.vertices, :2] = found.uv
    places[found.vertices, 2] = np.clip(np.array(inside) / FADE, 0, 1) * found.skin
    return places


def ears(head: Head) -> Floats:
    """(v,): how much each vertex stands out sideways from the head between brow and mouth."""
    x, y, z = head.neutral.T
    eye, mouth = head.eye_centres[0], head.neutral[head.masks["lips"] > 0.5].mean(0)
    level = (y < eye[1] + 22) & (y > mouth[1]) & (z < eye[2] - 40) & (z > eye[2] - 120)
    temple = np.quantile(np.abs(x[level]), 0.55)
    return np.where(level, np.clip((np.abs(x) - temple) / 8.0, 0, 1), 0).astype(np.float32)


class Surface:
    """Buffers of render vertices: what is fixed, what light reaches each, and what moves."""

    def __init__(self, ctx: moderngl.Context, corners: Corners) -> None:
        self.ctx, self.corners = ctx, corners
        count = len(corners.vertex)
        self.moving = np.zeros((count, 6), np.float32)  # position mm, unit normal
        self._buffer = ctx.buffer(reserve=self.moving.nbytes, dynamic=True)
        places = np.zeros((count, 3), np.float32) if corners.map is None else corners.map
        fixed = [corners.rest, corners.uv, corners.follow[:, None], corners.thin[:, None], places]
        self._fixed = ctx.buffer(np.concatenate(fixed, 1).astype(np.float32).tobytes())
        self._light = ctx.buffer(np.ones((count, 4), np.float32).tobytes())

    def set_light(self, light: Floats) -> None:
        """How much of the ambient, key and two rim lights reaches each render vertex: (r, 4)."""
        self._light.write(np.ascontiguousarray(light, np.float32).tobytes())

    def move(self, positions: Floats, normals: Floats) -> None:
        """Takes the positions and normals (v, 3) of the head's vertices in this frame."""
        np.take(positions, self.corners.vertex, 0, self.moving[:, :3])
        np.take(normals, self.corners.vertex, 0, self.moving[:, 3:])
        self._buffer.write(self.moving)

    def mesh(self, program: Any, triangles: NDArray[np.integer]) -> moderngl.VertexArray:
        """The triangles (m, 3) of render vertices, drawn by `program`."""
        layout = [
            _kept(program, self._buffer, "3f 3f", "position", "normal"),
            _kept(program, self._fixed, "3f 2f 1f 1f 3f", "rest", "uv", "follow", "thin", "map"),
            _kept(program, self._light, "4f", "light"),
        ]
        index = self.ctx.buffer(np.ascontiguousarray(triangles, np.int32).tobytes())
        return self.ctx.vertex_array(program, [one for one in layout if len(one) > 2], index)


def _kept(program: Any, buffer: moderngl.Buffer, formats: str, *names: str) -> tuple[Any, ...]:
    """The layout with padding in place of attributes that the compiler dropped."""
    parts = [
        (f, name) if name in program else (f"{int(f[0]) * 4}x", "")
        for f, name in zip(formats.split(), names, strict=True)
    ]
    return buffer, " ".join(f for f, _ in parts), *(name for _, name in parts if name)
