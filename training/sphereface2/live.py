"""A live teacher: dlib's net looks at the very picture that the student learns from.

What a teacher says of stored crops can be learnt by heart; of pictures that are made as they are
needed, blends and bent faces of two people among them, only the function itself can be learnt
(Beyer et al., Knowledge distillation: a good teacher is patient and consistent, CVPR 2022).
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.types import Floats

from . import dlib_net
from .teacher import NET

CENTRE = 0.3  # of the mean is taken away: dlib's vectors all lie on one side of the sphere. All of
# it would cost dlib itself 11 points of TAR at FMR 1e-3 on training people, this half a point


class Targets:
    """A teacher's embeddings (n, d) of the stored crops as what the student is to say: `stored`
    (n, d), of unit length, NaN where none was made."""

    def __init__(self, embedding: Floats) -> None:
        unit = F.normalize(torch.from_numpy(embedding), dim=1)
        self.mean = unit[~unit[:, 0].isnan()].mean(0)
        self.stored = self.of(unit)

    def of(self, embedding: Tensor) -> Tensor:
        """The same of others (b, d), on any device."""
        away = F.normalize(embedding, dim=1) - CENTRE * self.mean.to(embedding.device)
        return F.normalize(away, dim=1)


class LiveTeacher:
    """Crops as the student sees them, before it moves them -> what it is to say."""

    def __init__(self, folder: Path, targets: Targets, device: torch.device) -> None:
        self.targets = targets
        self.net = dlib_net.kept(folder / NET).to(device)
        self.net.requires_grad_(False)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = device

    @torch.no_grad()
    def says(self, crops: Tensor, chips: Tensor) -> Tensor:
        """Crops (b, 3, s, s) in [-1, 1] and their chips' transforms (b, 2, 3) -> (b, 128)."""
        x = (cut(crops, chips) + 1) * 127.5
        x = x.clamp(0, 255).contiguous(memory_format=torch.channels_last)
        half = self.device.type == "cuda"  # the largest number inside is about 20
        with torch.autocast(self.device.type, torch.float16, enabled=half):
            made: Tensor = self.net(x)
        return self.targets.of(made.float())


def mirrored(chips: Tensor, which: Tensor, side: int) -> Tensor:
    """The transforms (b, 2, 3) of crops of which those of `which` (b,) were mirrored."""
    a, b = chips[:, 0], chips[:, 1]
    # crop x -> side - 1 - x, and the chip mirrored too: x -> SIDE - 1 - x
    last = dlib_net.SIDE - 1
    x = torch.stack([a[:, 0], -a[:, 1], side - 1 - a[:, 2] - last * a[:, 0]], 1)
    y = torch.stack([-b[:, 0], b[:, 1], b[:, 2] + last * b[:, 0]], 1)
    return torch.where(which[:, None, None], torch.stack([x, y], 1), chips)


def cut(crops: Tensor, chips: Tensor) -> Tensor:
    """dlib's chips (b, 3, 150, 150) of crops in [-1, 1]; black where a chip leaves its crop."""
    side = crops.shape[-1]
    line = torch.arange(dlib_net.SIDE, dtype=torch.float32, device=crops.device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], -1)  # (150, 150, 3)
    at = torch.einsum("hwk,bjk->bhwj", places, chips)
    grid = (2 * at + 1) / side - 1
    return F.grid_sample(crops + 1, grid, "bicubic", "zeros", align_corners=False) - 1
