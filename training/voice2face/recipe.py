"""Trains Voice2Face: from a voice's embedding, the face and the head that might go with it.

python -m training.fit voice2face [--config F] [--set a.b=c] [--minutes N] [--resume DIR]
With --set 'data.covariates=["identity"]' labels are people, where some have both voice and face.
"""

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path

import torch

from engine import config as settings
from engine.errors import ConfigError
from training.loop import Run, pick_device, tell

from .export import export
from .run import Config, fit, material_of, save_config, saved_config


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    config = _config(args)
    folder: Path = (
        args.resume or args.to or Path("runs") / f"voice2face-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    )
    save_config(folder, config)
    torch.set_num_threads(args.threads)
    until = time.monotonic() + 60 * args.minutes
    run = Run(folder, config.seed, pick_device(args.device), until)
    material = material_of(config)
    if not fit(config, run, material):
        tell(f"stopped by the time limit; go on with --resume {folder}")
        return
    tell(f"finished; model in {export(folder, material, folder / 'model')}")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.fit voice2face", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--config", type=Path, default=Path("configs/train/voice2face.toml"))
    add("--set", action="append", default=[], metavar="a.b=c")
    add("--to", type=Path, metavar="DIR", help="the run's folder; runs/voice2face-TIME")
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
