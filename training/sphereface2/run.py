"""One training from its configuration: what it depends on, its loop, its net afterwards."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engine import config as settings
from engine.errors import ConfigError
from training import recipes
from training.loop import OutOfTime, Run, Schedule, leads, train

from . import faces as stores
from .augment import Augment
from .data import DataConfig, Sampler, chosen, noisy
from .faces import Faces
from .live import Targets
from .losses import Diverged, Learner, LossConfig
from .net import Sizes
from .views import Views
from .watch import Watch


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a run depends on. Defaults are those of configs/train/sphereface2.toml."""

    seed: int = 0
    loss: str = "sphereface2"
    mixed: bool = True  # bfloat16 where CUDA is
    keep: float = 0.0  # the net's running mean, decaying by this a step, is what is kept
    watch: int = 0  # steps between two looks at the dev people: dev.jsonl
    data: DataConfig = field(default_factory=DataConfig)
    sizes: Sizes = field(default_factory=Sizes)
    augment: Augment = field(default_factory=Augment)
    losses: LossConfig = field(default_factory=LossConfig)
    schedule: Schedule = field(default_factory=Schedule)


class Material:
    """Training pictures in memory: at the net's size, or whole where a live teacher looks on."""

    def __init__(self, config: Config, faces: Faces | None = None) -> None:
        whole = stores.load(Path(config.data.folder)) if faces is None else faces
        kept = chosen(whole, config.data)
        if len(kept.people) < 2:
            raise ConfigError(f"{config.data.folder} leaves fewer than two people to learn from")
        self.faces = kept if config.losses.live else kept.scaled(config.sizes.size)
        self.dev = whole.part("dev")
        self.classes = len(kept.people)
        self.labels = noisy(kept.person, self.classes, config.data.noise, config.seed)
        if config.losses.teach and kept.teacher is None:
            raise ConfigError("no teacher's embeddings: training.prepare sphereface2 --teacher")
        self.targets = None if kept.teacher is None else Targets(kept.teacher)
        self.sampler = Sampler(self.labels, config.data)


def learner(config: Config, classes: int) -> Learner:
    torch.manual_seed(config.seed)
    return Learner(config.loss, config.losses, config.sizes, classes, config.keep)


def fit(config: Config, run: Run, material: Material) -> bool:
    """Trains as far as time allows; whether it is finished. Diverged where the loss blew up."""
    model = learner(config, material.classes).to(run.device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster on a CPU
    seen, views = _spread(model, run.device), Views(config, material, run.device, _ranks())
    watch = Watch(run.folder, config, material) if config.watch and leads() else None
    mixed = config.mixed and run.device.type == "cuda"

    def loss(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        model.head.begin(step)
        model.follow(step)
        if watch and step and step % config.watch == 0:
            watch.look(step, model.learnt)
        pixels, labels, taught = views.draw(rng)
        with torch.autocast(run.device.type, torch.bfloat16, enabled=mixed):
            parts: dict[str, Tensor] = seen(pixels, labels, taught)
        return _finite(parts, step)

    try:
        train(run, "learner", model, loss, config.schedule)
    except OutOfTime:
        return False
    return True


def _finite(parts: dict[str, Tensor], step: int) -> dict[str, Tensor]:
    if not torch.isfinite(parts["total"]):
        raise Diverged(f"the loss is not finite at step {step}: lower schedule.rate or the margin")
    return parts


def _ranks() -> tuple[int, int]:
    """How many processes, and which of them this is."""
    return (dist.get_world_size(), dist.get_rank()) if dist.is_initialized() else (1, 0)


def _spread(model: Learner, device: torch.device) -> nn.Module:
    """Gradients averaged over the processes of torchrun, where there are any."""
    if not dist.is_initialized():
        return model
    where = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(model, where)


def saved_config(folder: Path) -> Config:
    """The configuration that a run was started with."""
    table = recipes.read_config(folder)
    return settings.merge(Config(), _set(table), str(folder / recipes.FILE))


def _set(table: dict[str, object]) -> dict[str, object]:
    """Without the nulls: an option that was not set stays so."""
    return {k: _set(v) if isinstance(v, dict) else v for k, v in table.items() if v is not None}


def trained(folder: Path) -> tuple[Config, nn.Module, Tensor]:
    """A run's configuration, its net on the CPU and its class weights (c, d)."""
    config = saved_config(folder)
    file = folder / "learner.pt"
    if not file.exists():
        raise ConfigError(f"{folder} holds no trained net yet: {file.name} is missing")
    saved = torch.load(file, map_location="cpu", weights_only=True)["net"]
    model = learner(config, len(saved["head.weight"]))
    model.load_state_dict(saved)
    return config, model.eval().learnt, saved["head.weight"]
