"""python -m training.prepare speech DIR --out DATASET: recordings of speech -> sound and motion.

The motion is the generator's, made from the phones that are heard (or known, where NAME.txt lies
beside the sound). A speaker is a folder within DIR, or the file's name up to the first "-". The
models know English; other languages are heard as the nearest English sounds, and trusted less.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from engine.errors import ConfigError, DeviceError
from engine.head import Head
from engine.types import Floats
from training.data import align, clips, recordings, upper
from training.data.align import Decoded
from training.data.clips import FPS, Clip
from training.data.voices import RATE, Phone
from training.loop import tell

_HEARD = 0.3  # mean confidence below which a recording is not speech


@dataclass(frozen=True, slots=True)
class Speech:
    """Makes clips of one recording; sent to other processes whole."""

    corpus: Path

    def __call__(self, file: Path) -> Iterator[recordings.Named]:
        samples = recordings.speech(file)
        text = _text(file)
        said = align.align(samples, text) if text else None
        if text and said is None:
            raise DeviceError(f"{file.name} does not say what {file.stem}.txt holds")
        made = 0
        for k, (start, end) in enumerate(recordings.pieces(samples)):
            sound = samples[round(start * RATE) : round(end * RATE)]
            decoded = _part(said, start, start + len(sound) / RATE) if said else align.decode(sound)
            if align.spoken_share(decoded) >= _HEARD:
                made += 1
                yield f"{self._name(file)}-{k:02d}", self._clip(file, k, sound, decoded, text)
        if not made:
            raise DeviceError(f"{file.name} holds no speech that can be made out")

    def _name(self, file: Path) -> str:
        return "-".join(file.relative_to(self.corpus).with_suffix("").parts)

    def _clip(self, file: Path, k: int, sound: Floats, said: Decoded, text: str) -> Clip:
        rng = np.random.default_rng(recordings.seed(self.corpus.name, self._name(file), k))
        times = np.arange(int(len(sound) * FPS / RATE)) / FPS
        who = f"{self.corpus.name}:{self.speaker(file)}"
        return Clip(
            who, text, sound, said.phones,
            clips.motion(said.phones, sound, times, rng),
            upper.head_curves(rng, len(times), FPS),
            np.clip(rng.standard_normal(_modes()), -2.2, 2.2).astype(np.float32),
            align.trust(said, times), np.ones(len(times), np.float32), who,
        )  # fmt: skip

    def speaker(self, file: Path) -> str:
        below = file.relative_to(self.corpus).parts
        return below[0] if len(below) > 1 else file.stem.split("-")[0]


@cache
def _modes() -> int:
    return len(Head.load().identity_basis)


def _text(file: Path) -> str:
    beside = file.with_suffix(".txt")
    try:
        return beside.read_text(encoding="utf-8").strip() if beside.exists() else ""
    except (OSError, UnicodeDecodeError) as e:
        raise DeviceError(f"cannot read {beside.name} as text: {e}") from e


def _part(said: Decoded, start: float, end: float) -> Decoded:
    """What is said from `start` to `end`, in seconds from `start`."""
    kept = [(Phone(p.name, max(p.start, start) - start, min(p.end, end) - start), c)
            for p, c in zip(said.phones, said.confidence, strict=True)
            if p.end > start and p.start < end]  # fmt: skip
    return Decoded(tuple(p for p, _ in kept), np.array([c for _, c in kept], np.float32))


def sexes(folder: Path) -> dict[str, str]:
    """Speaker -> f or m as LibriSpeech's SPEAKERS.TXT has it; {} where there is none."""
    file = folder / "SPEAKERS.TXT"
    if not file.exists():
        return {}
    rows = [line.split("|") for line in file.read_text(encoding="utf-8").splitlines()]
    return {
        r[0].strip(): r[1].strip().lower() for r in rows if len(r) > 2 and not r[0].startswith(";")
    }


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.prepare speech")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DATASET")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args(argv)
    if not args.folder.is_dir():
        raise ConfigError(f"{args.folder} is not a folder; give one with recordings of speech")
    make = Speech(args.folder)
    files = sorted(f for f in args.folder.rglob("*") if f.suffix.lower() in recordings.SOUNDS)
    known = sexes(args.folder)
    page = {
        "kind": "speech", "corpus": args.folder.name,
        "motion": "made from phones: forced alignment where a text is given, else decoded",
        "sex": {s: known[s] for s in sorted({make.speaker(f) for f in files}) if s in known},
    }  # fmt: skip
    tell(recordings.report(recordings.gather(args.out, files, make, page, args.processes)))
