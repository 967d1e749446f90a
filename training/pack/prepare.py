"""Stores of faces, voices and heads, a tenth as large, for a machine that is far away; and back.

python -m training.prepare pack --faces runs/faces --voices runs/voices --to packed    # here
python -m training.prepare pack --back packed --to runs                                # there

Pictures and sounds (64 log-mels are a grey picture) become WebP, so what comes back is not the same
to the bit: it is to be trained on, and measured where the originals are. `--without 0/5` leaves out
whoever is held out as data.fold 0 of data.folds 5.
"""

import argparse
from pathlib import Path

from engine.errors import ConfigError
from training.dimnet.data import DataConfig, part_of
from training.loop import tell

from . import faces, heads, voices


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    if args.back:
        for kind in (faces, voices, heads):
            if (args.back / kind.FILE).exists():
                kind.back(args.back / kind.FILE, args.to)
        tell(f"unpacked in {args.to}")
        return
    if not (args.faces or args.voices or args.heads):
        raise ConfigError(
            "say what: --faces, --voices or --heads DIR to pack, --back DIR to unpack"
        )
    kept = _kept(args.without)
    args.to.mkdir(parents=True, exist_ok=True)
    if args.faces:
        faces.pack(args.faces, args.to, kept, args.pixels, args.quality, args.most)
    if args.voices:
        voices.pack(args.voices, args.to, kept, args.fidelity, args.seconds)
    if args.heads:
        heads.pack(args.heads, args.to, kept, args.quality)
    size = sum(f.stat().st_size for f in args.to.iterdir())
    tell(f"{size / 1e6:.1f} MB in {args.to}")


class _Kept:
    """Whether a person is packed: not who is held out as this part of so many."""

    def __init__(self, folds: int, fold: int) -> None:
        self.config = DataConfig(folds=folds, fold=fold)

    def __call__(self, name: str) -> bool:
        return part_of(name, self.config) != "held"


def _kept(without: str) -> _Kept:
    fold, _, folds = without.partition("/")
    if not without:
        return _Kept(5, -1)
    if not (fold.isdecimal() and folds.isdecimal() and int(fold) < int(folds)):
        raise ConfigError(f"--without {without}: write FOLD/FOLDS, such as 0/5")
    return _Kept(int(folds), int(fold))


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.prepare pack", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--faces", type=Path, help="of training.prepare sphereface2 or pairs")
    add("--voices", type=Path, help="of training.prepare voices or pairs")
    add("--heads", type=Path, help="of training.prepare voice2face")
    add("--back", type=Path, help="a packed folder, to be unpacked into faces, voices and heads")
    add("--to", type=Path, required=True)
    add("--without", default="", metavar="FOLD/FOLDS", help="leave out who is held out")
    add("--pixels", type=int, default=64, help="side of a face (%(default)s)")
    add("--quality", type=int, default=60, help="of pictures, 1 to 100 (%(default)s)")
    add("--most", type=int, default=1000, help="pictures of a person (%(default)s)")
    add("--fidelity", type=int, default=20, help="of sounds, 1 to 100 (%(default)s)")
    add("--seconds", type=float, default=60.0, help="of a recording (%(default)s)")
    return parser.parse_args(argv)
