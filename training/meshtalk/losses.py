"""The losses of the first step: reconstruction, cross-modality, lids, lips; all over vertices.

Each is a mean square over a region's vertices, as in the paper, divided by that of the data
itself (the share of the motion not explained), so that regions count alike.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.head import Head
from engine.types import Floats

from .data import Batch
from .net import MeshTalk
from .space import Space, eyelid_mask, mask_root, opening_root


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each loss counts. The first three are the paper's, 1.0 each."""

    reconstruction: float = 1.0
    cross_modality: float = 1.0
    eyelids: float = 1.0
    lips: float = 2.0  # the lips' opening, for closures; not in the paper
    phones: float = 0.2  # phones heard by the audio encoder; not in the paper


class Regions(torch.nn.Module):
    """The square roots of the quadratic forms, by region."""

    def __init__(self, head: Head, space: Space) -> None:
        super().__init__()
        everything = np.ones(len(head.neutral), np.float32)
        forms = {
            "all": mask_root(space, everything),
            "mouth": mask_root(space, head.masks["mouth"]),
            "upper": mask_root(space, head.masks["upper"]),
            "eyelids": mask_root(space, eyelid_mask(head)),
            "lips": opening_root(head, space),
        }
        for name, root in forms.items():
            self.register_buffer(name, torch.from_numpy(_normalised(root)))

    def error(self, region: str, made: Tensor, wanted: Tensor) -> Tensor:
        """The share of the region's motion that is not explained."""
        return ((made - wanted) @ getattr(self, region)).square().sum(-1).mean()


def _normalised(root: Floats) -> Floats:
    """Scaled so that unit-variance coordinates (the data's) have a mean square of 1."""
    return root / np.sqrt(np.square(root).sum())


def first_step(
    net: MeshTalk, regions: Regions, batch: Batch, ends: Tensor, shift: int, weights: Weights
) -> dict[str, Tensor]:
    """All losses of a batch; `shift` turns the batch round for the other modality's partner."""
    audio = net.hear(batch.mel, ends)
    expression = net.expression(batch.motion, batch.template)
    own = net.decode(net.fusion(audio, expression), batch.template, True)
    other = expression.roll(shift, 0)
    by_audio = net.decode(net.fusion(audio, other), batch.template, True)
    other = audio.roll(shift, 0)
    by_expression = net.decode(net.fusion(other, expression), batch.template, True)
    x = batch.motion
    heard = torch.nn.functional.cross_entropy(
        net.phones(audio).flatten(0, 1), batch.phone.flatten()
    )
    parts = {
        "reconstruction": regions.error("all", own, x),
        "cross_modality": regions.error("upper", by_expression, x)
        + regions.error("mouth", by_audio, x),
        "eyelids": regions.error("eyelids", own, x) + regions.error("eyelids", by_expression, x),
        "lips": regions.error("lips", own, x) + regions.error("lips", by_audio, x),
        "phones": heard,
    }
    total = sum(getattr(weights, name) * value for name, value in parts.items())
    return {"total": torch.as_tensor(total), **parts}
