"""The rows of the ablation table: one recipe, the same data, steps and seed, one flag each.

Rows that differ in the losses of the second step only share the first one; IEST, whose shape net
sees another picture, trains a first step of its own.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from engine import config as settings
from engine.errors import ConfigError
from training import recipes
from training.loop import Run, tell

from .export import export
from .steps import FULL, SPENT, Config, fit, saved_config, spent

ROWS: dict[str, tuple[str, ...]] = {
    FULL: (),
    "independent": ("sizes.independent=true",),  # IEST
    "no-symmetry": ("ablation.no_symmetry=true",),
    "no-consistency": ("ablation.no_consistency=true",),
    "neither": ("ablation.no_symmetry=true", "ablation.no_consistency=true"),
    "averaging": ("ablation.averaging=true",),
}


def fit_rows(
    config: Config, names: Sequence[str], folder: Path, device: torch.device, minutes: float
) -> None:
    """Trains each row in folder/NAME for up to `minutes`, from where it stands."""
    for name in recipes.chosen(names, ROWS):
        run = folder / name
        run.mkdir(parents=True, exist_ok=True)
        one = row_config(config, name, folder)
        began, until = time.process_time(), time.monotonic() + 60 * minutes
        done = fit(one, Run(run, one.seed, device, until))
        total = _spend(run, (time.process_time() - began) / 60)
        if not done:
            tell(f"{name}: stopped by the time limit; the same command goes on with it")
            continue
        model = f"; model in {export(run, run / 'model')}" if name == FULL else ""
        tell(f"{name}: finished after {total:.1f} CPU minutes{model}")


def row_config(config: Config, name: str, folder: Path) -> Config:
    """The row's own configuration, kept with its run; a changed one is refused.

    A row begins from the full row's first step where its own would be the same.
    """
    run, one = folder / name, settings.override(config, ROWS[name])
    full = settings.override(config, ROWS[FULL])
    if name != FULL and one.sizes == full.sizes and (folder / FULL / "first.pt").exists():
        one = replace(one, begin=folder / FULL)
    if (run / "config.json").exists():
        if replace(saved_config(run), begin=None) != replace(one, begin=None):
            raise ConfigError(f"{run} was begun with another configuration: move it away")
        return saved_config(run)
    recipes.save_config(run, one)
    return one


def _spend(run: Path, minutes: float) -> float:
    """Adds CPU minutes to what the run has had; the sum."""
    total = minutes + spent(run)
    (run / SPENT).write_text(json.dumps({"cpu_minutes": round(total, 3)}), encoding="utf-8")
    return total
