"""The rasteriser's work in plain torch, for a GPU: what is nearest, and reading pictures."""

import torch
from torch import Tensor
from torch.nn import functional


def visible(points: Tensor, faces: Tensor, size: int) -> Tensor:
    """(b, size * size) int32: the nearest triangle that faces the viewer, -1 where none is.

    Every triangle tries each place of a box as large as the largest triangle's, all triangles of
    all pictures at once; depth and number, packed into one integer, are settled by a maximum.
    """
    count, tris = len(points), len(faces)
    corners = points[:, faces]  # (b, f, 3, 3)
    flat = corners[..., :2]
    low = flat.amin(2).ceil().clamp(min=0)
    high = flat.amax(2).floor().clamp(max=size - 1)
    d, e = flat[:, :, 1] - flat[:, :, 0], flat[:, :, 2] - flat[:, :, 0]
    area = d[..., 0] * e[..., 1] - d[..., 1] * e[..., 0]
    front = area < -1e-9
    reach = int((high - low).clamp(min=-1).amax()) + 1
    best = torch.full((count, size * size), -1, dtype=torch.long, device=points.device)
    number = torch.arange(tris, device=points.device)
    top = corners[..., 2].amax() + 1e-6
    span = (top - corners[..., 2].amin()).clamp(min=1e-6)
    for dy in range(reach):
        for dx in range(reach):
            place = low + points.new_tensor([dx, dy])
            weights = _weights(flat, area, place)
            inside = front & (place <= high).all(-1) & (weights >= 0).all(-1)
            depth = (weights * corners[..., 2]).sum(-1)
            near = ((depth - top) / span + 1).clamp(0, 1)
            key = (near * (1 << 30)).long() * (1 << 24) + (tris - 1 - number)
            pixel = (place[..., 1] * size + place[..., 0]).long().clamp(0, size * size - 1)
            best.scatter_reduce_(1, pixel, torch.where(inside, key, -1), "amax")
    found = tris - 1 - (best & ((1 << 24) - 1))
    return torch.where(best >= 0, found, -1).int()


def _weights(flat: Tensor, area: Tensor, place: Tensor) -> Tensor:
    """(b, f, 3) barycentric weights of one place for each triangle."""
    away = flat - place[:, :, None]
    x, y = away[..., 0], away[..., 1]
    u = (x[..., 1] * y[..., 2] - y[..., 1] * x[..., 2]) / area
    v = (x[..., 2] * y[..., 0] - y[..., 2] * x[..., 0]) / area
    return torch.stack([u, v, 1 - u - v], -1)


def sample(pictures: Tensor, uv: Tensor, batch: Tensor) -> Tensor:
    """Pictures (b, c, s, s) at uv (n, 2) in [0, 1] of picture `batch` (n,) -> (n, c)."""
    side = pictures.shape[-1]
    at = (uv * side - 0.5).clamp(0, side - 1)
    low = at.detach().floor().clamp(max=side - 2).long()
    s, t = (at - low).unbind(1)
    x, y = low.unbind(1)
    rows = pictures.permute(0, 2, 3, 1)
    top = torch.lerp(rows[batch, y, x], rows[batch, y, x + 1], s[:, None])
    bottom = torch.lerp(rows[batch, y + 1, x], rows[batch, y + 1, x + 1], s[:, None])
    return torch.lerp(top, bottom, t[:, None])


def unwrap(pictures: Tensor, grid: Tensor) -> Tensor:
    """Pictures (b, c, s, s) at grid (b, h, w, 2) in [-1, 1], y down; the edge is repeated."""
    return functional.grid_sample(
        pictures, grid, "bilinear", padding_mode="border", align_corners=False
    )
