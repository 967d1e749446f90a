"""Videos of people who talk -> a data set of sound and the head model's motion.

python -m training.prepare talking DIR --out DATASET [--each] [--words DIR] [--second SHARE]

DIR holds PERSON/SOURCE/FILE or PERSON/FILE, or files of one person; with --each every file is
another person's. A source is one take of one camera: its clips share one offset between sound and
picture, which is measured and taken out. What cannot serve is refused in one line, and the rest is
prepared. A second run goes on where the first one stopped. DATASET/sheet.jpg shows what was made.
"""

import argparse
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from engine.errors import EngineError
from engine.head import Head
from engine.types import Floats
from training.data import align, store
from training.data.clips import Clip
from training.data.recordings import held_out
from training.data.voices import RATE
from training.loop import tell

from . import motion, offset
from .motion import Moved, Person
from .recordings import Recording, by_person, recordings, seen, sound, watch_all
from .sheet import sheet

SURE = 0.25  # agreement of sound and lips from which on an offset is believed


@dataclass(frozen=True, slots=True)
class Options:
    out: Path
    words: Path | None  # NAME.align beside the videos' names: the words that are said
    second: float  # share of the clips that are fitted twice, to know the fit's own noise
    hold_out: str  # what is kept for testing: clips, people or all


@dataclass(frozen=True, slots=True)
class Heard:
    """One clip's sound, and how well the lips go with it at each offset."""

    samples: Floats
    begin: float  # seconds from the first picture to the first sample, as the file says
    curve: "np.ndarray[Any, np.dtype[np.float64]]"


class Preparation:
    """A data set in the making."""

    def __init__(self, options: Options, refused: dict[str, str]) -> None:
        self.options, self.refused, self.head = options, refused, Head.load()
        self.clips: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, dict[str, float]] = {}

    def person(self, name: str, found: list[Recording]) -> None:
        """All clips of one person."""
        views = {one.name: seen(self.options.out, one) for one in found}
        person = motion.know(self.head, list(views.values()))
        heard: dict[str, Heard] = {}
        for one in tqdm(found, f"{name}: sound", unit="clip", leave=False):
            self._try(one, lambda one=one: heard.update({one.name: self._hear(one, person)}))
        self._offsets([one for one in found if one.name in heard], heard)
        for one in tqdm(found, f"{name}: motion", unit="clip", leave=False):
            if one.name in heard:
                self._try(one, lambda one=one: self._save(one, person, heard[one.name]))

    def _try(self, one: Recording, what: Any) -> None:
        try:
            what()
        except EngineError as e:
            self.refused[one.name] = str(e)
            tqdm.write(f"{one.file}: {e}")

    def _hear(self, one: Recording, person: Person) -> Heard:
        samples, begin = sound(one)
        lips = motion.seen_opening(seen(self.options.out, one), person.habit)
        at_sound = offset.Opening(lips.times - begin, lips.height)
        return Heard(samples, begin, offset.curve(at_sound, offset.heard_opening(samples)))

    def _offsets(self, found: list[Recording], heard: dict[str, Heard]) -> None:
        for source in sorted({one.source for one in found}):
            curves = [heard[one.name].curve for one in found if one.source == source]
            at = offset.best(curves)
            self.sources[source] = {
                "offset": round(at.seconds, 4), "agreement": round(at.agreement, 3),
                "clips": len(curves), "taken_out": float(at.agreement >= SURE),
            }  # fmt: skip

    def _save(self, one: Recording, person: Person, heard: Heard) -> None:
        moved = motion.move(self.head, person, seen(self.options.out, one))
        source = self.sources[one.source]
        begin = heard.begin - source["offset"] * source["taken_out"]
        seconds = len(heard.samples) / RATE
        frames = motion.at_sound(moved, begin, seconds)
        text, said = self._said(one, heard.samples)
        clip = Clip(
            voice=one.person, text=text, samples=heard.samples, phones=said.phones if said else (),
            identity=person.surface.identity, person=one.person, **frames,
        )  # fmt: skip
        store.save(self.options.out, one.name, clip, self._refit(one, person, begin, seconds))
        own = offset.best([heard.curve])
        self.clips[one.name] = {
            "file": str(one.file), "text": text, "person": one.person, "source": one.source,
            "begin": round(begin, 4), "own_offset": round(own.seconds, 4),
            "agreement": round(own.agreement, 3), "seconds": round(seconds, 2),
            **_rounded(moved),
        }  # fmt: skip

    def _said(self, one: Recording, samples: Floats) -> tuple[str, align.Decoded | None]:
        """The words that are known to be said, and the phones of them or of the sound."""
        words = self.options.words and self.options.words / f"{one.file.stem}.align"
        if words and words.exists():
            text, _ = align.read_align(words)
            return text, align.align(samples, text)
        return "", align.decode(samples)

    def _refit(self, one: Recording, person: Person, begin: float, seconds: float) -> Floats | None:
        """The motion as the teacher sees it in the mirror: a second opinion."""
        if not second(one, self.options.second):
            return None
        again = motion.move(self.head, person, seen(self.options.out, one, mirrored=True))
        return motion.at_sound(again, begin, seconds)["weights"]

    def page(self) -> dict[str, Any]:
        kept = self.options.hold_out
        return {
            "made_by": "python -m training.prepare talking",
            "people": sorted({c["person"] for c in self.clips.values()}),
            "held_out": [n for n, c in sorted(self.clips.items()) if _held_out(kept, c)],
            "clips": self.clips, "sources": self.sources, "refused": self.refused,
        }  # fmt: skip


def _held_out(kept: str, clip: dict[str, Any]) -> bool:
    """By the sentence where it is known, so that none is heard in training and in a test."""
    if kept == "all":
        return True
    return held_out(clip["person"] if kept == "people" else clip["text"] or clip["file"])


def second(one: Recording, share: float) -> bool:
    """Whether a clip is among those that are fitted twice; its name decides."""
    return zlib.crc32(one.name.encode()) % 1000 < 1000 * share


def _rounded(moved: Moved) -> dict[str, Any]:
    return {k: round(v, 3) for k, v in asdict(moved.quality).items()}


def prepare(folder: Path, options: Options, each: bool, teachers: Path | None) -> dict[str, Any]:
    """Makes the data set; its page."""
    found, refused = watch_all(recordings(folder, each), options.out, teachers)
    again = [one for one in found if second(one, options.second)]
    if again:
        watch_all(again, options.out, teachers, mirrored=True)
    made = Preparation(options, refused)
    with threadpool_limits(1):  # the matrices are small: two threads only spin
        for name, theirs in by_person(found):
            made.person(name, theirs)
    page = made.page()
    store.write_page(options.out, page)
    if made.clips:
        sheet(options.out, options.out / "sheet.jpg")
    return page


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.prepare talking", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("folder", type=Path, help="videos of people who talk")
    parser.add_argument("--out", type=Path, required=True, help="the data set's folder")
    parser.add_argument("--each", action="store_true", help="every file shows another person")
    parser.add_argument("--words", type=Path, help="folder of NAME.align (words and their times)")
    parser.add_argument("--second", type=float, default=0.1, help="share fitted twice (0.1)")
    parser.add_argument("--hold-out", choices=("clips", "people", "all"), default="clips",
                        help="what is kept for testing: a fifth of the sentences, of the people, "
                        "or everything")  # fmt: skip
    parser.add_argument("--teachers", type=Path, help="folder of ./run teachers")
    args = parser.parse_args(argv)
    options = Options(args.out, args.words, args.second, args.hold_out)
    page = prepare(args.folder, options, args.each, args.teachers)
    seconds = sum(c["seconds"] for c in page["clips"].values())
    made, people, refused = (len(page[k]) for k in ("clips", "people", "refused"))
    tell(f"{made} clips of {people} people, {seconds / 60:.1f} minutes, in {args.out}")
    tell(f"{refused} refused; dataset.json says why")
