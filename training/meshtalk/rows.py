"""The rows of the comparison: one recipe, the same data and steps, one change each."""

import time
from collections.abc import Sequence
from pathlib import Path

import torch

from engine import config as settings
from engine.errors import ConfigError
from training import recipes
from training.loop import Run, tell

from .export import export
from .steps import Config, fit, saved_config

ROWS: dict[str, tuple[str, ...]] = {
    "meshtalk": (),
    "regression": ("net=regression",),
    "voca": ("net=voca",),
    "no-cross-modality": ("weights.cross_modality=0.0",),
    "continuous": ("net=continuous",),
    "lookahead-0": ("lookahead=0.0",),
    "lookahead-50": ("lookahead=0.05",),
    "lookahead-200": ("lookahead=0.2",),
}


def fit_rows(
    config: Config, names: Sequence[str], folder: Path, device: torch.device, minutes: float
) -> None:
    """Trains each row in folder/NAME for up to `minutes`, from where it stands."""
    for name in recipes.chosen(names, ROWS):
        run = folder / name
        run.mkdir(parents=True, exist_ok=True)
        one = row_config(config, name, run)
        until = time.monotonic() + 60 * minutes
        if not fit(one, Run(run, one.seed, device, until)):
            tell(f"{name}: stopped by the time limit; the same command goes on with it")
        elif one.net == "meshtalk":
            tell(f"{name}: finished; model in {export(run, run / 'model')}")
        else:
            tell(f"{name}: finished")


def row_config(config: Config, name: str, run: Path) -> Config:
    """The row's own configuration, kept with its run; a changed one is refused."""
    one = settings.override(config, ROWS[name])
    if (run / "config.json").exists():
        if saved_config(run) != one:
            raise ConfigError(f"{run} was begun with another configuration: move it away")
    else:
        recipes.save_config(run, one)
    return one
