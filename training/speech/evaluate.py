"""python -m training.evaluate speech [--grid DIR] [--clips N]: how often heard phones are right.

Sentences never trained on, said by a held-out voice of flite, whose phones are known; with --grid,
GRID's videos (NAME.mp4 with NAME.align beside them or in DIR/align), where the forced alignment of
the known text is the truth. A phone is right where its middle lies in one of the same kind (within
20 ms). Shares come with 95 % Wilson intervals.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import binomtest
from tqdm import tqdm

from engine.capture.decode import read_sound
from engine.errors import ConfigError, DeviceError
from engine.types import Floats
from training.data import align
from training.data.align import Decoded
from training.data.clips import part
from training.data.phones import BILABIAL, LABIODENTAL, PAUSE, VOWELS
from training.data.voices import HELD_OUT, RATE, Phone, resample
from training.loop import tell

KINDS = {"p b m": BILABIAL, "f v": LABIODENTAL, "vowels": VOWELS}
_SLACK = 0.02  # seconds

Example = tuple[Floats, Sequence[Phone]]  # 16 kHz sound and its true phones


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    made: int
    asked: int

    def __add__(self, other: "Share") -> "Share":
        return Share(self.made + other.made, self.asked + other.asked)

    def __str__(self) -> str:
        if not self.asked:
            return "none"
        low, high = binomtest(self.made, self.asked).proportion_ci(method="wilson")
        share = self.made / self.asked
        return f"{share:.3f} [{low:.3f}, {high:.3f}] {self.made}/{self.asked}"


def inside(phones: Iterable[Phone], others: Sequence[Phone]) -> Share:
    """How many of the phones have their middle in one of the others."""
    middles = [(p.start + p.end) / 2 for p in phones]
    made = sum(any(o.start - _SLACK <= t <= o.end + _SLACK for o in others) for t in middles)
    return Share(made, len(middles))


def of_kind(phones: Sequence[Phone], names: frozenset[str]) -> list[Phone]:
    return [p for p in phones if p.name in names]


def compared(true: Sequence[Phone], heard: Sequence[Phone]) -> dict[str, tuple[Share, Share]]:
    """Precision and recall by kind."""
    found = {}
    for kind, names in KINDS.items():
        truth, ours = of_kind(true, names), of_kind(heard, names)
        found[kind] = inside(ours, truth), inside(truth, ours)
    return found


def by_trust(true: Sequence[Phone], decoded: Decoded) -> dict[float, Share]:
    """How often the phones of each confidence are of the right kind."""
    found: dict[float, Share] = {}
    for phone, confidence in zip(decoded.phones, decoded.confidence, strict=True):
        if phone.name != PAUSE:
            names = next((n for n in KINDS.values() if phone.name in n), frozenset([phone.name]))
            level = round(float(confidence), 2)
            share = inside([phone], of_kind(true, names))
            found[level] = found.get(level, Share(0, 0)) + share
    return found


def flite(count: int) -> Iterator[Example]:
    voice = next(v for v in HELD_OUT if v.engine == "flite")
    for text in part("voices").sentences[:count]:
        said = voice.say(str(text))
        yield said.samples, said.phones


def grid(folder: Path, count: int) -> Iterator[Example]:
    """GRID's clips whose text fits their sound, spread over the folder."""
    videos = sorted(v for v in folder.rglob("*") if v.suffix in (".mp4", ".mpg") and _words(v))
    if not videos:
        raise ConfigError(f"{folder} holds no videos with a NAME.align; give GRID's folder")
    for video in videos[:: max(1, len(videos) // count)][:count]:
        words = _words(video)
        text, _ = align.read_align(words) if words else ("", [])
        chunk = read_sound(video)
        samples = resample(chunk.samples, chunk.rate)
        known = align.align(samples, text)
        if known is not None:
            yield samples, known.phones


def _words(video: Path) -> Path | None:
    name = f"{video.stem}.align"
    return next((f for f in (video.with_name(name), video.parent / "align" / name) if f.exists()),
                None)  # fmt: skip


def evaluate(title: str, examples: Iterable[Example], count: int) -> str:
    """A table of what `align.decode` hears in the examples."""
    kinds: dict[str, tuple[Share, Share]] = {k: (Share(0, 0), Share(0, 0)) for k in KINDS}
    trust: dict[float, Share] = {}
    seconds, n = 0.0, 0
    for samples, true in tqdm(examples, title, count, unit="clip", leave=False):
        decoded = align.decode(samples)
        for kind, (precision, recall) in compared(true, decoded.phones).items():
            kinds[kind] = kinds[kind][0] + precision, kinds[kind][1] + recall
        for level, share in by_trust(true, decoded).items():
            trust[level] = trust.get(level, Share(0, 0)) + share
        seconds, n = seconds + len(samples) / RATE, n + 1
    if not n:
        raise DeviceError(f"{title}: the text fits the sound of no clip")
    return table(f"{title}: {n} clips, {seconds:.0f} s", kinds, trust)


def table(title: str, kinds: dict[str, tuple[Share, Share]], trust: dict[float, Share]) -> str:
    rows = [f"{title:24}{'precision':36}recall"]
    rows += [f"  {kind:22}{p!s:36}{r}" for kind, (p, r) in kinds.items()]
    rows += [f"  trusted {level:<14.2f}{share}" for level, share in sorted(trust.items())]
    return "\n".join(row.rstrip() for row in rows)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate speech", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--grid", type=Path, metavar="DIR", help="GRID's videos and alignments")
    parser.add_argument("--clips", type=int, default=60, help="of each, at most")
    args = parser.parse_args(argv)
    if args.clips < 1:
        raise ConfigError(f"--clips {args.clips}: at least 1 is needed")
    if args.grid and not args.grid.is_dir():
        raise ConfigError(f"{args.grid} is not a folder; give GRID's videos")
    sets: list[tuple[str, Callable[[], Iterator[Example]]]] = [("flite", lambda: flite(args.clips))]
    if args.grid:
        sets.append(("GRID", lambda: grid(args.grid, args.clips)))
    for title, examples in sets:
        tell(evaluate(title, examples(), args.clips))
