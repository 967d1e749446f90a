"""What happens to a crop before the net sees it: flip, shifts, light, blur, a hidden patch."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Augment:
    """Chances and sizes. The papers flip only; the rest helps where pictures are few."""

    flip: float = 0.5  # chance
    shift: float = 0.03  # of the side, each way
    zoom: float = 0.05  # each way
    turn: float = 0.08  # radians
    light: float = 0.2  # contrast and brightness
    grey: float = 0.1  # chance
    blur: float = 0.15  # chance of having been a quarter as large
    hide: float = 0.2  # chance of a patch of up to a third of the side


def augment(x: Tensor, how: Augment, rng: np.random.Generator) -> Tensor:
    """Pictures (b, 3, s, s) in [-1, 1] -> the same, changed; all chance comes from `rng`."""
    x = _moved(x, how, rng)
    n, device = len(x), x.device

    def draw(low: float, high: float) -> Tensor:
        values = rng.uniform(low, high, n).astype(np.float32)
        return torch.from_numpy(values).to(device)[:, None, None, None]

    x = x * (1 + draw(-how.light, how.light)) + draw(-how.light, how.light)
    x = torch.where(draw(0, 1) < how.grey, x.mean(1, keepdim=True).expand_as(x), x)
    small = F.avg_pool2d(x, 4) if how.blur else x
    x = torch.where(draw(0, 1) < how.blur, F.interpolate(small, x.shape[-2:], mode="bilinear"), x)
    return _hidden(x, how.hide, rng).clamp(-1, 1)


def _moved(x: Tensor, how: Augment, rng: np.random.Generator) -> Tensor:
    n = len(x)
    turn, zoom = rng.uniform(-how.turn, how.turn, n), 1 + rng.uniform(-how.zoom, how.zoom, n)
    sign = np.where(rng.random(n) < how.flip, -1.0, 1.0)
    shift = 2 * rng.uniform(-how.shift, how.shift, (n, 2))
    cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
    rows = [[sign * cos, -sin, shift[:, 0]], [sign * sin, cos, shift[:, 1]]]
    theta = torch.from_numpy(np.array(rows).transpose(2, 0, 1).astype(np.float32)).to(x.device)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _hidden(x: Tensor, chance: float, rng: np.random.Generator) -> Tensor:
    side = x.shape[-1]
    x = x.clone()
    for k in np.flatnonzero(rng.random(len(x)) < chance):
        size = int(rng.integers(side // 8, side // 3))
        top, left = rng.integers(0, side - size, 2)
        x[k, :, top : top + size, left : left + size] = float(rng.uniform(-1, 1))
    return x
