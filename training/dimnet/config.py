"""Everything that a run of DIMNet depends on."""

from dataclasses import dataclass, field
from typing import Literal

from training.loop import Schedule

from .batches import Variation
from .data import DataConfig
from .net import Sizes


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a run depends on."""

    seed: int = 0
    learn: Literal["covariates", "pairs"] = "covariates"  # pairs: what DIMNet is compared with
    start: str = ""  # a run whose towers are gone on with; from nothing if empty
    ears: str = ""  # an exported model whose voice net and classifiers stay as they are
    smooth: float = 0.05  # of the labels
    shrink: float = 0.0  # decay of identity's classifier: people who are alike share directions
    press: float = 0.0  # the same of the others': the embedding must then tell classes far apart
    sharp: float = 10.0  # what cosines of pairs are multiplied by
    teach: float = 0.0  # weight of a teacher's templates, which the face's features are to tell
    check: int = 50  # steps between looks at the held-out development people
    patience: int = 4  # looks without a better one after which it stops
    data: DataConfig = field(default_factory=DataConfig)
    vary: Variation = field(default_factory=Variation)
    sizes: Sizes = field(default_factory=Sizes)
    schedule: Schedule = field(default_factory=Schedule)
