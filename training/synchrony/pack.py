"""Lips and sound of many takes in one small file, to train where videos and the tracker are not.

python -m training.synchrony.pack TRACKS... --out FILE [--without PERSON...]

FILE goes wherever python -m training.fit synchrony takes TRACKS. The sound is kept as its mel bands
alone, in steps of 0.75 neper, so that nobody's voice can be heard again from it.
"""

import argparse
import io
import lzma
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError
from engine.types import Floats
from engine.verify.lips import CHANNELS, MEL_ROWS, MELS
from training.loop import tell

from .take import Take

FINE, COARSE = 0.004, 0.75  # steps of lips (weights, centimetres) and of sound (nepers)
# What is left after differences is nearly noise, whose neighbours tell nothing of it.
BYTES = [{"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 0, "lp": 0, "pb": 0}]


def read(place: Path) -> list[Take]:
    """Takes of a folder of tracks, or of a packed file."""
    if place.is_file():
        return unpack(place)
    from .data import takes  # reads media, which is not there wherever a net can be trained

    return takes(place)


def pack(takes: Sequence[Take], to: Path) -> int:
    """Writes lips and sound of `takes`; how many bytes that took."""
    held = io.BytesIO()
    np.savez(
        held,
        people=np.array([one.person for one in takes]),
        names=np.array([one.name for one in takes]),
        rows=np.array([len(one) for one in takes]),
        lips=np.concatenate([_coded(one.lips, FINE) for one in takes]),
        mel=np.concatenate([_coded(one.mel, COARSE) for one in takes]).astype(np.int8),
    )
    to.write_bytes(lzma.compress(held.getvalue(), filters=BYTES))
    return to.stat().st_size


def unpack(file: Path) -> list[Take]:
    """Takes that hold lips and sound alone; ConfigError where the file is something else."""
    try:
        saved = np.load(io.BytesIO(lzma.decompress(file.read_bytes())))
        people, names, rows = (saved[k].tolist() for k in ("people", "names", "rows"))
        ends = np.cumsum(rows)[:-1]
        lips = np.split(saved["lips"], ends)
        mel = np.split(saved["mel"], MEL_ROWS * ends)
    except (lzma.LZMAError, ValueError, KeyError, OSError) as e:
        raise ConfigError(
            f"{file} is no packed takes: see python -m training.synchrony.pack"
        ) from e
    return [
        _take(person, name, _decoded(seen, FINE), _decoded(heard, COARSE))
        for person, name, seen, heard in zip(people, names, lips, mel, strict=True)
    ]


def _take(person: str, name: str, lips: Floats, mel: Floats) -> Take:
    n, none = len(lips), np.zeros(0, np.float32)
    assert lips.shape == (n, CHANNELS) and mel.shape == (MEL_ROWS * n, MELS)
    return Take(person, name, lips, none, mel, none, none, none)


def _coded(values: Floats, step: float) -> NDArray[np.int16]:
    """Differences from row to row, which are small, in whole steps."""
    whole = np.rint(values / step).astype(np.int16)
    return np.diff(whole, axis=0, prepend=np.zeros_like(whole[:1]))


def _decoded(coded: NDArray[np.int16], step: float) -> Floats:
    return np.asarray(np.cumsum(coded, axis=0, dtype=np.int16) * np.float32(step), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.synchrony.pack", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("tracks", type=Path, nargs="+", help="folders of tracks, or of clips")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--without", nargs="+", default=[], metavar="PERSON")
    args = parser.parse_args()
    found = [one for place in args.tracks for one in read(place)]
    kept = [one for one in found if not one.person.startswith(tuple(args.without))]
    size = pack(kept, args.out)
    tell(f"{len(kept)} takes, {sum(map(len, kept)) / 25:.0f} s: {size / 1e6:.1f} MB in {args.out}")


if __name__ == "__main__":
    main()
