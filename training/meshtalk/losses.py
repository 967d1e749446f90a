"""The losses of the first step: reconstruction, cross-modality, lids, lips; all over vertices.

Each is a mean square over a region's vertices, as in the paper, divided by that of the data
itself (the share of the motion not explained), so that regions count alike. A frame's error
counts as far as its motion is to be believed: the mouth's by `Batch.mouth`, the rest's by
`Batch.upper` (both 1 in the generator's clips).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.head import Head
from engine.types import Floats

from .baselines import Regression
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
        mouth = head.masks["mouth"]
        forms = {
            "mouth": mask_root(space, mouth),
            "upper": mask_root(space, head.masks["upper"]),
            "eyelids": mask_root(space, eyelid_mask(head)),
            "lips": opening_root(head, space),
        }
        forms = {name: _normalised(root) for name, root in forms.items()}
        forms |= _halves(space, mouth)
        for name, root in forms.items():
            self.register_buffer(name, torch.from_numpy(root))

    def error(
        self, region: str, made: Tensor, wanted: Tensor, trust: Tensor | None = None
    ) -> Tensor:
        """The share of the region's motion (b, t, k) that is not explained; `trust` (b, t)."""
        with torch.autocast(made.device.type, enabled=False):
            found = ((made.float() - wanted) @ getattr(self, region)).square().sum(-1)
        return (found if trust is None else found * trust).mean()

    def whole(self, made: Tensor, batch: Batch) -> Tensor:
        """The share of the whole face's motion that is not explained, each half by its trust."""
        return self.error("by_mouth", made, batch.motion, batch.mouth) + self.error(
            "by_rest", made, batch.motion, batch.upper
        )


def _normalised(root: Floats) -> Floats:
    """Scaled so that unit-variance coordinates (the data's) have a mean square of 1."""
    return root / np.sqrt(np.square(root).sum())


def _halves(space: Space, mouth: Floats) -> dict[str, Floats]:
    """The mouth's and the other part of the loss on all vertices: their squares add up to it."""
    parts = {"by_mouth": mouth, "by_rest": 1 - mouth}
    roots = {name: mask_root(space, m) * np.sqrt(m.sum()) for name, m in parts.items()}
    size = np.sqrt(sum(np.square(root).sum() for root in roots.values()))
    return {name: root / size for name, root in roots.items()}


def first_step(
    net: MeshTalk, regions: Regions, batch: Batch, ends: Tensor, shift: int, weights: Weights
) -> dict[str, Tensor]:
    """All losses of a batch; `shift` turns the batch round for the other modality's partner."""
    audio = net.hear(batch.mel, ends)
    expression = net.expression(batch.motion, batch.template)
    own = net.decode(net.fuse(audio, expression), batch.template, True)
    other = expression.roll(shift, 0)
    by_audio = net.decode(net.fuse(audio, other), batch.template, True)
    other = audio.roll(shift, 0)
    by_expression = net.decode(net.fuse(other, expression), batch.template, True)
    x, mouth, upper = batch.motion, batch.mouth, batch.upper
    return totalled(weights, {
        "reconstruction": regions.whole(own, batch),
        "cross_modality": regions.error("upper", by_expression, x, upper)
        + regions.error("mouth", by_audio, x, mouth),
        "eyelids": regions.error("eyelids", own, x, upper)
        + regions.error("eyelids", by_expression, x, upper),
        "lips": regions.error("lips", own, x, mouth) + regions.error("lips", by_audio, x, mouth),
        "phones": heard(net.phones(audio), batch.phone),
    })  # fmt: skip


def regression(
    net: Regression, regions: Regions, batch: Batch, ends: Tensor, weights: Weights
) -> dict[str, Tensor]:
    """The same losses as far as they mean something without an expression's code."""
    audio = net.hear(batch.mel, ends)
    made, x = net.decode(audio, batch.template), batch.motion
    return totalled(weights, {
        "reconstruction": regions.whole(made, batch),
        "cross_modality": regions.error("mouth", made, x, batch.mouth),
        "eyelids": regions.error("eyelids", made, x, batch.upper),
        "lips": 2 * regions.error("lips", made, x, batch.mouth),
        "phones": heard(net.phones(audio), batch.phone),
    })  # fmt: skip


def heard(logits: Tensor, phone: Tensor) -> Tensor:
    """Mean negative log-likelihood of the phones that are known: (b, t, phones), (b, t)."""
    total = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), phone.flatten(), ignore_index=-1, reduction="sum"
    )
    return total / (phone >= 0).sum().clamp(min=1)


def totalled(weights: Weights, parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """The parts and, as `total`, their weighted sum."""
    total = sum(getattr(weights, name) * value for name, value in parts.items())
    return {"total": torch.as_tensor(total), **parts}
