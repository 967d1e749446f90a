"""MeshTalk's recipe: data set, first step (codes), second step (which codes follow), export.

python -m training.fit meshtalk [--config F] [--set a.b=c] [--resume DIR] [--minutes M]
"""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

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
    resumed = args.resume
    config = _config(args)
    folder = resumed or Path("runs") / f"meshtalk-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True, exist_ok=True)
    write_config(folder, config)
    until = time.monotonic() + 60 * args.minutes
    torch.set_num_threads(args.threads)
    done = fit(config, Run(folder, config.seed, pick_device(args.device), until))
    if done:
        tell(f"finished; model in {export(folder, folder / 'model')}")
    else:
        tell(f"stopped by the time limit; go on with --resume {folder}")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.fit meshtalk", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("configs/train/meshtalk.toml"))
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c")
    parser.add_argument("--resume", type=Path, metavar="DIR", help="go on with this run")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="save and stop after")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args(argv)


def _config(args: argparse.Namespace) -> Config:
    if args.resume is None:
        return settings.load(Config, args.config, args.set)
    if args.set:
        raise ConfigError("--set changes nothing in a resumed run; start a new one")
    return saved_config(args.resume)
