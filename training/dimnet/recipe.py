"""Trains DIMNet on voices and faces that share covariates, not people; and exports it.

python -m training.fit dimnet [--config F] [--set data.covariates='["gender"]'] [--resume DIR]
python -m training.fit dimnet --folds      every person held out once, then the net of all of them
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch

from training import recipes
from training.loop import Run, pick_device, tell

from .config import Config
from .export import export
from .run import fit, material_of, saved_config


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    config = recipes.configured(Config, args, saved_config)
    folder: Path = args.resume or args.to or recipes.new_folder("dimnet")
    recipes.save_config(folder, config)
    torch.set_num_threads(args.threads)
    until = time.monotonic() + 60 * args.minutes
    for name in [*(f"fold{k}" for k in range(config.data.folds if args.folds else 0)), "all"]:
        part = folder / name if args.folds else folder
        fold = int(name[4:]) if name != "all" else config.data.fold
        if not _one(replace(config, data=replace(config.data, fold=fold)), part, args, until):
            tell(f"stopped by the time limit; go on with --resume {folder}")
            return
    tell(f"finished; model in {export(part, folder / 'model')}")


def _one(config: Config, folder: Path, args: argparse.Namespace, until: float) -> bool:
    recipes.save_config(folder, config)
    run = Run(folder, config.seed, pick_device(args.device), until)
    return fit(config, run, material_of(config))


def _arguments(argv: list[str]) -> argparse.Namespace:
    made = recipes.parser("dimnet", __doc__)
    made.add_argument("--folds", action="store_true", help="hold everybody out once, to measure by")
    return made.parse_args(argv)
