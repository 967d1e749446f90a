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
from engine.types import Bytes, Floats
from training import recipes
from training.loop import OutOfTime, Run, Schedule, train

from . import faces as stores
from .augment import Augment, augment
from .data import DataConfig, Sampler, chosen, noisy
from .faces import Faces
from .losses import Diverged, Learner, LossConfig
from .net import Sizes, embed, to_input


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a run depends on. Defaults are those of configs/train/sphereface2.toml."""

    seed: int = 0
    loss: str = "sphereface2"
    mixed: bool = True  # bfloat16 where CUDA is
    data: DataConfig = field(default_factory=DataConfig)
    sizes: Sizes = field(default_factory=Sizes)
    augment: Augment = field(default_factory=Augment)
    losses: LossConfig = field(default_factory=LossConfig)
    schedule: Schedule = field(default_factory=Schedule)


class Material:
    """Training pictures in memory, at the net's size."""

    def __init__(self, config: Config, faces: Faces | None = None) -> None:
        whole = stores.load(Path(config.data.folder)) if faces is None else faces
        kept = chosen(whole, config.data)
        if len(kept.people) < 2:
            raise ConfigError(f"{config.data.folder} leaves fewer than two people to learn from")
        self.faces = kept.scaled(config.sizes.size)
        self.classes = len(kept.people)
        self.labels = noisy(kept.person, self.classes, config.data.noise, config.seed)
        self.teacher = None if kept.teacher is None else centred(kept.teacher)
        if config.losses.teach and self.teacher is None:
            raise ConfigError("no teacher's embeddings: training.prepare sphereface2 --teacher")
        self.sampler = Sampler(self.labels, config.data)


def centred(teacher: Floats) -> Floats:
    """Unit vectors about the mean: a teacher's embeddings all lie on one side of the sphere."""
    away = teacher - np.nanmean(teacher, 0)
    return np.asarray(away / np.linalg.norm(away, axis=1, keepdims=True), np.float32)


def learner(config: Config, classes: int) -> Learner:
    torch.manual_seed(config.seed)
    return Learner(config.loss, config.losses, config.sizes, classes)


def fit(config: Config, run: Run, material: Material) -> bool:
    """Trains as far as time allows; whether it is finished. Diverged where the loss blew up."""
    model = learner(config, material.classes).to(run.device)
    model.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster on a CPU
    seen = _spread(model, run.device)
    ranks, rank = _ranks()

    def loss(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        model.head.begin(step)
        rows = material.sampler.rows(rng, ranks)[rank::ranks]
        pixels = to_input(torch.from_numpy(material.faces.pixels[rows]).to(run.device),
                          config.sizes.size)  # fmt: skip
        pixels = augment(pixels, config.augment, rng)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        labels = torch.from_numpy(material.labels[rows]).to(run.device)
        teacher = None if material.teacher is None else torch.from_numpy(material.teacher[rows])
        taught = None if teacher is None else teacher.to(run.device)
        mixed = config.mixed and run.device.type == "cuda"
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
    return config, model.eval().net, saved["head.weight"]


@torch.no_grad()
def embeddings(net: nn.Module, pixels: Bytes, size: int, flip: bool = True) -> Floats:
    """Unit embeddings (n, d) of crops (n, h, w, 3)."""
    device = next(net.parameters()).device
    out = []
    for k in range(0, len(pixels), 128):
        x = to_input(torch.from_numpy(np.array(pixels[k : k + 128])).to(device), size)
        out.append(embed(net, x, flip).cpu().numpy())
    return np.concatenate(out)
