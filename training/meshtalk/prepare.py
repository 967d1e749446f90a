"""python -m training.prepare meshtalk: makes the generator's data set, which fit would make too.

--pack FILE puts it into one small file besides; --unpack FILE makes it from one.
"""

import argparse
from pathlib import Path

from engine import config as settings
from training.loop import tell

from .pack import pack, unpack
from .steps import Config, data_folder


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.prepare meshtalk")
    parser.add_argument("--config", type=Path, default=Path("configs/train/meshtalk.toml"))
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c")
    parser.add_argument("--pack", type=Path, metavar="FILE", help="for another machine")
    parser.add_argument("--unpack", type=Path, metavar="FILE", help="what --pack wrote")
    parser.add_argument("--to", type=Path, help="where --unpack puts it (data.made in a training)")
    args = parser.parse_args(argv)
    config = settings.load(Config, args.config, args.set).data
    if args.unpack is not None:
        folder = args.to or config.folder / args.unpack.stem
        tell(f"{unpack(args.unpack, folder)}: train on it with --set data.made={folder}")
        return
    made = data_folder(config)
    tell(str(pack(made, args.pack) if args.pack is not None else made))
