"""Trains a face embedding with any loss of training/margins, and exports it.

python -m training.fit sphereface2 [--config F] [--set loss=arcface] [--resume DIR] [--minutes M]
torchrun --nproc_per_node 4 -m training.fit sphereface2 ...
"""

import argparse
import os
import time
from pathlib import Path

import torch
import torch.distributed as dist

from engine.errors import ConfigError
from training import recipes
from training.loop import Run, leads, pick_device, tell

from .run import Config, Material, fit, saved_config


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    device = _join(args.device)
    try:
        _fit(args, device)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _fit(args: argparse.Namespace, device: torch.device) -> None:
    config = recipes.configured(Config, args, saved_config)
    folder: Path = args.resume or args.out or _new_folder(config.loss)
    if leads():
        recipes.save_config(folder, config)
    torch.set_num_threads(args.threads)
    torch.backends.cudnn.benchmark = True  # all batches have one shape
    until = time.monotonic() + 60 * args.minutes
    done = fit(config, Run(folder, config.seed, device, until), Material(config))
    if not leads():
        return
    if done:
        from .export import export  # here: onnx and its tools are not needed to train

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
    return recipes.new_folder(loss)


def _arguments(argv: list[str]) -> argparse.Namespace:
    return recipes.parser("sphereface2", __doc__, "--out").parse_args(argv)
