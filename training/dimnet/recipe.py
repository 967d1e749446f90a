"""Trains DIMNet on voices and faces that share covariates, not people; and exports it.

python -m training.fit dimnet [--config F] [--set data.covariates='["gender"]'] [--resume DIR]
python -m training.fit dimnet --folds      every person held out once, then the net of all of them
"""

import argparse
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from engine import config as settings
from engine.errors import ConfigError
from training.loop import Run, pick_device, tell

from .data import load
from .export import export
from .run import Config, fit, save_config, saved_config


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    config = _config(args)
    folder: Path = (
        args.resume or args.to or Path("runs") / f"dimnet-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    )
    save_config(folder, config)
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
    save_config(folder, config)
    run = Run(folder, config.seed, pick_device(args.device), until)
    return fit(config, run, load(config.data, config.sizes.pixels))


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.fit dimnet", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--config", type=Path, default=Path("configs/train/dimnet.toml"))
    add("--set", action="append", default=[], metavar="a.b=c")
    add("--folds", action="store_true", help="hold everybody out once, to measure by")
    add("--to", type=Path, metavar="DIR", help="the run's folder; runs/dimnet-TIME")
    add("--resume", type=Path, metavar="DIR", help="go on with this run")
    add("--minutes", type=float, default=float("inf"), help="save and stop after")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--threads", type=int, default=2)
    return parser.parse_args(argv)


def _config(args: argparse.Namespace) -> Config:
    if args.resume is None:
        return settings.load(Config, args.config, args.set)
    if args.set:
        raise ConfigError("--set changes nothing in a resumed run; start a new one")
    return saved_config(args.resume)
