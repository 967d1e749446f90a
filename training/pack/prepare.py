"""Stores of training.prepare, a tenth as large, for a machine that is far away; and back.

python -m training.prepare pack --faces runs/faces --voices runs/voices --to packed.npz    # here
python -m training.prepare pack --back packed.npz --to runs       # there: runs/faces, runs/voices

Pictures and sounds (log-mels are a grey picture) become WebP and numbers whole steps, so what comes
back is not the same to the bit: it is to be trained on, and measured where the originals are.
`--without 0/5` leaves out whoever is held out as data.fold 0 of data.folds 5.
"""

import argparse
from pathlib import Path

from engine.errors import ConfigError
from training.dimnet.data import DataConfig, part_of
from training.loop import tell

from . import cest, faces, heads, meshtalk, small, synchrony, voices

KINDS = {"faces": faces, "voices": voices, "heads": heads, "cest": cest, "meshtalk": meshtalk,
         "synchrony": synchrony}  # fmt: skip
WHOLE = ("cest", "meshtalk")  # who is held out is their own recipe's matter, not of data.fold


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    if args.back:
        return _unpack(args.back, args.to)
    chosen = {name: getattr(args, name) for name in KINDS if getattr(args, name)}
    if not chosen:
        raise ConfigError(f"say what: --{', --'.join(KINDS)} FOLDER to pack, --back FILE to unpack")
    if args.without and (whole := [name for name in chosen if name in WHOLE]):
        raise ConfigError(f"--without is not for --{whole[0]}: its recipe holds people out itself")
    options = small.Options(
        _kept(args.without), args.pixels, args.quality, args.fidelity, args.most, args.seconds
    )
    held: small.Arrays = {}
    for name, folder in chosen.items():
        made = KINDS[name].pack(folder, options)
        held |= {f"{name}:{field}": value for field, value in made.items()}
    tell(f"{small.write(args.to, held) / 1e6:.1f} MB in {args.to}")


def _unpack(file: Path, to: Path) -> None:
    """Each kind in a folder of its name in `to`."""
    parts: dict[str, small.Arrays] = {}
    for key, value in small.read(file).items():
        name, _, field = key.partition(":")
        parts.setdefault(name, {})[field] = value
    if not parts or not parts.keys() <= KINDS.keys():
        raise ConfigError(f"{file} is a file of another kind: give one that this command packed")
    for name, held in parts.items():
        if (to / name).exists() and any((to / name).iterdir()):
            raise ConfigError(f"{to / name} holds something already: give another folder with --to")
        (to / name).mkdir(parents=True, exist_ok=True)
        KINDS[name].back(held, to / name)
    tell(f"unpacked: {', '.join(str(to / name) for name in parts)}")


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
    add("--cest", type=Path, help="of training.prepare cest")
    add("--meshtalk", type=Path, help="of training.prepare meshtalk")
    add("--synchrony", type=Path, help="of training.prepare synchrony, or clips")
    add("--back", type=Path, metavar="FILE", help="unpack it in the folder --to")
    add("--to", type=Path, required=True)
    add("--without", default="", metavar="FOLD/FOLDS", help="leave out who is held out")
    add("--pixels", type=int, help="side of a face (as it is)")
    add("--quality", type=int, default=60, help="of pictures, 1 to 100 (%(default)s)")
    add("--most", type=int, default=1000, help="pictures of a person (%(default)s)")
    add(
        "--fidelity",
        type=int,
        default=20,
        help="of sounds, 1 to 100 (%(default)s; MeshTalk's want 75)",
    )
    add("--seconds", type=float, default=60.0, help="of a recording (%(default)s)")
    return parser.parse_args(argv)
