"""One training of DIMNet from its configuration: its loss, its loop, when it stops."""

import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from engine.errors import ConfigError
from training import recipes
from training.loop import OutOfTime, Run, train

from .config import Config
from .data import Material, load
from .ears import stand_on
from .embed import dev_loss
from .learn import LEARNERS
from .net import DIMNet


def build(config: Config, material: Material) -> DIMNet:
    torch.manual_seed(config.seed)
    classes = {c: len(v) for c, v in material.classes.items()}
    net = DIMNet(config.sizes, classes, config.teach > 0)
    if config.ears:
        stand_on(net, Path(config.ears))
    return net


def material_of(config: Config) -> Material:
    """What the configuration learns from."""
    return load(config.data, config.sizes.pixels, config.sizes.sees == "templates")


def fit(config: Config, run: Run, material: Material) -> bool:
    """Trains until the steps are done or the development people are told no better; whether it is
    finished. net.pt is the newest state, best.pt the one to keep."""
    net = build(config, material).to(run.device)
    if config.start and config.ears:
        raise ConfigError("start and ears both say where the voice side comes from: give one")
    if config.start and not _step(run.folder):  # a run that has begun needs it no more
        net.load_state_dict(_towers(Path(config.start)), strict=False)
    learner, most = LEARNERS[config.learn](config, material, net), run.most
    while not stopped(looks := _looks(run.folder), config):
        begun = _step(run.folder)
        if begun >= config.schedule.steps or most <= 0 or time.monotonic() > run.until:
            break
        ahead = min(config.check - begun % config.check, most)
        try:
            train(replace(run, most=ahead), "net", net, learner, config.schedule)
        except OutOfTime:
            pass
        done = _step(run.folder)
        most -= done - begun
        if done % config.check == 0 or done >= config.schedule.steps:
            _look(run.folder, looks, done, dev_loss(net, material), net)
    return stopped(_looks(run.folder), config) or _step(run.folder) >= config.schedule.steps


def stopped(looks: list[tuple[int, float]], config: Config) -> bool:
    """Whether the last `patience` looks were no better than the best before them."""
    losses = [loss for _, loss in looks]
    recent, before = losses[-config.patience :], losses[: -config.patience]
    return bool(before) and min(recent) >= min(before)


def _looks(folder: Path) -> list[tuple[int, float]]:
    file = folder / "looks.json"
    return [(s, v) for s, v in json.loads(file.read_text())] if file.exists() else []


def _look(
    folder: Path, looks: list[tuple[int, float]], step: int, loss: float, net: DIMNet
) -> None:
    if all(loss < v for _, v in looks):
        torch.save(net.state_dict(), folder / "best.pt")
    (folder / "looks.json").write_text(json.dumps([*looks, (step, loss)]), encoding="utf-8")


def _step(folder: Path) -> int:
    file = folder / "net.pt"
    return int(torch.load(file, weights_only=True)["step"]) if file.exists() else 0


def saved_config(folder: Path) -> Config:
    """The configuration that a run was started with."""
    return recipes.saved_config(folder, Config())


def _towers(folder: Path) -> dict[str, Tensor]:
    """The nets of a run without its classifiers."""
    file = folder / "best.pt"
    if not file.exists():
        raise ConfigError(f"start = {folder} holds no trained net: {file.name} is missing")
    state = torch.load(file, map_location="cpu", weights_only=True)
    return {name: v for name, v in state.items() if not name.startswith("heads.")}


def trained(folder: Path, material: Material) -> DIMNet:
    """The best net of a run, on the CPU."""
    file = folder / "best.pt"
    if not file.exists():
        raise ConfigError(f"{folder} holds no trained net yet: {file.name} is missing")
    net = build(saved_config(folder), material)
    net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return net.eval()
