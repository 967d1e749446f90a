"""One training of the synchrony net: what it is shown, its loss, its configuration."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.errors import ConfigError
from engine.verify.lips import REACH
from training import recipes
from training.loop import OutOfTime, Run, Schedule, train

from .batch import Batches, DataConfig
from .net import Sizes, Synchrony, among, shifted
from .take import Take

NEAR = 2  # rows by which a shift may miss the true one and still count in part
OTHERS = (-8, -4, 0, 4, 8)  # rows by which others' sounds are shifted


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a run depends on."""

    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    sizes: Sizes = field(default_factory=Sizes)
    schedule: Schedule = field(default_factory=Schedule)


class Learner:
    """The loss is which of the shifts of the same sound is the true one, among those and the
    sounds of the rest of the batch, near their own true shifts too."""

    def __init__(self, config: Config, takes: Sequence[Take], net: Synchrony) -> None:
        self.net = net
        self.batches = Batches(config.data, takes, net.usual)  # type: ignore[arg-type]

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        lips, mel, lags = self.batches.draw(rng)
        seen, heard = self.net(lips, mel)
        scale = self.net.scale.exp()
        own = shifted(seen, heard) * scale
        itself = torch.eye(len(lips), dtype=torch.bool, device=lips.device)
        others = torch.cat([
            among(seen, heard, lag).masked_fill(itself, -1.0) * scale for lag in OTHERS
        ], 1)  # fmt: skip
        total = F.cross_entropy(torch.cat([own, others], 1), lags + REACH, label_smoothing=0.02)
        found = (own.argmax(1) - REACH - lags).abs() <= NEAR
        return {"total": total, "found": found.float().mean()}


def build(config: Config, takes: Sequence[Take]) -> Synchrony:
    torch.manual_seed(config.seed)
    net = Synchrony(config.sizes)
    if takes:
        spread = np.stack([take.lips.std(0) for take in takes]).mean(0)
        net.usual.copy_(torch.from_numpy(np.maximum(spread, 1e-3)))  # type: ignore[operator]
    return net


def fit(config: Config, run: Run, takes: Sequence[Take]) -> bool:
    """Trains in `run.folder`; False where the time was up before."""
    net = build(config, takes).to(run.device)
    try:
        train(run, "net", net, Learner(config, takes, net), config.schedule)
    except OutOfTime:
        return False
    return True


def saved_config(folder: Path) -> Config:
    """The configuration that a run was started with."""
    return recipes.saved_config(folder, Config())


def trained(folder: Path) -> Synchrony:
    """The net of a run, on the CPU, ready to judge."""
    file = folder / "net.pt"
    if not file.exists():
        raise ConfigError(f"{folder} holds no trained net yet: {file.name} is missing")
    net = build(saved_config(folder), [])
    net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True)["net"])
    return net.eval()
