"""The head in torch: parameters to vertices, viewpoints, landmarks, normals.

The units of a net: 100 mm, from the middle of the face, so that turning does not shift it.
"""

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from engine.head import ARKIT, Head
from engine.head.uv import FaceUv, face_uv, texel_map
from engine.types import Ints

UNIT = 100.0  # millimetres
CENTRE = (0.0, 14.5, 75.0)  # millimetres of head space
EXPRESSIONS = len(ARKIT)
VIEW = 7
OUTSIDE = 0.02  # slope of weights beyond [0, 1]: enough to find the way back


def rodrigues(w: Tensor) -> Tensor:
    """Rotation matrices (b, 3, 3) of axis times angle (b, 3).

    The supplement's eq. 11 with its unit axis and unit matrix put right: u u' + cos(a)(1 - u u') +
    sin(a) [u]x, written with sin(a) / a and (1 - cos(a)) / a^2, which are defined at a = 0.
    """
    a2 = (w * w).sum(1)
    small = a2 < 1e-8
    safe = torch.where(small, torch.ones_like(a2), a2)
    a = safe.sqrt()
    first = torch.where(small, 1 - a2 / 6, a.sin() / a)[:, None, None]
    second = torch.where(small, 0.5 - a2 / 24, (1 - a.cos()) / safe)[:, None, None]
    zero = torch.zeros_like(a2)
    x, y, z = w.unbind(1)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(-1, 3, 3)
    unit = torch.eye(3, device=w.device).expand_as(cross)
    return unit + first * cross + second * (cross @ cross)


def project(points: Tensor, view: Tensor) -> Tensor:
    """Weak perspective (eq. 11): (b, n, 3) under viewpoints (b, 7) -> (b, n, 3).

    view: log scale, rotation vector, translation. x right, y up, in [-1, 1] on the picture.
    """
    scale = view[:, :1, None].exp()
    turned = points @ rodrigues(view[:, 1:4]).transpose(1, 2)
    return scale * turned + view[:, None, 4:]


def to_pixels(projected: Tensor, size: int) -> Tensor:
    """(b, n, 3): pixel x, pixel y (down), z in pixels; pixel centres are whole numbers."""
    x, y, z = projected.unbind(-1)
    half = size / 2
    return torch.stack([(1 + x) * half - 0.5, (1 - y) * half - 0.5, z * half], -1)


def in_range(raw: Tensor) -> Tensor:
    """Expression weights in [0, 1]; beyond, a slight slope leads back."""
    held = raw.clamp(0, 1)
    return held + OUTSIDE * (raw - held)


def _tensor(values: object) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))


class FaceModel(nn.Module):
    """The part of the head that CEST needs: the face's vertices first, then those of landmarks
    and lids that the face's map leaves out."""

    def __init__(self, head: Head, modes: int, texels: int) -> None:
        super().__init__()
        self.face: FaceUv = face_uv(head)
        rows = _rows(head, self.face)
        local = np.full(len(head.neutral), -1)
        local[rows] = np.arange(len(rows))
        count = len(self.face.vertices)
        self.count, self.rows, self.modes = count, rows, modes
        add = self.register_buffer
        add("neutral", _tensor((head.neutral[rows] - np.array(CENTRE, np.float32)) / UNIT))
        basis = head.identity_basis[:modes, rows] / UNIT
        add("identity", _tensor(basis.reshape(modes, -1)))
        moves = head.expression_basis[:, rows] / UNIT
        add("expression", _tensor(moves.reshape(EXPRESSIONS, -1)))
        add("faces", _tensor(self.face.faces).long())
        add("uv", _tensor(self.face.uv))
        for marks in (68, 468):
            corners = local[head.faces[head.landmark_faces[marks]]]
            add(f"corners{marks}", _tensor(corners))
            add(f"shares{marks}", _tensor(head.landmark_weights[marks]))
        triangle, weights = texel_map(self.face, texels)
        add("texel_corners", _tensor(self.face.faces[triangle.clip(0)]).long())
        add("texel_shares", _tensor(weights))
        add("texel_there", _tensor(triangle >= 0))
        self._lids(head, local)

    def _lids(self, head: Head, local: Ints) -> None:
        """Rows of head.Lids that move a vertex that is here (see engine.head.model)."""
        lids = head.lids
        here = local[lids.vertex] >= 0
        self.register_buffer("lid_shape", _tensor(lids.shape[here]).long())
        self.register_buffer("lid_vertex", _tensor(local[lids.vertex[here]]))
        self.register_buffer("lid_source", _tensor(local[lids.source[here]]))
        self.register_buffer("lid_share", _tensor(lids.share[here].astype(np.float32)))
        own = (lids.own[here] - CENTRE[1] * lids.share[here].sum(1)) / UNIT
        self.register_buffer("lid_own", _tensor(own.astype(np.float32)))

    def _get(self, name: str) -> Tensor:
        return cast(Tensor, getattr(self, name))

    def forward(self, identity: Tensor, expression: Tensor) -> Tensor:
        """Vertices (b, v, 3) of standard deviations (b, modes) and weights (b, 52)."""
        person = self._get("neutral") + (identity @ self._get("identity")).reshape(
            len(identity), -1, 3
        )
        moved = (expression @ self._get("expression")).reshape(person.shape)
        source = self._get("lid_source")
        lower = person[..., 1].index_select(1, source.reshape(-1)).reshape(-1, *source.shape)
        lower = (lower * self._get("lid_share")).sum(-1) - self._get("lid_own")
        lower = lower * expression[:, self._get("lid_shape")]
        blink = torch.zeros_like(person[..., 1]).index_add(1, self._get("lid_vertex"), lower)
        return person + moved + torch.stack([torch.zeros_like(blink), blink, 0 * blink], -1)

    def landmarks(self, points: Tensor, count: int = 468) -> Tensor:
        """(b, count, d) of points (b, v, d) of the vertices."""
        corners = self._get(f"corners{count}")
        found = points.index_select(1, corners.reshape(-1))
        found = found.reshape(len(points), count, 3, -1)
        return torch.einsum("nk,bnkd->bnd", self._get(f"shares{count}"), found)

    def normals(self, points: Tensor) -> Tensor:
        """Unit normals (b, n, 3) of the face's vertices, by area."""
        faces = self._get("faces")
        a, b, c = (points.index_select(1, faces[:, k]) for k in range(3))
        flat = torch.linalg.cross(b - a, c - a)
        total = torch.zeros_like(points[:, : self.count])
        for k in range(3):
            total = total.index_add(1, faces[:, k], flat)
        return nn.functional.normalize(total, dim=-1, eps=1e-9)

    def texels(self, values: Tensor) -> Tensor:
        """Values (b, n, c) of the face's vertices on the map (b, s, s, c), 0 off it."""
        corners = self._get("texel_corners")
        found = values[:, corners]  # (b, s, s, 3, c)
        return torch.einsum("hwk,bhwkc->bhwc", self._get("texel_shares"), found)


def _rows(head: Head, face: FaceUv) -> Ints:
    """The head's vertices in use: the face's, then what landmarks and lids need."""
    marks = [head.faces[head.landmark_faces[n]].ravel() for n in (68, 468)]
    reach = np.unique(np.concatenate([face.vertices, *marks]))
    of_lids = head.lids.source[np.isin(head.lids.vertex, reach)].ravel()
    more = np.setdiff1d(np.concatenate([*marks, of_lids]), face.vertices)
    return np.concatenate([face.vertices, more]).astype(np.int32)
