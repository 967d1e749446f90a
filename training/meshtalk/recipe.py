"""MeshTalk's recipe: data set, first step (codes), second step (which codes follow), export.

python -m training.fit meshtalk [--config F] [--set a.b=c] [--resume DIR] [--minutes M]
python -m training.fit meshtalk --rows [NAME ...]     the baselines and look-aheads, each resumed
"""

import argparse
import time
from pathlib import Path

import torch

from training import recipes
from training.loop import Run, pick_device, tell

from .export import export
from .rows import fit_rows
from .steps import Config, fit, saved_config


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    torch.set_num_threads(args.threads)
    config = recipes.configured(Config, args, saved_config)
    if args.rows is not None:
        fit_rows(config, args.rows, args.to, pick_device(args.device), args.minutes)
    else:
        _fit_one(args, config)


def _fit_one(args: argparse.Namespace, config: Config) -> None:
    resumed = args.resume
    folder = resumed or recipes.new_folder("meshtalk")
    folder.mkdir(parents=True, exist_ok=True)
    recipes.save_config(folder, config)
    until = time.monotonic() + 60 * args.minutes
    done = fit(config, Run(folder, config.seed, pick_device(args.device), until))
    if done and config.net != "meshtalk":
        tell(f"finished; see it with python -m training.evaluate meshtalk --rows {folder}")
    elif done:
        tell(f"finished; model in {export(folder, folder / 'model')}")
    else:
        tell(f"stopped by the time limit; go on with --resume {folder}")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.fit meshtalk", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("configs/train/meshtalk.toml"))
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c")
    parser.add_argument("--resume", type=Path, metavar="DIR", help="go on with this run")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="save and stop after")
    parser.add_argument("--rows", nargs="*", metavar="NAME", help="train these rows, or all")
    parser.add_argument("--to", type=Path, default=Path("runs/meshtalk-rows"), help="rows' place")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args(argv)
