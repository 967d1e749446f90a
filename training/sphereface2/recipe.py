"""Trains a face embedding with any loss of training/margins, and exports it.

python -m training.fit sphereface2 [--config F] [--set loss=arcface] [--resume DIR] [--minutes M]
torchrun --nproc_per_node 4 -m training.fit sphereface2 ...
"""

import argparse
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import torch
import torch.distributed as dist

from engine import config as settings
from engine.errors import ConfigError
from training.loop import Run, leads, pick_device, tell

from .export import export
from .run import Config, Material, fit, save_config, saved_config


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    device = _join(args.device)
    try:
        _fit(args, device)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _fit(args: argparse.Namespace, device: torch.device) -> None:
    config = _config(args)
    folder: Path = args.resume or args.out or _new_folder(config.loss)
    if leads():
        save_config(folder, config)
    torch.set_num_threads(args.threads)
    until = time.monotonic() + 60 * args.minutes
    done = fit(config, Run(folder, config.seed, device, until), Material(config))
    if not leads():
        return
    if done:
        tell(f"finished; model in {export(folder, folder / 'model')}")
    else:
        tell(f"stopped by the time limit; go on with --resume {folder}")


def _join(name: str) -> torch.device:
    """This process's device; under torchrun it joins the others first."""
    device = pick_device(name)
    if "LOCAL_RANK" not in os.environ:
        return device
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    if device.type == "cpu":
        return device
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return torch.device("cuda", int(os.environ["LOCAL_RANK"]))


def _new_folder(loss: str) -> Path:
    if "LOCAL_RANK" in os.environ:
        raise ConfigError("under torchrun say where the run should live: --out DIR")
    return Path("runs") / f"{loss}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.fit sphereface2",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--config", type=Path, default=Path("configs/train/sphereface2.toml"))
    add("--set", action="append", default=[], metavar="a.b=c")
    add("--out", type=Path, metavar="DIR", help="a new run's folder")
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
