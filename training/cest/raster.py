"""The differentiable rasteriser: which triangle a pixel shows, where on it, what lies there.

Visibility is decided once and has no gradient; where on its triangle a pixel lies is a function of
the corners (CEST, supplement, eq. 12) and has one. Weak perspective, so weights are plain.
Compiled loops on a CPU, plain torch on a GPU; both are held to the same figures by a test.
"""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.types import Floats, Ints

from . import raster_torch

LEAST = raster_torch.LEAST


def _start_threads() -> None:
    """Starts numba's threads at import, for it happens once and sets OpenMP's number of threads.

    That number is torch's too. Left to the first picture drawn, torch would go on with every core
    from the middle of a step, sum in another order, and no resumed run would be the same run.
    """
    numba.config.THREADING_LAYER = "omp"  # type: ignore[attr-defined]  # default: not re-entrant
    of_torch = torch.get_num_threads()
    numba.get_num_threads()
    torch.set_num_threads(of_torch)


_start_threads()


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

    There d_kj is printed as d_k . d_i; it is d_k . d_j.
    """
    d_i, d_j = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    d_k = places - corners[:, 0]
    d_ii, d_jj, d_ij = (d_i * d_i).sum(1), (d_j * d_j).sum(1), (d_i * d_j).sum(1)
    d_ki, d_kj = (d_k * d_i).sum(1), (d_k * d_j).sum(1)
    scale = d_ii * d_jj - d_ij**2
    second = (d_jj * d_ki - d_ij * d_kj) / scale
    third = (d_ii * d_kj - d_ij * d_ki) / scale
    return torch.stack([1 - second - third, second, third], 1)


def visible(points: Tensor, faces: Tensor, size: int) -> Hits:
    """What is seen of surfaces (b, v, 3): pixels x and y down, and z that grows to the viewer.

    Triangles that face away (those that run clockwise with y up) are not seen.
    """
    if points.is_cuda:
        triangle = raster_torch.visible(points.detach(), faces, size)
    else:
        held = points.detach().numpy()
        triangle = torch.from_numpy(_visible(np.ascontiguousarray(held), faces.numpy(), size))
    batch, pixel = (triangle >= 0).nonzero(as_tuple=True)
    counts = (triangle >= 0).sum(1)
    starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return Hits(size, starts, batch, pixel, triangle[batch, pixel].long())


@numba.njit(cache=True, parallel=True, fastmath=True)
def _visible(points: Floats, faces: Ints, size: int) -> NDArray[np.int32]:
    """(b, size * size) the nearest triangle that faces the viewer, -1 where there is none."""
    triangle = np.full((len(points), size * size), -1, np.int32)
    for n in numba.prange(len(points)):
        nearest = np.full(size * size, -np.inf, np.float32)
        for f in range(len(faces)):
            a, b, c = points[n, faces[f, 0]], points[n, faces[f, 1]], points[n, faces[f, 2]]
            area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
            if area > -LEAST:
                continue
            x0, x1 = max(int(np.ceil(min(a[0], b[0], c[0]))), 0), int(max(a[0], b[0], c[0]))
            y0, y1 = max(int(np.ceil(min(a[1], b[1], c[1]))), 0), int(max(a[1], b[1], c[1]))
            for y in range(y0, min(y1, size - 1) + 1):
                for x in range(x0, min(x1, size - 1) + 1):
                    u = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
                    v = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
                    if u < 0 or v < 0 or u + v > 1:
                        continue
                    z = u * a[2] + v * b[2] + (1 - u - v) * c[2]
                    if z > nearest[y * size + x]:
                        nearest[y * size + x], triangle[n, y * size + x] = z, f
    return triangle


def interpolate(points: Tensor, values: Tensor, faces: Tensor, hits: Hits) -> Tensor:
    """Values (b, v, c) of vertices at the pixels (n, c); gradients to the points' x and y too."""
    if points.is_cuda:
        corners = faces[hits.triangle] + hits.batch[:, None] * values.shape[1]
        both = torch.cat([points[..., :2], values], 2).flatten(0, 1)
        there = raster_torch.rows(both, corners)
        weights = barycentric(there[..., :2], hits.places)
        return torch.einsum("nk,nkc->nc", weights, there[..., 2:])
    return _Interpolate.apply(points, values, faces, hits)  # type: ignore[no-any-return]


class _Interpolate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, values: Tensor, faces: Tensor, hits: Hits) -> Tensor:
        held: list[Any] = [np.ascontiguousarray(x.detach()) for x in (points, values, faces)]
        held += [hits.starts.numpy(), hits.pixel.numpy(), hits.triangle.numpy()]
        ctx.held, ctx.size = held, hits.size
        return torch.from_numpy(_mix(*held, hits.size))  # type: ignore[call-arg]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad = np.ascontiguousarray(grads[0].numpy())
        to_points, to_values = _mix_back(*ctx.held, ctx.size, grad)  # type: ignore[call-arg]
        return torch.from_numpy(to_points), torch.from_numpy(to_values), None, None


@numba.njit(cache=True, inline="always")
def _slopes(a: Floats, b: Floats, c: Floats, x: float, y: float) -> tuple[float, ...]:
    """Two barycentric weights of a place, and how both change with it along x and y."""
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    u = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
    v = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
    return (
        u,
        v,
        (b[1] - c[1]) / area,
        (c[0] - b[0]) / area,
        (c[1] - a[1]) / area,
        (a[0] - c[0]) / area,
    )


@numba.njit(cache=True, parallel=True, fastmath=True)
def _mix(
    points: Floats,
    values: Floats,
    faces: Ints,
    starts: Ints,
    pixel: Ints,
    triangle: Ints,
    size: int,
) -> Floats:
    out = np.empty((len(pixel), values.shape[2]), np.float32)
    for n in numba.prange(len(points)):
        for p in range(starts[n], starts[n + 1]):
            i, j, k = faces[triangle[p]]
            x, y = pixel[p] % size, pixel[p] // size
            u, v, _, _, _, _ = _slopes(points[n, i], points[n, j], points[n, k], x, y)
            for c in range(values.shape[2]):
                out[p, c] = (
                    u * values[n, i, c] + v * values[n, j, c] + (1 - u - v) * values[n, k, c]
                )
    return out


@numba.njit(cache=True, parallel=True, fastmath=True)
def _mix_back(
    points: Floats, values: Floats, faces: Ints, starts: Ints, pixel: Ints, triangle: Ints,
    size: int, grad: Floats,
) -> tuple[Floats, Floats]:  # fmt: skip
    """A place p = sum of k_i q_i stays where it is when corners move, and the weights sum to 1, so
    dk_i = -k_j (slope of k_i) . dq_j: all corners share one slope of the loss over the place."""
    to_points, to_values = np.zeros_like(points), np.zeros_like(values)
    for n in numba.prange(len(points)):
        for p in range(starts[n], starts[n + 1]):
            i, j, k = faces[triangle[p]]
            x, y = pixel[p] % size, pixel[p] // size
            u, v, ux, uy, vx, vy = _slopes(points[n, i], points[n, j], points[n, k], x, y)
            w = 1 - u - v
            gu, gv = 0.0, 0.0
            for c in range(values.shape[2]):
                g = grad[p, c]
                gu += g * (values[n, i, c] - values[n, k, c])
                gv += g * (values[n, j, c] - values[n, k, c])
                to_values[n, i, c] += u * g
                to_values[n, j, c] += v * g
                to_values[n, k, c] += w * g
            sx, sy = gu * ux + gv * vx, gu * uy + gv * vy
            for corner, share in ((i, u), (j, v), (k, w)):
                to_points[n, corner, 0] -= share * sx
                to_points[n, corner, 1] -= share * sy
    return to_points, to_values


def sample(pictures: Tensor, uv: Tensor, hits: Hits) -> Tensor:
    """Pictures (b, c, s, s) at uv (n, 2) in [0, 1], bilinear, the edge repeated -> (n, c)."""
    if pictures.is_cuda:
        return raster_torch.sample(pictures, uv, hits.batch)
    return _Sample.apply(pictures, uv, hits)  # type: ignore[no-any-return]


class _Sample(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pictures: Tensor, uv: Tensor, hits: Hits) -> Tensor:
        held = np.ascontiguousarray(pictures.detach().permute(0, 2, 3, 1).numpy())
        ctx.held = held, np.ascontiguousarray(uv.detach().numpy()), hits.starts.numpy()
        return torch.from_numpy(_bilinear(*ctx.held))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad = np.ascontiguousarray(grads[0].numpy())
        to_pictures, to_uv = _bilinear_back(*ctx.held, grad)  # type: ignore[call-arg]
        return torch.from_numpy(to_pictures).permute(0, 3, 1, 2), torch.from_numpy(to_uv), None


@numba.njit(cache=True, inline="always")
def _cell(t: float, side: int) -> tuple[int, float, float]:
    """The left texel, the share of the right one, and how fast it changes with t."""
    at = t * side - 0.5
    low = min(max(int(np.floor(at)), 0), side - 2)
    share = at - low
    if share < 0.0:
        return low, 0.0, 0.0
    if share > 1.0:
        return low, 1.0, 0.0
    return low, share, float(side)


@numba.njit(cache=True, parallel=True, fastmath=True)
def _bilinear(pictures: Floats, uv: Floats, starts: Ints) -> Floats:
    out = np.empty((len(uv), pictures.shape[3]), np.float32)
    for n in numba.prange(len(pictures)):
        a = pictures[n]
        for p in range(starts[n], starts[n + 1]):
            x, s, _ = _cell(uv[p, 0], a.shape[1])
            y, t, _ = _cell(uv[p, 1], a.shape[0])
            for c in range(a.shape[2]):
                top = a[y, x, c] + s * (a[y, x + 1, c] - a[y, x, c])
                low = a[y + 1, x, c] + s * (a[y + 1, x + 1, c] - a[y + 1, x, c])
                out[p, c] = top + t * (low - top)
    return out


@numba.njit(cache=True, parallel=True, fastmath=True)
def _bilinear_back(
    pictures: Floats, uv: Floats, starts: Ints, grad: Floats
) -> tuple[Floats, Floats]:
    to_pictures, to_uv = np.zeros_like(pictures), np.zeros_like(uv)
    for n in numba.prange(len(pictures)):
        a, d = pictures[n], to_pictures[n]
        for p in range(starts[n], starts[n + 1]):
            x, s, fast_x = _cell(uv[p, 0], a.shape[1])
            y, t, fast_y = _cell(uv[p, 1], a.shape[0])
            for c in range(a.shape[2]):
                g = grad[p, c]
                d[y, x, c] += g * (1 - s) * (1 - t)
                d[y, x + 1, c] += g * s * (1 - t)
                d[y + 1, x, c] += g * (1 - s) * t
                d[y + 1, x + 1, c] += g * s * t
                across = (1 - t) * (a[y, x + 1, c] - a[y, x, c])
                across += t * (a[y + 1, x + 1, c] - a[y + 1, x, c])
                down = (1 - s) * (a[y + 1, x, c] - a[y, x, c])
                down += s * (a[y + 1, x + 1, c] - a[y, x + 1, c])
                to_uv[p, 0] += g * across * fast_x
                to_uv[p, 1] += g * down * fast_y
    return to_pictures, to_uv
