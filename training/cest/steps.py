"""CEST's configuration and its two steps: landmarks alone, then everything.

All that follows the viewpoint depends on it, so it is learned first, with the shape, from
landmarks; then photometric, landmark and regularising losses together.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.errors import ConfigError
from engine.head import Head
from training import loop, recipes
from training.loop import OutOfTime, Run, Schedule

from . import data, losses, supervised
from .losses import Ablation, Weights
from .net import Cest, Estimate, Sizes
from .shape import FaceModel

FULL = "conditional"  # the row with all of the paper's losses
SPENT = "spent.json"


@dataclass(frozen=True, slots=True)
class Data:
    """Which faces."""

    folder: Path = Path("runs/cest-data")
    renders: Path | None = None  # renders to use in place of that folder's own
    most: int | None = None  # files of each kind at most
    mix: data.Mix = data.Mix()
    shake: data.Shake = data.Shake()


@dataclass(frozen=True, slots=True)
class Config:
    """configs/train/cest.toml changes these."""

    seed: int = 0
    data: Data = Data()
    sizes: Sizes = Sizes()
    weights: Weights = Weights()
    ablation: Ablation = Ablation()
    first: Schedule = Schedule()
    second: Schedule = Schedule()
    begin: Path | None = None  # a run whose first step is taken over
    start: Path | None = None  # a run whose net is gone on with, by schedules of one's own
    mean: Path | None = None  # another one: the mean of both nets' weights is begun with


def saved_config(folder: Path) -> Config:
    """The configuration that a run was started with."""
    return recipes.saved_config(folder, Config())


def new_net(config: Config) -> Cest:
    """Untrained, but the same each time."""
    torch.manual_seed(config.seed)
    sizes = config.sizes
    if sizes.size < 32 or sizes.size & (sizes.size - 1) or sizes.texels < 32:
        raise ConfigError("sizes.size should be a power of two of at least 32, texels at least 32")
    net = Cest(sizes, FaceModel(Head.load(), sizes.modes, sizes.texels))
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


class Trainer:
    """The losses of the steps, as loop.train wants them."""

    def __init__(
        self, config: Config, net: Cest, faces: data.Faces, device: torch.device,
        mix: data.Mix | None = None,
    ) -> None:  # fmt: skip
        self.config, self.net = config, net
        told = config.weights.truth > 0
        self._batches = data.Batches(
            faces, config.sizes.size, mix or config.data.mix, config.data.shake, device, told
        )
        self._marks = losses.landmark_weights().to(device)
        self._pairs = torch.tensor(losses.PAIRED, device=device)
        self._judge = supervised.Judge(net, device) if told else None

    def first(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        parts, _ = self._placed(self._batches.draw(rng))
        return parts

    def second(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        batch = self._batches.draw(rng)
        parts, found = self._placed(batch)
        _, *maps = self.net.appearance(batch.pictures, found.placed)
        colours = losses.photometric(
            self.net, batch, found, (maps[0], maps[1]), self.config.ablation
        )
        parts["total"] = parts["total"] + self.config.weights.photometric * sum(colours.values())
        if self._judge is not None and batch.truth is not None:
            told = self._judge.colours(self.net, maps[0], maps[1], batch.truth)
            parts["total"] = parts["total"] + self.config.weights.truth * supervised.total(told)
            colours |= told
        return parts | colours

    def _placed(self, batch: data.Batch) -> tuple[dict[str, Tensor], Estimate]:
        weights, found = self.config.weights, self.net.geometry(batch.pictures)
        parts = {
            "landmarks": losses.landmarks(self.net, found, batch.landmarks, self._marks),
            "openings": losses.openings(self.net, found, batch.landmarks, self._pairs),
            "prior": losses.regulariser(found, weights),
        }
        total = weights.landmarks * parts["landmarks"] + weights.openings * parts["openings"]
        total = total + parts["prior"]
        if self._judge is not None and batch.truth is not None:
            told = self._judge.geometry(self.net, found, batch.truth)
            total = total + weights.truth * supervised.total(told)
            parts |= told
        return parts | {"total": total}, found


def fit(config: Config, run: Run) -> bool:
    """Trains what is left to train; False where the time limit came first."""
    net = _first_net(config, run.folder).to(run.device)
    trainer = Trainer(
        config,
        net,
        data.load(config.data.folder, "train", config.data.most, config.data.renders),
        run.device,
    )
    if config.begin is not None:
        _take_over(config, run.folder)
    try:
        if not (run.folder / "second.pt").exists():
            loop.train(run, "first", net, trainer.first, config.first)
        loop.train(run, "second", net, trainer.second, config.second)
    except OutOfTime:
        return False
    return True


def _first_net(config: Config, folder: Path) -> Cest:
    """What the training begins with: an untrained net, or that of `start`, which a run that has
    checkpoints of its own needs no more."""
    if config.start is not None and config.begin is not None:
        raise ConfigError("start and begin both say what the net begins as: give one")
    if config.mean is not None and config.start is None:
        raise ConfigError("mean is of two nets: give start as well")
    net = new_net(config)
    if config.start is not None and not _checkpoints(folder):
        nets = [_same(config, run).state_dict() for run in (config.start, config.mean) if run]
        net.load_state_dict({name: _mean([n[name] for n in nets]) for name in nets[0]})
    return net


def _same(config: Config, run: Path) -> Cest:
    """The net of a run that has the same ones."""
    other, net = load_net(run)
    if other.sizes != config.sizes:
        raise ConfigError(f"{run} has other nets: set sizes as its config.json says")
    return net


def _mean(values: list[Tensor]) -> Tensor:
    """Of weights along one training the mean errs less than each (Wortsman et al. 2022)."""
    return torch.stack([v.double() for v in values]).mean(0).to(values[0].dtype)


def _take_over(config: Config, folder: Path) -> None:
    """The finished first step of another run with the same nets."""
    assert config.begin is not None
    other = saved_config(config.begin)
    if other.sizes != config.sizes or other.first != config.first:
        raise ConfigError(f"{config.begin} has other nets or another first step: take begin away")
    source, file = config.begin / "first.pt", folder / "first.pt"
    if (
        not source.exists()
        or torch.load(source, "cpu", weights_only=True)["step"] < other.first.steps
    ):
        raise ConfigError(f"the first step of {config.begin} is not finished; go on with it first")
    if not file.exists():
        shutil.copyfile(source, file)


def _checkpoints(folder: Path) -> list[Path]:
    """The furthest first."""
    return [f for f in (folder / "second.pt", folder / "first.pt") if f.exists()]


def load_net(
    folder: Path, device: torch.device | None = None, appearance: Path | None = None
) -> tuple[Config, Cest]:
    """A run's net as far as it is trained, in evaluation mode.

    appearance: a run whose reflectance and illumination are taken in place of its own, which may
    be done since what those are given is never trained by them.
    """
    config = saved_config(folder)
    net = new_net(config)
    files = _checkpoints(folder)
    if not files:
        raise ConfigError(f"{folder} has no checkpoint yet; train it first")
    net.load_state_dict(torch.load(files[0], map_location="cpu", weights_only=True)["net"])
    if appearance is not None:
        other_config, other = load_net(appearance)
        if other_config.sizes != config.sizes:
            raise ConfigError(f"{appearance} has nets of other sizes: they do not fit together")
        net.reflectance, net.illumination = other.reflectance, other.illumination
    return config, net.to(device or "cpu").eval()


def row_name(config: Config) -> str:
    """What makes this row another one."""
    a = config.ablation
    flags = (
        ("independent", config.sizes.independent), ("no symmetry", a.no_symmetry),
        ("no consistency", a.no_consistency), ("averaging", a.averaging),
        ("told of renders", config.weights.truth > 0),
    )  # fmt: skip
    return ", ".join(name for name, there in flags if there) or FULL


def spent(run: Path) -> float:
    """CPU minutes that were spent on a row, those of a first step that it shares left out."""
    file = run / SPENT
    return float(json.loads(file.read_text())["cpu_minutes"]) if file.exists() else 0.0
