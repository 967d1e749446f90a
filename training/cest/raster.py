"""The differentiable rasteriser: which triangle a pixel shows, where on it, what lies there.

Visibility is decided once and has no gradient; where on its triangle a pixel lies is a function of
the corners (CEST, supplement, eq. 12) and has one. Weak perspective, so weights are plain.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

LEAST = 1e-4  # square pixels, twice: a smaller triangle is seen edge on
DEPTHS, NUMBERS = 1 << 30, 1 << 24  # how depth and a triangle's number share an integer


@dataclass(frozen=True, slots=True)
class Hits:
    """The n pixels of a batch of pictures that show the surface, picture by picture."""

    size: int
    starts: Tensor  # (b + 1,) picture k owns pixels starts[k]:starts[k + 1]
    batch: Tensor  # (n,) which picture
    pixel: Tensor  # (n,) y * size + x
    triangle: Tensor  # (n,)

    @property
    def places(self) -> Tensor:
        """(n, 2) x and y of the pixels' centres."""
        return torch.stack([self.pixel % self.size, self.pixel // self.size], 1).float()

    def picture(self, values: Tensor, empty: float = 0.0) -> Tensor:
        """Values (n, c) of the pixels as pictures (b, c, s, s), `empty` elsewhere."""
        count = len(self.starts) - 1
        flat = values.new_full((count * self.size**2, values.shape[1]), empty)
        flat = flat.index_copy(0, self.batch * self.size**2 + self.pixel, values)
        return flat.reshape(count, self.size, self.size, -1).permute(0, 3, 1, 2)


def barycentric(corners: Tensor, places: Tensor) -> Tensor:
    """Weights (n, 3) of places (n, 2) in triangles (n, 3, 2): the supplement's eq. 12.

    Written with cross products, which are the same numbers: in the printed differences of dot
    products a narrow triangle's area is lost to rounding, and a weight becomes infinite or none.
    """
    d_i, d_j = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    d_k = places - corners[:, 0]
    area = _cross(d_i, d_j)
    second, third = _cross(d_k, d_j) / area, _cross(d_i, d_k) / area
    return torch.stack([1 - second - third, second, third], 1)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def visible(points: Tensor, faces: Tensor, size: int) -> Hits:
    """What is seen of surfaces (b, v, 3): pixels x and y down, and z that grows to the viewer.

    Triangles that face away (those that run clockwise with y up) are not seen.
    """
    triangle = _nearest(points.detach(), faces, size)
    there = triangle >= 0
    batch, pixel = there.nonzero(as_tuple=True)
    counts = there.sum(1)
    starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return Hits(size, starts, batch, pixel, triangle[batch, pixel])


def _nearest(points: Tensor, faces: Tensor, size: int) -> Tensor:
    """(b, size * size) the nearest triangle that faces the viewer, -1 where there is none.

    Every triangle of every picture tries the places of its own box, all at once; depth and number,
    packed into one integer, are settled by a maximum.
    """
    count, tris = len(points), len(faces)
    corners = points[:, faces].reshape(count * tris, 3, 3)
    flat, depth = corners[..., :2], corners[..., 2]
    low = flat.amin(1).ceil().clamp(min=0).long()
    wide = (flat.amax(1).floor().clamp(max=size - 1).long() - low + 1).clamp(min=0)
    d, e = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    area = d[:, 0] * e[:, 1] - d[:, 1] * e[:, 0]
    tried = wide.prod(1) * (area < -LEAST)
    owner = torch.repeat_interleave(tried)
    turn = torch.arange(len(owner), device=points.device) - (tried.cumsum(0) - tried)[owner]
    across = wide[owner, 0]
    place = low[owner] + torch.stack([turn % across, turn // across], 1)
    weights = _weights(flat[owner], area[owner], place)
    near = (weights * depth[owner]).sum(1)
    top, span = depth.amax() + 1e-6, (depth.amax() - depth.amin()).clamp(min=1e-6)
    level = (((near - top) / span + 1).clamp(0, 1) * DEPTHS).long()
    key = level * NUMBERS + (tris - 1 - owner % tris)
    best = torch.full((count * size * size,), -1, dtype=torch.long, device=points.device)
    pixel = (owner // tris) * size * size + place[:, 1] * size + place[:, 0]
    best.scatter_reduce_(0, pixel, torch.where((weights >= 0).all(1), key, -1), "amax")
    found = torch.where(best >= 0, tris - 1 - best % NUMBERS, -1)
    return found.reshape(count, -1)


def _weights(flat: Tensor, area: Tensor, place: Tensor) -> Tensor:
    """(n, 3) barycentric weights of a place each for triangles (n, 3, 2)."""
    x, y = (flat - place[:, None]).unbind(-1)
    u = (x[:, 1] * y[:, 2] - y[:, 1] * x[:, 2]) / area
    v = (x[:, 2] * y[:, 0] - y[:, 2] * x[:, 0]) / area
    return torch.stack([u, v, 1 - u - v], -1)


def interpolate(points: Tensor, values: Tensor, faces: Tensor, hits: Hits) -> Tensor:
    """Values (b, v, c) of vertices at the pixels (n, c); gradients to the points' x and y too."""
    corners = faces[hits.triangle] + hits.batch[:, None] * values.shape[1]
    there = _rows(torch.cat([points[..., :2], values], 2).flatten(0, 1), corners)
    weights = barycentric(there[..., :2], hits.places)
    return torch.einsum("nk,nkc->nc", weights, there[..., 2:])


def sample(pictures: Tensor, uv: Tensor, batch: Tensor) -> Tensor:
    """Pictures (b, c, s, s) at uv (n, 2) in [0, 1] of picture `batch` (n,), bilinear, the edge
    repeated -> (n, c)."""
    side = pictures.shape[-1]
    at = (uv * side - 0.5).clamp(0, side - 1)
    low = at.detach().floor().clamp(max=side - 2).long()
    s, t = (at - low).unbind(1)
    flat = pictures.permute(0, 2, 3, 1).reshape(-1, pictures.shape[1])
    first = (batch * side + low[:, 1]) * side + low[:, 0]
    a, b, c, d = (_rows(flat, first + step) for step in (0, 1, side, side + 1))
    return torch.lerp(torch.lerp(a, b, s[:, None]), torch.lerp(c, d, s[:, None]), t[:, None])


def _rows(values: Tensor, index: Tensor) -> Tensor:
    """Rows (..., c) of values (n, c): a selection whose gradient is added up without sorting."""
    return values.index_select(0, index.reshape(-1)).reshape(*index.shape, values.shape[-1])
