"""The rasteriser's work in plain torch, for a GPU: what is nearest, and reading what lies there."""

import torch
from torch import Tensor

LEAST = 1e-9  # square pixels: a smaller triangle is seen edge on
DEPTHS, NUMBERS = 1 << 30, 1 << 24  # how depth and a triangle's number share an integer


def visible(points: Tensor, faces: Tensor, size: int) -> Tensor:
    """(b, size * size) int32: the nearest triangle that faces the viewer, -1 where none is.

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
    return found.reshape(count, -1).int()


def _weights(flat: Tensor, area: Tensor, place: Tensor) -> Tensor:
    """(n, 3) barycentric weights of a place each for triangles (n, 3, 2)."""
    x, y = (flat - place[:, None]).unbind(-1)
    u = (x[:, 1] * y[:, 2] - y[:, 1] * x[:, 2]) / area
    v = (x[:, 2] * y[:, 0] - y[:, 2] * x[:, 0]) / area
    return torch.stack([u, v, 1 - u - v], -1)


def rows(values: Tensor, index: Tensor) -> Tensor:
    """Rows (..., c) of values (n, c): a selection whose gradient is added up without sorting."""
    return values.index_select(0, index.reshape(-1)).reshape(*index.shape, values.shape[-1])


def sample(pictures: Tensor, uv: Tensor, batch: Tensor) -> Tensor:
    """Pictures (b, c, s, s) at uv (n, 2) in [0, 1] of picture `batch` (n,) -> (n, c)."""
    side = pictures.shape[-1]
    at = (uv * side - 0.5).clamp(0, side - 1)
    low = at.detach().floor().clamp(max=side - 2).long()
    s, t = (at - low).unbind(1)
    flat = pictures.permute(0, 2, 3, 1).reshape(-1, pictures.shape[1])
    first = (batch * side + low[:, 1]) * side + low[:, 0]
    a, b, c, d = (rows(flat, first + step) for step in (0, 1, side, side + 1))
    return torch.lerp(torch.lerp(a, b, s[:, None]), torch.lerp(c, d, s[:, None]), t[:, None])
