"""python -m training.prepare meshtalk: makes the generator's data set, which fit would make too."""

import argparse
from pathlib import Path

from engine import config as settings
from training.loop import tell

from .steps import Config, data_folder


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.prepare meshtalk")
    parser.add_argument("--config", type=Path, default=Path("configs/train/meshtalk.toml"))
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c")
    args = parser.parse_args(argv)
    tell(str(data_folder(settings.load(Config, args.config, args.set).data)))
