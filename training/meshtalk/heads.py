"""What each latent head moves: how much of the mouth, how much of the upper face.

All heads are sampled at the temperature they were trained for, 1: a blink is a rare event that
every lower one forbids (at 0.6 the face never blinks). The shares tell the engine which heads a
control of liveliness may act on.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from engine.head import Head
from engine.types import Floats

from .data import Motions
from .losses import Regions
from .space import Space
from .steps import Trained, encode


@dataclass(frozen=True, slots=True)
class Influence:
    mouth: Floats  # (heads,) share of the mouth's motion that changes with the head's code
    upper: Floats  # (heads,) the same of the upper face
    free: Floats  # (heads,) in [0, 1]: upper's part in both


@torch.no_grad()
def influence(trained: Trained, motions: Motions, space: Space, head: Head) -> Influence:
    """Decodes with one head's codes taken from another moment, and measures what changes."""
    net, sizes = trained.first, trained.sizes
    _, labels = encode(net, motions, torch.device("cpu"), trained.config.lookahead)
    regions = Regions(head, space)
    frames = len(labels) // 48 * 48
    codes = labels[:frames].view(-1, 48, sizes.heads)[:40]
    template = torch.from_numpy(space.template(space.template_mean)).expand(len(codes), -1)

    def decode(chosen: torch.Tensor) -> torch.Tensor:
        return net.decoder(F.one_hot(chosen, sizes.classes).float().flatten(-2), template)

    whole = decode(codes)
    found = np.zeros((2, sizes.heads), np.float32)
    for h in range(sizes.heads):
        other = codes.clone()
        other[..., h] = codes[..., h].roll(1, 0)
        changed = decode(other)
        for i, region in enumerate(("mouth", "upper")):
            found[i, h] = float(regions.error(region, changed, whole))
    mouth, upper = found / np.maximum(found.sum(1, keepdims=True), 1e-9)
    free = upper / (upper + mouth + 1e-9)
    return Influence(mouth, upper, free)
