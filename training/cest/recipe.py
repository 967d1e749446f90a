"""CEST's recipe: viewpoint and shape from landmarks, then all four by conditional estimation.

python -m training.fit cest [--config F] [--set a.b=c] [--resume DIR] [--minutes M]
"""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import numba
import torch

from engine import config as settings
from engine.errors import ConfigError
from training.loop import Run, pick_device, tell

from .export import export
from .steps import Config, fit, saved_config


def write_config(folder: Path, config: Config) -> None:
    """Keeps the resolved configuration with the run."""
    text = json.dumps(settings.as_dict(config), default=str, indent=2)
    (folder / "config.json").write_text(text, encoding="utf-8")


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    config = _config(args)
    default = Path("runs") / f"cest-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    folder = args.resume or args.to or default
    if args.resume is None:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "config.json").exists():
            raise ConfigError(f"{folder} holds a run: go on with --resume {folder}")
        write_config(folder, config)
    threads = max(1, args.threads)
    torch.set_num_threads(threads)
    numba.set_num_threads(min(threads, numba.get_num_threads()))
    run = Run(folder, config.seed, pick_device(args.device), time.monotonic() + 60 * args.minutes)
    if fit(config, run):
        tell(f"finished; model in {export(folder, folder / 'model')}")
    else:
        tell(f"stopped by the time limit; go on with --resume {folder}")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.fit cest", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("configs/train/cest-narrow.toml"))
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c")
    parser.add_argument("--to", type=Path, metavar="DIR", help="the run's folder; runs/cest-TIME")
    parser.add_argument("--resume", type=Path, metavar="DIR", help="go on with this run")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="save and stop after")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument(
        "--threads", type=int, default=2, help="of a CPU; another number sums in another order"
    )
    return parser.parse_args(argv)


def _config(args: argparse.Namespace) -> Config:
    if args.resume is None:
        return settings.load(Config, args.config, args.set)
    if args.set:
        raise ConfigError("--set changes nothing in a resumed run; start a new one")
    return saved_config(args.resume)
