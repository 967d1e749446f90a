"""python -m training.prepare facegood DIR --out DATASET: captured rig weights -> sound and motion.

DIR holds pairs NAME.ogg (or another sound) and NAME.npz: `weights` (n, 116), `names` (116,), `fps`.
What is said before the first "_" of NAME is who speaks. The sound's offset is found for all clips
together, from the jaw against the loudness, and taken out. Eyes and brows were not captured, so
`upper` is not to be believed.
"""

import argparse
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator

from engine.errors import ConfigError, DeviceError, EngineError
from engine.head import Head
from engine.types import Floats
from training.data import recordings, store
from training.data.clips import FPS, Clip
from training.data.voices import RATE
from training.loop import tell
from training.talking import offset
from training.talking.offset import Offset, Opening

from .rig import JAW, arkit, unmapped

_APART = 0.2  # seconds by which sound and motion may differ in length
_QUIET = 1e-3  # added to the loudness before its logarithm is taken
_SURE = 0.4  # correlation of jaw and loudness from which on an offset is believed
_EVERY = 5  # every fifth piece is held out


@dataclass(frozen=True, slots=True)
class Captured:
    """What a rig was told, frame by frame."""

    names: tuple[str, ...]
    weights: Floats  # (n, names)
    fps: float

    @property
    def jaw(self) -> Opening:
        times = np.arange(len(self.weights)) / self.fps
        return Opening(times, self.weights[:, self.names.index(JAW)])


def captured(file: Path) -> Captured:
    """Reads NAME.npz; DeviceError where it is not what it should be."""
    if not file.exists():
        raise DeviceError(f"there is no {file.name} beside the sound")
    try:
        with np.load(file) as saved:
            names = tuple(str(n) for n in saved["names"])
            weights = saved["weights"].astype(np.float32)
            fps = float(saved["fps"]) if "fps" in saved.files else float(FPS)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as e:
        raise DeviceError(f"{file.name} does not hold `weights` and `names`: {e}") from e
    if weights.ndim != 2 or weights.shape[1] != len(names) or not np.isfinite(weights).all():
        raise DeviceError(f"{file.name}: `weights` must be (frames, {len(names)}) finite numbers")
    return Captured(names, weights, fps)


def read(file: Path) -> tuple[Floats, Captured]:
    """16 kHz sound and the motion captured with it."""
    samples, seen = recordings.speech(file), captured(file.with_suffix(".npz"))
    arkit(seen.names, seen.weights[:1])  # knows the rig
    moved, heard = len(seen.weights) / seen.fps, len(samples) / RATE
    if abs(moved - heard) > _APART:
        raise DeviceError(f"{file.name} lasts {heard:.1f} s and its motion {moved:.1f} s")
    return samples, seen


def loudness(samples: Floats) -> Opening:
    """What the jaw follows: log loudness in windows of 20 ms."""
    level = recordings.loudness(samples)
    times = np.asarray((np.arange(len(level)) + 0.5) * 0.02, np.float64)
    return Opening(times, np.log(level + _QUIET).astype(np.float32))


def find_offset(files: Sequence[Path]) -> Offset:
    """What all clips' motion must be moved by; files that cannot be read do not count."""
    curves = []
    for file in files:
        try:
            samples, seen = read(file)
        except EngineError:  # told when the clips are made
            continue
        curves.append(offset.curve(seen.jaw, loudness(samples)))
    found = offset.best(curves) if curves else Offset(0.0, 0.0)
    return found if found.agreement >= _SURE else Offset(0.0, found.agreement)


@dataclass(frozen=True, slots=True)
class Facegood:
    """Makes the clips of one recording; sent to other processes whole."""

    offset: float  # seconds added to the motion's times

    def __call__(self, file: Path) -> Iterator[recordings.Named]:
        samples, seen = read(file)
        times = np.arange(len(seen.weights)) / seen.fps + self.offset
        motion = PchipInterpolator(times, arkit(seen.names, seen.weights))
        for k, (start, end) in enumerate(recordings.pieces(samples)):
            sound = samples[round(start * RATE) : round(end * RATE)]
            at = start + np.arange(int(len(sound) * FPS / RATE)) / FPS
            weights = motion(np.clip(at, times[0], times[-1]))
            inside = (at >= times[0] - 0.5 / FPS) & (at <= times[-1] + 0.5 / FPS)
            name = f"{file.stem}-{k:02d}"
            yield name, _clip(file.stem, name, sound, np.clip(weights, 0, 1), inside)


def _clip(
    stem: str, name: str, sound: Floats, weights: Floats, inside: "np.ndarray[Any, np.dtype[Any]]"
) -> Clip:
    """The rig says nothing of its owner's shape: each piece gets a face of its own."""
    who, n = f"facegood:{stem.split('_')[0]}", len(weights)
    rng = np.random.default_rng(recordings.seed(name))
    return Clip(
        voice=who, text="", samples=sound, phones=(), weights=weights.astype(np.float32),
        head=np.zeros((n, 3), np.float32),
        identity=np.clip(rng.standard_normal(_modes()), -2.2, 2.2).astype(np.float32),
        mouth=inside.astype(np.float32), upper=np.zeros(n, np.float32), person=who,
    )  # fmt: skip


@cache
def _modes() -> int:
    return len(Head.load().identity_basis)


def _split(made: Sequence[str]) -> dict[str, list[str]]:
    """There is one speaker, so the split is by piece: every fifth is held out."""
    kept = sorted(made)[_EVERY // 2 :: _EVERY]
    return {"held_out": kept, "train": [n for n in sorted(made) if n not in kept]}


def prepare(folder: Path, out: Path, processes: int = 1) -> dict[str, Any]:
    """Makes the data set; its page."""
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in recordings.SOUNDS)
    found = find_offset(files)
    page: dict[str, Any] = {
        "kind": "facegood", "motion": "captured: the rig's weights by name; no eyes, no brows",
        "offset": round(found.seconds, 4), "agreement": round(found.agreement, 3),
    }  # fmt: skip
    page = recordings.gather(out, files, Facegood(found.seconds), page, processes)
    page |= {"people_held_out": [], **_split(page["train"] + page["held_out"])}
    page["left_out"] = _left_out([f for f in files if f.name not in page["refused"]])
    store.write_page(out, page)
    return page


def _left_out(files: Sequence[Path]) -> list[str]:
    seen = [captured(f.with_suffix(".npz")) for f in files]
    return sorted({name for one in seen for name in unmapped(one.names, one.weights)})


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.prepare facegood", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DATASET")
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args(argv)
    if not args.folder.is_dir():
        raise ConfigError(f"{args.folder} is not a folder; give one with NAME.ogg and NAME.npz")
    page = prepare(args.folder, args.out, args.processes)
    tell(f"the motion was moved by {1000 * page['offset']:.0f} ms ({page['agreement']:.2f} agrees)")
    tell(recordings.report(page))
