"""The head model: neutral + identity + expression -> vertices, in millimetres of head space.

Head space: +X the person's left, +Y up, +Z out of the face, origin at the pivot on which the
head turns. All maps are linear, so a person is made once and each frame adds only what moves.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, ModelError
from ..model import MODELS, open_model
from ..types import Floats, Ints
from .arkit import ARKIT


@dataclass(frozen=True, slots=True)
class Moves:
    """The 52 expression shapes, only the vertices that move: shape s owns starts[s]:starts[s+1]."""

    starts: Ints  # (53,)
    vertices: Ints  # (n,)
    deltas: Floats  # (n, 3) millimetres at weight 1


@dataclass(frozen=True, slots=True)
class Lids:
    """How a blink follows the opening of a person's eyes, so that everybody's eyes shut.

    Row n lowers vertex[n] by weight * (sum of share * y of source, beyond the neutral's own).
    """

    shape: Ints  # (n,) eyeBlinkLeft or eyeBlinkRight
    vertex: Ints  # (n,)
    source: Ints  # (n, 4) vertices of the lids' edges
    share: Floats  # (n, 4)
    own: Floats  # (n,) millimetres, of the neutral; the shape itself holds it


@numba.njit(cache=True, fastmath=True, boundscheck=False)
def _blink(
    out: Floats,
    person: Floats,
    weights: Floats,
    shape: Ints,
    vertex: Ints,
    source: Ints,
    share: Floats,
    own: Floats,
) -> None:
    for n in range(len(vertex)):
        w = weights[shape[n]]
        if w != 0.0:
            total = -own[n]
            for j in range(4):
                total += share[n, j] * person[source[n, j], 1]
            out[vertex[n], 1] += w * total


@numba.njit(cache=True, fastmath=True, boundscheck=False)
def _add(out: Floats, starts: Ints, vertices: Ints, deltas: Floats, weights: Floats) -> None:
    for s in range(len(weights)):
        w = weights[s]
        if w != 0.0:
            for k in range(starts[s], starts[s + 1]):
                v = vertices[k]
                out[v, 0] += w * deltas[k, 0]
                out[v, 1] += w * deltas[k, 1]
                out[v, 2] += w * deltas[k, 2]


@dataclass(frozen=True)
class Head:
    """The loaded model. Arrays are read-only by custom; v vertices, f triangles, k modes."""

    neutral: Floats  # (v, 3) millimetres, an average adult
    faces: Ints  # (f, 3)
    identity_basis: Floats  # (k, v, 3) millimetres for one standard deviation of each mode
    moves: Moves
    lids: Lids
    masks: dict[str, Floats]  # name -> (v,) in [0, 1]
    head_weight: Floats  # (v,) 1 turns with the head, 0 stays with the shoulders
    parts: dict[str, Ints]  # name -> (m,) indices into faces
    corner_vertex: Ints  # (r,) the vertex of each render vertex; those at uv seams are doubled
    corner_uv: Floats  # (r, 2), v up
    corner_faces: Ints  # (f, 3) indices into the r render vertices
    landmark_faces: dict[int, Ints]  # 68 and 468 -> (count,) indices into faces
    landmark_weights: dict[int, Floats]  # 68 and 468 -> (count, 3) barycentric
    eye_centres: Floats  # (2, 3) left, right; of the neutral
    presets: dict[str, Floats]  # name -> (k,) identity coefficients
    about: dict[str, Any] = field(repr=False)

    @classmethod
    def load(cls, folder: Path | None = None) -> "Head":
        """Reads a verified model folder; ModelError where it is missing, altered or unfit."""
        model = open_model(folder or MODELS / "head")
        if model.about.get("shapes") != list(ARKIT):
            raise ModelError(f"{model.path} was made for other face shapes; run training.fit head")
        with np.load(model.file("head.npz")) as data:
            return cls(about=model.about, **_arrays(data, model.about))

    @cached_property
    def expression_basis(self) -> Floats:
        """(52, v, 3) millimetres at weight 1, dense, as the neutral makes them; see `shapes`."""
        dense = np.zeros((len(ARKIT), *self.neutral.shape), np.float32)
        for s in range(len(ARKIT)):
            span = slice(self.moves.starts[s], self.moves.starts[s + 1])
            dense[s, self.moves.vertices[span]] = self.moves.deltas[span]
        return dense

    def person(self, identity: Floats) -> Floats:
        """The neutral (v, 3) of a person of up to k identity coefficients."""
        count = len(identity)
        if count > len(self.identity_basis):
            raise ConfigError(
                f"identity has {count} coefficients; the head knows {len(self.identity_basis)}"
            )
        basis = self.identity_basis[:count].reshape(count, self.neutral.size)
        moved = np.asarray(identity, np.float32) @ basis
        return self.neutral + moved.reshape(self.neutral.shape)

    def pose(self, person: Floats, weights: Floats) -> Floats:
        """The person's vertices (v, 3) with ARKit weights (52,)."""
        out = person.astype(np.float32, copy=True)
        m = self.moves
        w = np.asarray(weights, np.float32)
        _add(out, m.starts, m.vertices, m.deltas, w)
        d = self.lids
        _blink(out, person, w, d.shape, d.vertex, d.source, d.share, d.own)
        return out

    def shapes(self, person: Floats) -> Floats:
        """(52, v, 3) millimetres at weight 1: the shapes as this person makes them."""
        dense = self.expression_basis.copy()
        d = self.lids
        lower = (d.share * person[d.source, 1]).sum(1) - d.own
        dense[d.shape, d.vertex, 1] += lower
        return dense

    def landmarks(self, vertices: Floats, count: int = 68) -> Floats:
        """The 68 (usual order) or 468 landmark points (count, 3) of a posed surface."""
        corners = vertices[self.faces[self.landmark_faces[count]]]
        return np.einsum("nc,ncd->nd", self.landmark_weights[count], corners).astype(np.float32)


def _arrays(data: Any, about: dict[str, Any]) -> dict[str, Any]:
    """The fields of Head from the stored, quantised arrays."""
    named: dict[str, dict[str, NDArray[Any]]] = {"mask": {}, "part": {}, "preset": {}}
    for key in data.files:
        kind, _, name = key.partition(".")
        if kind in named:
            named[kind][name] = data[key]
    corner_vertex = data["corner_vertex"].astype(np.int32)
    source, share = data["lid_source"].astype(np.int32), data["lid_weight"]
    corner_faces = data["corner_faces"].astype(np.int32)
    return {
        "neutral": data["neutral"],
        "faces": corner_vertex[corner_faces],
        "identity_basis": data["identity"].astype(np.float32) * np.float32(about["identity_step"]),
        "moves": Moves(
            data["expression_starts"].astype(np.int32),
            data["expression_vertices"].astype(np.int32),
            data["expression"].astype(np.float32) * np.float32(about["expression_step"]),
        ),
        "lids": Lids(
            data["lid_shape"].astype(np.int32),
            data["lid_vertex"].astype(np.int32),
            source,
            share,
            (share * data["neutral"][source, 1]).sum(1),
        ),
        "masks": {k: v.astype(np.float32) / 255 for k, v in named["mask"].items()},
        "head_weight": data["head_weight"].astype(np.float32) / 255,
        "parts": {k: v.astype(np.int32) for k, v in named["part"].items()},
        "corner_vertex": corner_vertex,
        "corner_uv": data["corner_uv"],
        "corner_faces": corner_faces,
        "landmark_faces": {n: data[f"landmark_faces_{n}"].astype(np.int32) for n in (68, 468)},
        "landmark_weights": {n: data[f"landmark_weights_{n}"] for n in (68, 468)},
        "eye_centres": data["eye_centres"],
        "presets": named["preset"],
    }
