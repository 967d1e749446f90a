"""Batches made where the net is: all voices and faces lie on its device, and what is drawn of them
is cut, levelled and varied there. Small nets would else wait for their batches.

Everything random comes from torch's own generators, which the training loop seeds at every step.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engine.types import Bytes, Floats
from engine.voices.level import SPREAD
from training.voices.store import Voices

from .net import to_input

GREY = (0.299, 0.587, 0.114)


class Sounds:
    """Recordings (frames in which somebody speaks) on a device."""

    def __init__(self, voices: Voices, device: torch.device) -> None:
        self.frames = torch.from_numpy(np.array(voices.frames)).to(device)
        start = torch.from_numpy(voices.start).to(device)
        self.begin, self.length = start[:-1], start[1:] - start[:-1]

    def crops(self, rows: Tensor, count: int) -> Tensor:
        """(b, count, 64) of each recording from anywhere; one that is shorter is repeated."""
        room = (self.length[rows] - count + 1).clamp_min(1)
        first = (torch.rand(len(rows), device=rows.device) * room).long()
        steps = torch.arange(count, device=rows.device)
        inside = (first[:, None] + steps) % self.length[rows][:, None]
        return self.frames[self.begin[rows][:, None] + inside].float()


def level(mel: Tensor) -> Tensor:
    """As engine.voices.level.levelled."""
    return (mel - mel.mean(1, keepdim=True)) / SPREAD


def mixed(mel: Tensor, others: Tensor, which: Tensor) -> Tensor:
    """Levelled voices (b, t, 64), those of `which` (b,) with another one just as loud: their powers
    add."""
    both = torch.logaddexp(SPREAD * mel, SPREAD * others) / SPREAD
    both = both - both.mean(1, keepdim=True)
    return torch.where(which[:, None, None], both, mel)


def masked(mel: Tensor, chance: float = 0.5) -> Tensor:
    """Levelled voices (b, t, 64), about half of them with some bands silent (SpecAugment)."""
    count, bands = len(mel), mel.shape[2]
    draw = torch.rand(3, count, 1, device=mel.device)
    width = 4 + 8 * draw[0]
    low = draw[1] * (bands - width)
    band = torch.arange(bands, device=mel.device)
    gone = (band >= low) & (band < low + width) & (draw[2] < chance)
    return mel.masked_fill(gone[:, None], 0.0)


@dataclass(frozen=True, slots=True)
class Variation:
    """How much a picture is varied, each by a draw of its own."""

    shift: float = 0.04  # of the side, either way
    turn: float = 0.0  # degrees
    zoom: float = 0.0  # share
    light: float = 0.2  # brightness and contrast, share
    colour: float = 0.0  # of each channel, and how grey it becomes
    blur: float = 0.0  # share of pictures that are seen at half the size or less
    noise: float = 0.0  # of the sensor, of 1
    hidden: float = 0.0  # share of pictures with a box over a part of them


def varied(pixels: Tensor, how: Variation) -> Tensor:
    """Pictures (b, 3, s, s) in [-1, 1], half of them mirrored, and varied; not templates (b, d)."""
    if pixels.ndim == 2:
        return pixels
    made = _moved(pixels, how)
    made = _lit(made, how)
    if how.blur:
        made = _some(made, F.interpolate(_small(made), size=made.shape[2:], mode="bilinear"),
                     how.blur)  # fmt: skip
    if how.noise:
        loud = how.noise * torch.rand(len(made), 1, 1, 1, device=made.device)
        made = made + loud * torch.randn_like(made)
    made = _hidden(made, how.hidden) if how.hidden else made
    return made.clamp(-1, 1)


def _some(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Pictures of the other kind, as often as `share`."""
    return torch.where(torch.rand(len(one), 1, 1, 1, device=one.device) < share, other, one)


def _small(pixels: Tensor) -> Tensor:
    side = int(torch.randint(pixels.shape[2] // 3, pixels.shape[2] // 2 + 1, (1,)))
    return F.interpolate(pixels, size=(side, side), mode="area")


def _between(count: int, reach: float, like: Tensor) -> Tensor:
    return (2 * torch.rand(count, device=like.device) - 1) * reach


def _moved(pixels: Tensor, how: Variation) -> Tensor:
    count = len(pixels)
    mirror = torch.where(torch.rand(count, device=pixels.device) < 0.5, -1.0, 1.0)
    if not (how.shift or how.turn or how.zoom):
        return torch.where(mirror[:, None, None, None] < 0, pixels.flip(3), pixels)
    angle = _between(count, np.radians(how.turn), pixels)
    scale = torch.exp(_between(count, how.zoom, pixels))
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    x, y = (_between(count, 2 * how.shift, pixels) for _ in range(2))
    there = torch.stack([mirror * cos, -sin, x, mirror * sin, cos, y], 1).view(-1, 2, 3)
    grid = F.affine_grid(there, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _lit(pixels: Tensor, how: Variation) -> Tensor:
    count = len(pixels)
    gain = (1 + _between(count, how.light, pixels)).view(-1, 1, 1, 1)
    pixels = (pixels + 1) * gain - 1  # black stays black
    if not how.colour:
        return pixels
    contrast = (1 + _between(count, how.light, pixels)).view(-1, 1, 1, 1)
    middle = pixels.mean((1, 2, 3), keepdim=True)
    pixels = middle + contrast * (pixels - middle)
    tint = 1 + _between(3 * count, how.colour, pixels).view(-1, 3, 1, 1)
    pixels = (pixels + 1) * tint - 1
    weights = torch.tensor(GREY, device=pixels.device).view(1, 3, 1, 1)
    grey = (pixels * weights).sum(1, keepdim=True)
    share = torch.rand(count, 1, 1, 1, device=pixels.device) ** 3  # seldom without any colour
    return pixels + share * (grey - pixels)


def _hidden(pixels: Tensor, chance: float) -> Tensor:
    """A grey box of up to a third of each side over some."""
    count, side = len(pixels), pixels.shape[2]
    place = torch.arange(side, device=pixels.device)
    inside = []
    for _ in range(2):
        long = side * (0.1 + 0.25 * torch.rand(count, 1, device=pixels.device))
        low = torch.rand(count, 1, device=pixels.device) * (side - long)
        inside.append((place >= low) & (place < low + long))
    box = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    box = box & (torch.rand(count, 1, 1, 1, device=pixels.device) < chance)
    return pixels.masked_fill(box, 0.0)


class Pictures:
    """Faces on a device, or templates of them."""

    def __init__(self, shown: Bytes | Floats, device: torch.device) -> None:
        self.shown = torch.from_numpy(np.ascontiguousarray(shown)).to(device)

    def of(self, rows: Tensor) -> Tensor:
        """(b, 3, s, s) in [-1, 1], or (b, d)."""
        return to_input(self.shown[rows])


def on(rows: NDArray[Any], device: torch.device) -> Tensor:
    """Row numbers or labels, there."""
    return torch.from_numpy(np.ascontiguousarray(rows)).to(device)
