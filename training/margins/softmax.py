"""Softmax and its margins: L-Softmax, SphereFace, CosFace, ArcFace."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .angles import detached, psi, psi_added
from .head import Annealing, Margin, of_target, with_target


class Softmax(Margin):
    """Plain softmax cross-entropy with a bias: the baseline of every paper."""

    SPHERE = False

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__(dim, classes)
        self.bias = nn.Parameter(torch.zeros(classes))

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(features @ self.weight.T + self.bias, labels)


class LSoftmax(Margin):
    """Large-margin softmax (ICML 2016): target |W||x| psi(theta), eq. 4 to 6, annealed.

    Class weights keep their norms and there is no bias.
    """

    SPHERE = False

    def __init__(
        self, dim: int, classes: int, m: float = 2.0, annealing: Annealing | None = None
    ) -> None:
        super().__init__(dim, classes)
        self.m, self.annealing = m, annealing or Annealing(1000, 2.5e-5, 35, 0)
        self._left = self.annealing.at(0)

    def begin(self, step: int) -> None:
        super().begin(step)
        self._left = self.annealing.at(step)

    def lengths(self, features: Tensor) -> Tensor:
        """(b, classes): what the cosines are multiplied by."""
        return features.norm(dim=1)[:, None] * self.weight.norm(dim=1)[None]

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        cos, lengths = self.cosines(features), self.lengths(features)
        return F.cross_entropy(lengths * self.margined(cos, labels), labels)

    def margined(self, cos: Tensor, labels: Tensor) -> Tensor:
        """Cosines with (lambda cos + psi) / (1 + lambda) for the target."""
        target = of_target(cos, labels)
        mixed = (self._left * target + psi(target, self.m)) / (1 + self._left)
        return with_target(cos, labels, mixed)


class SphereFace(LSoftmax):
    """A-Softmax (CVPR 2017), eq. 7: unit class weights, logits |x| psi(theta), annealed.

    The gradient is exact; the released layer divides it by its own norm.
    """

    SPHERE = True

    def __init__(
        self, dim: int, classes: int, m: float = 4.0, annealing: Annealing | None = None
    ) -> None:
        super().__init__(dim, classes, m, annealing or Annealing())

    def lengths(self, features: Tensor) -> Tensor:
        return features.norm(dim=1)[:, None]


class CosFace(Margin):
    """Reference: CosFace (CVPR 2018), eq. 4: s (cos theta - m) for the target. m = 0: NormFace."""

    def __init__(self, dim: int, classes: int, s: float = 30.0, m: float = 0.35) -> None:
        super().__init__(dim, classes)
        self.s, self.m = s, m

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        cos = self.cosines(features)
        return F.cross_entropy(self.s * with_target(cos, labels, self.psi(cos, labels)), labels)

    def psi(self, cos: Tensor, labels: Tensor) -> Tensor:
        return of_target(cos, labels) - self.m


class ArcFace(CosFace):
    """Reference: ArcFace (CVPR 2019), eq. 3: s cos(theta + m), held at theta + m = pi.

    The margin's slope is detached as in the reference heads beside SphereFace-R's.
    """

    def __init__(self, dim: int, classes: int, s: float = 30.0, m: float = 0.5) -> None:
        super().__init__(dim, classes, s, m)

    def psi(self, cos: Tensor, labels: Tensor) -> Tensor:
        target = of_target(cos, labels)
        return detached(target, psi_added(target, self.m))
