"""SphereFace-R (TPAMI 2022): three margins, three ways of normalising, detached or not."""

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from .angles import detached, eta_divided, psi, psi_clipped
from .head import Margin, of_target, with_target

Version = Literal["v0", "v1", "v2"]
Norm = Literal["NFN", "HFN", "SFN"]


def margined(cos: Tensor, labels: Tensor, version: Version, m: float) -> Tensor:
    """psi for the target, eta for the others: only v2 has an eta that is not the cosine."""
    target = of_target(cos, labels)
    if version == "v2":
        return with_target(eta_divided(cos, m), labels, target)
    return with_target(cos, labels, (psi if version == "v0" else psi_clipped)(target, m))


class SphereFaceR(Margin):
    """SphereFace-R with no, hard or soft feature normalisation (its section on normalisation).

    NFN: |x| (cos + delta), the margin grows by `dm` at each milestone. HFN: s (cos + delta), loss
    lw CE / s, a fixed margin. SFN: as NFN plus t mean ||x| - s|, the absolute value being the
    official code's and the square the paper's. `detach`: characteristic gradient detachment.
    """

    def __init__(
        self, dim: int, classes: int, version: Version = "v2", norm: Norm = "HFN",
        m: float | None = None, s: float = 30.0, lw: float | None = None, t: float = 0.01,
        detach: bool = True, milestones: tuple[int, ...] = (), dm: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__(dim, classes)
        self.version, self.norm, self.detach = version, norm, detach
        self.first = m if m is not None else 1.5 if norm == "HFN" else 1.0
        self.s, self.t, self.milestones, self.dm = s, t, milestones, dm
        self.lw = lw if lw is not None else 1.0 if norm == "NFN" else 50.0
        self.m = self.first

    def begin(self, step: int) -> None:
        super().begin(step)
        self.m = self.first + self.dm * sum(step >= k for k in self.milestones)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        length = features.norm(dim=1)
        cos = self.logits(features, labels)
        if self.norm == "HFN":
            return self.lw / self.s * F.cross_entropy(self.s * cos, labels)
        value = F.cross_entropy(length[:, None] * cos, labels)
        if self.norm == "NFN":
            return self.lw * value
        return self.lw / self.s * value + self.t * (length - self.s).abs().mean()

    def logits(self, features: Tensor, labels: Tensor) -> Tensor:
        """(b, classes) cosines with the margin, before they are scaled."""
        cos = self.cosines(features)
        with_margin = margined(cos, labels, self.version, self.m)
        return detached(cos, with_margin) if self.detach else with_margin
