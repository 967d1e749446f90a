"""Trains Voice2Face: from a voice's embedding, the face and the head that might go with it.

python -m training.fit voice2face [--config F] [--set a.b=c] [--minutes N] [--resume DIR]
With --set 'data.covariates=["identity"]' labels are people, where some have both voice and face.
"""

import argparse
import time
from pathlib import Path

import torch

from training import recipes
from training.loop import Run, pick_device, tell

from .export import export
from .run import Config, fit, material_of, saved_config


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    config = recipes.configured(Config, args, saved_config)
    folder: Path = args.resume or args.to or recipes.new_folder("voice2face")
    recipes.save_config(folder, config)
    torch.set_num_threads(args.threads)
    until = time.monotonic() + 60 * args.minutes
    run = Run(folder, config.seed, pick_device(args.device), until)
    material = material_of(config)
    if not fit(config, run, material):
        tell(f"stopped by the time limit; go on with --resume {folder}")
        return
    tell(f"finished; model in {export(folder, material, folder / 'model')}")


def _arguments(argv: list[str]) -> argparse.Namespace:
    made = recipes.parser("voice2face", __doc__)
    return made.parse_args(argv)
