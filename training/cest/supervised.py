"""A supervised warm start from the renders' parameters: a row of its own, not the paper's way."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .data import STILL, Batch, Batches, Clip, Faces, Mix
from .net import Cest
from .shape import rodrigues

PICTURES = 16


@dataclass(frozen=True, slots=True)
class Truth:
    """Renders with what they hold."""

    batch: Batch
    rotation: Tensor  # (b, 3, 3)
    identity: Tensor  # (b, modes of the head)
    expression: Tensor  # (b, 52)

    def to(self, device: torch.device) -> "Truth":
        return Truth(*(getattr(self, name).to(device) for name in self.__slots__))


def draw(faces: Faces, size: int, rng: np.random.Generator) -> Truth:
    """Random frames of random renders, none of them moved."""
    batches = Batches(faces, size, Mix(0, 1, 2, 0), STILL)
    chosen = [faces.renders[k] for k in rng.integers(len(faces.renders), size=PICTURES)]
    frames = [int(rng.integers(len(c.pixels))) for c in chosen]
    return truth(batches, list(zip(chosen, frames, strict=True)))


def truth(batches: Batches, chosen: list[tuple[Clip, int]]) -> Truth:
    """These frames with what is known of them."""
    groups = [(clip, np.array([k])) for clip, k in chosen]
    batch = batches.assemble(groups, np.random.default_rng(0))

    def known(name: str) -> Tensor:
        return torch.from_numpy(np.array([c.known[name][k] for c, k in chosen], np.float32))

    identity = torch.from_numpy(np.array([c.known["identity"] for c, _ in chosen], np.float32))
    return Truth(batch, known("rotation"), identity, known("expression"))


def loss(net: Cest, truth: Truth) -> dict[str, Tensor]:
    """Rotation, identity and expression against the truth; scale and place by landmarks."""
    found = net.geometry(truth.batch.pictures)
    turned = (rodrigues(found.view[:, 1:4]) - truth.rotation).abs().mean()
    modes = found.identity.shape[1]
    identity = (found.identity - truth.identity[:, :modes]).abs().mean()
    expression = (found.raw - truth.expression).abs().mean()
    made = net.model.landmarks(found.placed, 468)[..., :2]
    marks = (made - truth.batch.landmarks).abs().sum(-1).mean()
    total = 5 * marks + turned + 0.1 * identity + expression
    return {"total": total, "landmarks": marks, "rotation": turned}


def angle(first: Tensor, second: Tensor) -> Tensor:
    """Degrees (b,) between rotations (b, 3, 3)."""
    both = torch.einsum("bij,bij->b", first, second)
    return torch.rad2deg(torch.arccos(((both - 1) / 2).clamp(-1, 1)))
