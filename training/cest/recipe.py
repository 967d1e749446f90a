"""CEST's recipe: viewpoint and shape from landmarks, then all four by conditional estimation.

python -m training.fit cest [--config F] [--set a.b=c] [--resume DIR] [--minutes M]
python -m training.fit cest --rows [NAME ...]     the ablation table's rows, each resumed
"""

import argparse
import time
from pathlib import Path

import torch

from engine import config as settings
from engine.errors import ConfigError
from training import recipes
from training.loop import Run, pick_device, tell

from .export import export
from .rows import fit_rows
from .steps import Config, fit, saved_config


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    config = _config(args)
    torch.set_num_threads(max(1, args.threads))
    torch.backends.cudnn.benchmark = True  # all pictures have one size
    if args.rows is not None:
        to = args.to or Path("runs/cest-rows")
        fit_rows(config, args.rows, to, pick_device(args.device), args.minutes)
    else:
        _fit_one(args, config)


def _fit_one(args: argparse.Namespace, config: Config) -> None:
    folder = args.resume or args.to or recipes.new_folder("cest")
    if args.resume is None:
        if (folder / recipes.FILE).exists():
            raise ConfigError(f"{folder} holds a run: go on with --resume {folder}")
        recipes.save_config(folder, config)
    run = Run(folder, config.seed, pick_device(args.device), time.monotonic() + 60 * args.minutes)
    if fit(config, run):
        tell(f"finished; model in {export(folder, folder / 'model')}")
    else:
        tell(f"stopped by the time limit; go on with --resume {folder}")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.fit cest", description=__doc__)
    parser.add_argument("--config", type=Path, help="cest-narrow.toml; with --rows cest-rows.toml")
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c")
    parser.add_argument("--rows", nargs="*", metavar="NAME", help="train these rows, or all")
    parser.add_argument(
        "--to", type=Path, metavar="DIR", help="the run's folder, or that of the rows"
    )
    parser.add_argument("--resume", type=Path, metavar="DIR", help="go on with this run")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="save and stop after")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument(
        "--threads", type=int, default=2, help="of a CPU; another number sums in another order"
    )
    return parser.parse_args(argv)


def _config(args: argparse.Namespace) -> Config:
    if args.resume is None:
        name = "cest-narrow.toml" if args.rows is None else "cest-rows.toml"
        return settings.load(Config, args.config or Path("configs/train") / name, args.set)
    if args.rows is not None:
        raise ConfigError("--rows goes on with each row by itself: leave --resume out")
    if args.set:
        raise ConfigError("--set changes nothing in a resumed run; start a new one")
    return saved_config(args.resume)
