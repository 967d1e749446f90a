"""Net, margin head, range loss and teacher as one module: pictures in, losses out."""

from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import ConfigError, EngineError
from training import margins

from . import net as nets
from .net import Sizes


@dataclass(frozen=True, slots=True)
class Options:
    """What a loss may be told; None leaves its own default (see training/margins)."""

    m: float | None = None
    s: float | None = None
    kind: str | None = None  # of sphereface2: C, A, M
    lam: float | None = None
    r: float | None = None
    t: float | None = None
    lw: float | None = None
    bias: float | None = None
    gradient: str | None = None
    version: str | None = None  # of sphereface-r: v0, v1, v2
    norm: str | None = None
    detach: bool | None = None
    milestones: tuple[int, ...] | None = None
    dm: float | None = None
    annealing: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class RangeConfig:
    """Range loss beside the head; both weights 0 leave it out. The paper: 5e-5 and 1e-4."""

    intra: float = 0.0
    inter: float = 0.0
    margin: float = 2e4
    k: int = 2


@dataclass(frozen=True, slots=True)
class LossConfig:
    options: Options = field(default_factory=Options)
    range: RangeConfig = field(default_factory=RangeConfig)
    teach: float = 0.0  # weight of the distance to the teacher's embedding


class Diverged(EngineError):
    """The loss is not finite any more."""


class Learner(nn.Module):
    """All that is trained. forward(pixels (b, 3, s, s), labels (b,), teacher (b, d) or None)."""

    def __init__(self, name: str, config: LossConfig, sizes: Sizes, classes: int) -> None:
        super().__init__()
        self.net = nets.build(sizes)
        told = {k: v for k, v in asdict(config.options).items() if v is not None}
        self.head = margins.build(name, sizes.dim, classes, **told)
        r = config.range
        self.range = margins.RangeLoss(r.intra, r.inter, r.margin, r.k)
        self.config = config

    def forward(
        self, pixels: Tensor, labels: Tensor, teacher: Tensor | None = None
    ) -> dict[str, Tensor]:
        features = self.net(pixels).float()
        parts = {"margin": self.head(features, labels)}
        if self.config.range.intra or self.config.range.inter:
            parts["range"] = self.range(features, labels)
        if self.config.teach and teacher is not None:
            parts["teacher"] = self.config.teach * distance(features, teacher)
        total = torch.stack(list(parts.values())).sum()
        with torch.no_grad():
            right = (self.head.cosines(features).argmax(1) == labels).float().mean()
        return {"total": total, **{k: v.detach() for k, v in parts.items()}, "right": right}


def distance(features: Tensor, teacher: Tensor) -> Tensor:
    """Mean 1 - cosine to the teacher, over pictures that it has seen."""
    if features.shape[1] != teacher.shape[1]:
        raise ConfigError(
            f"the teacher's embeddings have {teacher.shape[1]} numbers: set sizes.dim to that"
        )
    seen = ~torch.isnan(teacher[:, 0])
    away = 1 - F.cosine_similarity(features, teacher.nan_to_num(), dim=1)
    return (away * seen).sum() / seen.sum().clamp(min=1)
