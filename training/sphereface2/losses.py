"""Net, margin head, range loss and teacher as one module: pictures in, losses out."""

from copy import deepcopy
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
    margin: float = 1.0  # weight of the head's own loss
    teach: float = 0.0  # weight of the distance to the teacher's embedding
    live: bool = False  # the teacher looks at each picture as it is learnt from


class Diverged(EngineError):
    """The loss is not finite any more."""


class Learner(nn.Module):
    """All that is trained. forward(pixels (b, 3, s, s), labels (n,), teacher (b, d) or None).

    Of the pictures only the first n are somebody's. `average` is the net's running mean, decaying
    by `keep` a step, where there is to be one; None otherwise.
    """

    def __init__(
        self, name: str, config: LossConfig, sizes: Sizes, classes: int, keep: float = 0.0
    ) -> None:
        super().__init__()
        self.net, self.keep = nets.build(sizes), keep
        self.average = deepcopy(self.net).requires_grad_(False) if keep else None
        told = {k: v for k, v in asdict(config.options).items() if v is not None}
        self.head = margins.build(name, sizes.dim, classes, **told)
        r = config.range
        self.range = margins.RangeLoss(r.intra, r.inter, r.margin, r.k)
        self.config = config

    def forward(
        self, pixels: Tensor, labels: Tensor, teacher: Tensor | None = None
    ) -> dict[str, Tensor]:
        seen = self.net(pixels).float()
        features = seen[: len(labels)]
        parts = {"margin": self.config.margin * self.head(features, labels)}
        if self.config.range.intra or self.config.range.inter:
            parts["range"] = self.range(features, labels)
        if self.config.teach and teacher is not None:
            parts["teacher"] = self.config.teach * distance(seen, teacher)
        total = torch.stack(list(parts.values())).sum()
        with torch.no_grad():
            right = (self.head.cosines(features).argmax(1) == labels).float().mean()
        return {"total": total, **{k: v.detach() for k, v in parts.items()}, "right": right}

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """The running mean after `step` steps; it forgets its beginning faster."""
        if self.average is None:
            return
        pairs = zip(self.average.state_dict().values(), self.net.state_dict().values(), strict=True)
        floats = [(a, n) for a, n in pairs if a.is_floating_point()]
        mine, theirs = (list(x) for x in zip(*floats, strict=True))
        torch._foreach_lerp_(mine, theirs, 1 - min(self.keep, (1 + step) / (10 + step)))

    @property
    def learnt(self) -> nn.Module:
        """The net that is used afterwards."""
        return self.net if self.average is None else self.average


def distance(features: Tensor, teacher: Tensor) -> Tensor:
    """Mean 1 - cosine to the teacher, over pictures that it has seen."""
    if features.shape[1] != teacher.shape[1]:
        raise ConfigError(
            f"the teacher's embeddings have {teacher.shape[1]} numbers: set sizes.dim to that"
        )
    seen = ~torch.isnan(teacher[:, 0])
    away = 1 - F.cosine_similarity(features, teacher.nan_to_num(), dim=1)
    return (away * seen).sum() / seen.sum().clamp(min=1)
