"""What happens to a crop before the net sees it.

`blended` and `lit` make the picture that a live teacher sees as well (see live.py); `moved` is the
student's alone: a face finder errs so. All chance comes from the `rng` that is handed in.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

COARSE = 4  # places a side at which a face is bent and blended
STEEP = 6.0  # how sharply one face goes over into the other, where they are not blended evenly


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
    colour: float = 0.0  # of each channel, each way
    shade: float = 0.0  # light from one side: at the edges, each way
    noise: float = 0.0  # standard deviation, at most
    mix: float = 0.0  # share of the pictures that are blends of two people: a live teacher's only
    bend: float = 0.0  # of the side: how far the parts of a blend's face are moved


def augment(x: Tensor, how: Augment, rng: np.random.Generator) -> Tensor:
    """Pictures (b, 3, s, s) in [-1, 1] -> the same, changed."""
    x, _ = flipped(x, how.flip, rng)
    return moved(lit(x, how, rng), how, rng)


def flipped(x: Tensor, chance: float, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Some are mirrored; which (b,)."""
    which = torch.from_numpy(rng.random(len(x)) < chance).to(x.device)
    return torch.where(which[:, None, None, None], x.flip(-1), x), which


def moved(x: Tensor, how: Augment, rng: np.random.Generator) -> Tensor:
    """Turned, zoomed and shifted."""
    if not (how.shift or how.zoom or how.turn):
        return x
    n = len(x)
    turn, zoom = rng.uniform(-how.turn, how.turn, n), 1 + rng.uniform(-how.zoom, how.zoom, n)
    shift = 2 * rng.uniform(-how.shift, how.shift, (n, 2))
    cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
    rows = np.array([[cos, -sin, shift[:, 0]], [sin, cos, shift[:, 1]]]).transpose(2, 0, 1)
    grid = F.affine_grid(_tensor(rows, x), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def lit(x: Tensor, how: Augment, rng: np.random.Generator) -> Tensor:
    """Light, colour, grey, blur, noise and a hidden patch."""
    n = len(x)

    def draw(low: float, high: float, channels: int = 1) -> Tensor:
        return _tensor(rng.uniform(low, high, (n, channels, 1, 1)), x)

    x = x * (1 + draw(-how.light, how.light)) + draw(-how.light, how.light)
    if how.colour:
        x = x + draw(-how.colour, how.colour, 3)
    if how.shade:
        across = torch.linspace(-1, 1, x.shape[-1], device=x.device)
        side = draw(-how.shade, how.shade) * across + draw(-how.shade, how.shade) * across[:, None]
        x = x + side * (x + 1)
    x = torch.where(draw(0, 1) < how.grey, x.mean(1, keepdim=True).expand_as(x), x)
    small = F.avg_pool2d(x, 4) if how.blur else x
    x = torch.where(draw(0, 1) < how.blur, F.interpolate(small, x.shape[-2:], mode="bilinear"), x)
    if how.noise:
        x = x + draw(0, how.noise) * torch.randn_like(x)
    return _hidden(x, how.hide, rng).clamp(-1, 1)


def blended(
    x: Tensor, chips: Tensor, how: Augment, rng: np.random.Generator
) -> tuple[Tensor, Tensor, int]:
    """The last `how.mix` of the pictures become faces that nobody has: another of the batch is
    blended in, evenly or part by part, and what comes of it is bent.

    -> pictures (b, 3, s, s), their chips' transforms (b, 2, 3), how many are still somebody's.
    """
    n = round(how.mix * len(x))
    own = len(x) - n
    if not n:
        return x, chips, own
    other = torch.from_numpy(rng.integers(0, len(x), n)).to(x.device)
    share = rng.uniform(0.02, 0.98, (n, 1, 1, 1))
    parts = rng.normal(size=(n, 1, COARSE, COARSE)) * STEEP * (rng.random((n, 1, 1, 1)) < 0.5)
    weight = torch.sigmoid(_fine(parts + np.log(share / (1 - share)), x))
    mixed = _bent(weight * x[own:] + (1 - weight) * x[other], how.bend, rng)
    mean = weight.mean((1, 2, 3))[:, None, None]
    transforms = mean * chips[own:] + (1 - mean) * chips[other]
    return torch.cat([x[:own], mixed]), torch.cat([chips[:own], transforms]), own


def _bent(x: Tensor, far: float, rng: np.random.Generator) -> Tensor:
    n = len(x)
    places = rng.normal(size=(n, 2, COARSE, COARSE)) * rng.uniform(0, 2 * far, (n, 1, 1, 1))
    still = torch.eye(2, 3, device=x.device).expand(n, 2, 3)
    grid = F.affine_grid(still, list(x.shape), align_corners=False)
    grid = grid + _fine(places, x).permute(0, 2, 3, 1)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _fine(coarse: np.ndarray, like: Tensor) -> Tensor:
    """(n, c, COARSE, COARSE) -> (n, c, s, s), smoothly."""
    small = _tensor(coarse, like)
    return F.interpolate(small, like.shape[-2:], mode="bicubic", align_corners=True)


def _hidden(x: Tensor, chance: float, rng: np.random.Generator) -> Tensor:
    if not chance:
        return x
    n, side = len(x), x.shape[-1]
    size = np.where(rng.random(n) < chance, rng.integers(side // 8, side // 3, n), 0)
    value = _tensor(rng.uniform(-1, 1, (n, 1, 1, 1)), x)
    pixels = np.arange(side)
    first = rng.integers(0, side - size, (2, n))[:, :, None]
    down, across = (pixels >= first) & (pixels < first + size[:, None])
    patch = torch.from_numpy(down[:, None, :, None] & across[:, None, None, :]).to(x.device)
    return torch.where(patch, value, x)


def _tensor(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(like.device)
