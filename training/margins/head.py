"""What all losses share: class weights, the target's place in the logits, annealing."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .angles import unit


@dataclass(frozen=True, slots=True)
class Annealing:
    """lambda = max(least, base (1 + gamma step)^-power): how much plain cosine is left in psi.

    Defaults are the published SphereFace settings. `least` infinite would be softmax; base 0 and
    least 0 is the margin at once.
    """

    base: float = 1000.0
    gamma: float = 0.12
    power: float = 1.0
    least: float = 5.0

    def at(self, step: int) -> float:
        return max(self.least, self.base * (1 + self.gamma * step) ** -self.power)


class Margin(nn.Module):
    """A loss over features (b, dim) and labels (b,) in [0, classes); it owns the class weights."""

    SPHERE = True  # class weights are kept on the unit sphere

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_normal_(torch.empty(classes, dim)))
        self._onto_sphere()

    @torch.no_grad()
    def _onto_sphere(self) -> None:
        """In place, as the official code does: weight decay then acts on nothing but direction."""
        if self.SPHERE:
            self.weight.copy_(F.normalize(self.weight, dim=1))

    def begin(self, step: int) -> None:
        """Called before step `step`: what depends on time moves here, so that resume is exact."""
        if self.training:
            self._onto_sphere()

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """The batch's mean loss, computed in float32 also under autocast."""
        with torch.autocast(features.device.type, enabled=False):
            return self.loss(features.float(), labels)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        raise NotImplementedError

    def cosines(self, features: Tensor) -> Tensor:
        """(b, classes) in [-1, 1]."""
        return (unit(features) @ F.normalize(self.weight, dim=1).T).clamp(-1, 1)


def with_target(logits: Tensor, labels: Tensor, target: Tensor) -> Tensor:
    """`logits` (b, c) with `target` (b,) in the labels' places."""
    return logits.scatter(1, labels[:, None], target[:, None].to(logits.dtype))


def of_target(logits: Tensor, labels: Tensor) -> Tensor:
    """(b,) what `logits` (b, c) hold in the labels' places."""
    return logits.gather(1, labels[:, None])[:, 0]
