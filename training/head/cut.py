"""Cuts head, neck and shoulders out of the base mesh, as one linear map of the base's vertices.

Every vertex of the head is a fixed combination of base vertices after a fixed pose (arms let
down, the head's pivot at the origin). So positions and morph offsets of anybody go through the
same map, and everything that is linear in MakeHuman stays linear here.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from .source import BaseMesh, Doubles, Indices

FLOOR = 4.25  # decimetres: the bust ends below the collar bones, under the picture's edge
SLOPE = 0.12  # the cut falls towards the back, as a bust's does
ARM_DOWN = 0.62  # radians: the base mesh stands in A pose
TO_MM = 100.0

GROUPS = {
    "skin": ["body"],
    "eye_left": ["helper-l-eye"],
    "eye_right": ["helper-r-eye"],
    "lashes": [f"helper-{s}-eyelashes-{n}" for s in "lr" for n in "12"],
    "teeth_upper": ["helper-upper-teeth"],
    "teeth_lower": ["helper-lower-teeth"],
    "tongue": ["helper-tongue"],
}
ARM = ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")

Row = dict[int, float]  # base vertex -> weight


@dataclass(slots=True)
class _Builder:
    """Collects vertices by key, render corners by (vertex, uv), triangles by part."""

    rows: list[Row] = field(default_factory=list)
    keys: dict[tuple[str, int, int], int] = field(default_factory=dict)
    corners: dict[tuple[int, float, float], int] = field(default_factory=dict)
    triangles: list[list[int]] = field(default_factory=list)
    parts: dict[str, list[int]] = field(default_factory=dict)

    def vertex(self, key: tuple[str, int, int], row: Row) -> int:
        if key not in self.keys:
            self.keys[key] = len(self.rows)
            self.rows.append(row)
        return self.keys[key]

    def corner(self, vertex: int, uv: Doubles) -> int:
        key = (vertex, round(float(uv[0]), 6), round(float(uv[1]), 6))
        return self.corners.setdefault(key, len(self.corners))

    def triangle(self, part: str, corners: list[int]) -> None:
        self.parts.setdefault(part, []).append(len(self.triangles))
        self.triangles.append(corners)


@dataclass(frozen=True, slots=True)
class Cut:
    """The head's topology and the map from base vertices to its vertices."""

    rows: csr_matrix  # (v, 19158)
    faces: NDArray[np.int32]  # (f, 3)
    parts: dict[str, NDArray[np.int32]]
    corner_vertex: NDArray[np.int32]
    corner_uv: NDArray[np.float32]
    corner_faces: NDArray[np.int32]
    arms: dict[str, Doubles]  # side -> (19158,) how far each base vertex follows the arm
    joints: dict[str, Indices]
    index: Indices  # (19158,) the head's vertex for each base vertex, -1 where it has none

    def apply(self, base: NDArray[np.floating]) -> Doubles:
        """Base positions or offsets (19158, 3) in decimetres -> (v, 3) in millimetres."""
        posed = np.asarray(base, np.float64)
        lowered = posed.copy()
        for side, sign in (("l", -1.0), ("r", 1.0)):
            pivot = posed[self.joints[f"{side}-shoulder"]].mean(0)
            c, s = np.cos(ARM_DOWN) - 1, sign * np.sin(ARM_DOWN)
            turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 0]])
            lowered += self.arms[side][:, None] * ((posed - pivot) @ turn.T)
        return (self.rows @ (lowered - posed[self.joints["head"]].mean(0))) * TO_MM

    def gather(self, values: NDArray[np.floating]) -> Doubles:
        """A value per base vertex (19158,) -> one per head vertex (v,)."""
        return np.asarray(self.rows @ values)


def arm_weights(weights: dict[str, list[list[float]]], count: int) -> dict[str, Doubles]:
    """How far each base vertex turns with the upper arm, in [0, 1]; the shoulder goes half-way."""
    arms: dict[str, Doubles] = {}
    for side in "lr":
        total = np.zeros(count)
        for bone, pairs in weights.items():
            name, _, which = bone.partition(".")
            if which != side.upper():
                continue
            share = 1.0 if name.startswith(ARM) else 0.35 if name == "shoulder01" else 0.0
            for vertex, weight in pairs:
                total[int(vertex)] += share * weight
        arms[side] = np.clip(total, 0, 1)
    return arms


def cut(base: BaseMesh, weights: dict[str, list[list[float]]]) -> Cut:
    """Head, neck and shoulders of the base mesh, triangulated, with eyes made finer."""
    builder = _Builder()
    height = base.vertices[:, 1] - FLOOR - SLOPE * (base.vertices[:, 2] - 1.0)
    for part, names in GROUPS.items():
        for name in names:
            quads = base.groups[name]
            if part.startswith("eye"):
                _fine(builder, part, base, quads.vertex, quads.uv)
            else:
                _plain(builder, part, base, quads.vertex, quads.uv, height)
    names = ["head", "neck", "l-shoulder", "r-shoulder", "l-eye", "r-eye", "jaw"]
    joints = {name: base.joint(name) for name in names}
    return _finish(builder, arm_weights(weights, len(base.vertices)), joints)


def _finish(builder: _Builder, arms: dict[str, Doubles], joints: dict[str, Indices]) -> Cut:
    entries = [(r, c, w) for r, row in enumerate(builder.rows) for c, w in row.items()]
    r, c, w = (np.array(column) for column in zip(*entries, strict=True))
    count = len(next(iter(arms.values())))
    rows = coo_matrix((w, (r, c)), shape=(len(builder.rows), count)).tocsr()
    index = np.full(count, -1)
    for (_, a, b), vertex in builder.keys.items():
        if a == b:
            index[a] = vertex
    corners = list(builder.corners)
    corner_vertex = np.array([v for v, _, _ in corners], np.int32)
    corner_faces = np.array(builder.triangles, np.int32)
    return Cut(
        rows,
        corner_vertex[corner_faces],
        {name: np.array(ids, np.int32) for name, ids in builder.parts.items()},
        corner_vertex,
        np.array([(u, v) for _, u, v in corners], np.float32),
        corner_faces,
        arms,
        joints,
        index,
    )


def _plain(
    builder: _Builder, part: str, base: BaseMesh, quads: Indices, uvs: Indices, height: Doubles
) -> None:
    for quad, uv in zip(quads, uvs, strict=True):
        for pick in ([0, 1, 2], [0, 2, 3]):
            _clip(builder, part, quad[pick], base.uvs[uv[pick]], height)


def _clip(builder: _Builder, part: str, tri: Indices, uv: Doubles, height: Doubles) -> None:
    """Adds what of a triangle lies above the cut."""
    above = height[tri] > 0
    outline: list[int] = []
    for k in range(3):
        a, b = int(tri[k]), int(tri[(k + 1) % 3])
        if above[k]:
            vertex = builder.vertex((part, a, a), {a: 1.0})
            outline.append(builder.corner(vertex, uv[k]))
        if above[k] != above[(k + 1) % 3]:
            t = height[a] / (height[a] - height[b])
            key = (part, min(a, b), max(a, b))
            vertex = builder.vertex(key, {a: 1 - t, b: t})
            outline.append(builder.corner(vertex, uv[k] + t * (uv[(k + 1) % 3] - uv[k])))
    for k in range(1, len(outline) - 1):
        builder.triangle(part, [outline[0], outline[k], outline[k + 1]])


def _fine(builder: _Builder, part: str, base: BaseMesh, quads: Indices, uvs: Indices) -> None:
    """Each quad becomes four, new vertices on the eye's sphere, so that the iris sits smoothly."""
    every = np.unique(quads)
    centre = base.vertices[every].mean(0)
    radius = np.linalg.norm(base.vertices - centre, axis=1)

    def add(corners: list[int], uv: Doubles) -> int:
        mean = base.vertices[corners].mean(0) - centre
        scale = float(radius[corners].mean() / np.linalg.norm(mean)) if len(corners) > 1 else 1.0
        row = {int(i): (1 - scale) / len(every) for i in every} if len(corners) > 1 else {}
        for i in corners:
            row[i] = row.get(i, 0.0) + scale / len(corners)
        key = (part, min(corners), max(corners) if len(corners) < 3 else -sum(corners))
        return builder.corner(builder.vertex(key, row), uv)

    for quad, uv in zip(quads.tolist(), base.uvs[uvs], strict=True):
        middle = add(quad, uv.mean(0))
        for k in range(4):
            before, after = (k + 3) % 4, (k + 1) % 4
            a = add([quad[k]], uv[k])
            b = add([quad[k], quad[after]], (uv[k] + uv[after]) / 2)
            d = add([quad[before], quad[k]], (uv[k] + uv[before]) / 2)
            builder.triangle(part, [a, b, middle])
            builder.triangle(part, [a, middle, d])
