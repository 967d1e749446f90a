"""A step's pictures as the student sees them, whose they are, and what a teacher says of them."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from engine.errors import ConfigError

from . import augment
from .live import LiveTeacher, mirrored
from .net import scaled, to_input

if TYPE_CHECKING:
    from .run import Config, Material

NOT_LIVE = "augment.mix makes faces that nobody has: only losses.live and .teach can name them"


class Views:
    """All pictures lie on the device; `ranks`: how many processes share a step, and which this is.
    ConfigError where the settings want a teacher that is not there."""

    def __init__(
        self, config: "Config", material: "Material", device: torch.device, ranks: tuple[int, int]
    ) -> None:
        self.config, self.ranks, self.sampler = config, ranks, material.sampler
        self.pixels = torch.from_numpy(np.ascontiguousarray(material.faces.pixels)).to(device)
        self.labels = torch.from_numpy(material.labels).to(device)
        self.stored: Tensor | None = None
        self.chips: Tensor | None = None
        self.teacher: LiveTeacher | None = None
        if config.augment.mix and not (config.losses.live and config.losses.teach):
            raise ConfigError(NOT_LIVE)
        if config.losses.teach and material.targets is not None:
            self.stored = material.targets.stored.to(device)
            if config.losses.live:
                self._look_on(config, material, device)

    def _look_on(self, config: "Config", material: "Material", device: torch.device) -> None:
        if material.faces.chips is None or material.targets is None:
            raise ConfigError("no chips.npy: training.prepare sphereface2 --teacher")
        self.chips = torch.from_numpy(material.faces.chips).to(device)
        self.teacher = LiveTeacher(Path(config.data.folder), material.targets, device)

    def draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor | None]:
        """Pictures (b, 3, s, s), labels of the first of them (n,), targets (b, d) or None."""
        count, mine = self.ranks
        rows = torch.from_numpy(self.sampler.rows(rng, count)[mine::count]).to(self.pixels.device)
        x, labels = to_input(self.pixels[rows], self.pixels.shape[1]), self.labels[rows]
        if self.teacher is None:
            x = augment.augment(x, self.config.augment, rng)
            said = None if self.stored is None else self.stored[rows]
        else:
            x, said, own = self._said(x, rows, rng)
            labels = labels[:own]
        size = self.config.sizes.size
        x = x if x.shape[-1] == size else scaled(x, size)
        return x.contiguous(memory_format=torch.channels_last), labels, said

    def _said(
        self, x: Tensor, rows: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, int]:
        """The student's pictures, and what the teacher says of the same before they are moved."""
        assert self.teacher is not None and self.chips is not None
        how, chips = self.config.augment, self.chips[rows]
        x, which = augment.flipped(x, how.flip, rng)
        chips = mirrored(chips, which, x.shape[-1])
        x, chips, own = augment.blended(x, chips, how, rng)
        x = augment.lit(x, how, rng)
        return augment.moved(x, how, rng), self.teacher.says(x, chips), own
