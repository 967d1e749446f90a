"""SphereFace2 (ICLR 2022): one binary classifier a class, no normaliser over classes."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .angles import detached, psi_added, psi_clipped
from .head import Margin

Kind = Literal["C", "A", "M"]
Gradient = Literal["official", "paper"]
MARGINS: dict[Kind, float] = {"C": 0.4, "A": 0.5, "M": 1.7}  # the authors', on VGGFace2


def adjusted(z: Tensor, t: float) -> Tensor:
    """g(z) = 2 ((z + 1) / 2)^t - 1: similarity adjustment, over all of [-1, 1]."""
    return 2 * ((z.clamp(-1, 1) + 1) / 2) ** t - 1


def bias_at_start(kind: Kind, classes: int, lam: float, r: float, m: float, t: float) -> float:
    """The b at which, at cosine 0 for all, the positive gradient equals that of all negatives.

    lam sigma(-(a_y + b)) = (1 - lam)(C - 1) sigma(a_i + b), solved for b.
    """
    zero = 2 * 0.5**t - 1
    shifted = {
        "C": zero - m,
        "A": 2 * ((math.cos(min(math.pi, math.pi / 2 + m)) + 1) / 2) ** t - 1,
        "M": 2 * ((math.cos(min(math.pi, m * math.pi / 2)) + 1) / 2) ** t - 1,
    }[kind]
    a_y, a_i = r * shifted, r * (zero + (m if kind == "C" else 0))
    z = lam / ((1 - lam) * (classes - 1))
    root = math.sqrt((1 - z) ** 2 + 4 * z * math.exp(a_y - a_i))
    if z <= 1:
        return math.log(2 * z) - a_i - math.log(1 - z + root)
    return math.log((root + z - 1) / 2) - a_y  # the same, where 1 - z + root would cancel


class SphereFace2(Margin):
    """L = lw/r mean_b [lam softplus(-(r a_y + b)) + (1 - lam) sum_i softplus(r a_i + b)].

    Type C: a_y = g(cos) - m, a_i = g(cos) + m. Type A: a_y = g(cos(min(pi, theta + m))); type M:
    a_y = g(cos(min(pi, m theta))); for both a_i = g(cos). `gradient`: "official" sees r cos + b
    behind all of it, as the released code does; "paper" goes through g, with only A's and M's
    angular margin detached. `lw` is the released code's factor on the loss; 1 is the written loss.
    `bias`: b at the start, None for the balanced one.
    """

    def __init__(
        self, dim: int, classes: int, kind: Kind = "C", m: float | None = None, lam: float = 0.7,
        r: float = 40.0, t: float = 3.0, lw: float = 10.0, bias: float | None = None,
        gradient: Gradient = "official",
    ) -> None:  # fmt: skip
        super().__init__(dim, classes)
        self.kind, self.m = kind, MARGINS[kind] if m is None else m
        self.lam, self.r, self.t, self.lw, self.gradient = lam, r, t, lw, gradient
        start = bias_at_start(kind, classes, lam, r, self.m, t) if bias is None else bias
        self.bias = nn.Parameter(torch.tensor(float(start)))

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        cos = self.cosines(features)
        mine = F.one_hot(labels, cos.shape[1]).bool()
        return self.lw / self.r * self.binary(cos, mine, self.bias).sum(1).mean()

    def binary(self, cos: Tensor, mine: Tensor, bias: Tensor) -> Tensor:
        """(b, c) weighted losses of the single classifiers; `mine` (b, c) marks the positives."""
        raised = self.margined(cos, mine)
        logits = self.r * (detached(cos, raised) if self.gradient == "official" else raised) + bias
        return torch.where(
            mine, self.lam * F.softplus(-logits), (1 - self.lam) * F.softplus(logits)
        )

    def margined(self, cos: Tensor, mine: Tensor) -> Tensor:
        """g with the margin of this type."""
        if self.kind == "C":
            return adjusted(cos, self.t) + torch.where(mine, -self.m, self.m)
        angular = psi_added if self.kind == "A" else psi_clipped
        return adjusted(torch.where(mine, detached(cos, angular(cos, self.m)), cos), self.t)
