"""The shipped MeshTalk, run as the engine runs it, against the generator on what it never heard.

python -m training.evaluate meshtalk [--model DIR] [--clips N] [--json FILE] [--write]
python -m training.evaluate meshtalk --data DATASET ... [--rows RUN ...] [--out DIR] [--study DIR]
python -m training.evaluate meshtalk --data DATASET --clips 3 --strip FILE [--avatar NAME]

The second form compares the model and the runs of baselines on held-out clips: `--data` takes
folders of clips, and `test` and `voices` for the generator's own. Tables, JSON and pictures.
The third draws frames of held-out videos, and below them the head that heard their sound.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.head import Head
from engine.model import MODELS, write_about
from engine.render.config import RenderConfig
from engine.speech import MeshTalk, Model, SpeechConfig
from engine.types import Floats
from training.data.clips import FPS, Clip, clips, part
from training.loop import tell

from . import measure
from .compare import Asked, compare, for_strip, for_study
from .recorded import SAMPLES
from .ruler import vowel_pairs
from .speakers import stream


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one part of the test data. Openings in speech frames only; means over clips."""

    clips: int
    minutes: float
    correlation: float  # of the opening with the generator's
    lag_frames: float  # that fits best, positive when the net is late
    closure: float  # of p, b, m
    closure_by_chance: float
    closure_generator: float
    phones: int  # p, b, m
    vowels: float  # pairs of an open and a close vowel of one clip, the open one wider
    vowels_generator: float  # the same in what the generator made
    openness: float  # spread of the opening over the generator's
    blinks_a_minute: float
    seeds_lips: float  # correlation of the openings of two seeds
    seeds_lids: float  # the same of the lids
    gain_20_db: float  # correlation, 20 dB louder and quieter: the lower of both
    silent_opening: float  # mean opening in silence over aa
    step_ms: float  # median, one thread


@dataclass(frozen=True, slots=True)
class _Heard:
    """One clip's measures."""

    n: int
    values: dict[str, float]
    closures: measure.Closures
    own: measure.Closures
    vowels: tuple[int, int]  # pairs right, of how many
    own_vowels: tuple[int, int]
    blinks: int


class Bench:
    """A model and a head to measure clips with."""

    def __init__(self, folder: Path) -> None:
        self.head, self.model = Head.load(), Model.load(folder, "cpu")

    def faces(self, clip: Clip, person: Floats, seed: int, gain: float = 1.0) -> list[Floats]:
        stage = MeshTalk(SpeechConfig(), self.head, person, FPS, seed, "cpu", self.model)
        return stream(stage, clip.samples * np.float32(gain))[: len(clip.weights)]

    def hear(self, clip: Clip, rng: np.random.Generator, gains: bool) -> _Heard:
        head, person = self.head, self.head.person(clip.identity)
        first, second = (self.faces(clip, person, seed) for seed in (0, 1))
        truth = measure.openings(head, [head.pose(person, w) for w in clip.weights])
        opening, again = measure.openings(head, first), measure.openings(head, second)
        speech = measure.speech_frames(clip.phones, len(truth), FPS)
        lids, lids_again = (measure.lids(head, person, f) for f in (first, second))
        wide = measure.aa(head, person)
        least = measure.CLOSED * wide
        quiet = np.setdiff1d(
            np.arange(15, len(truth)), (speech[:, None] + np.arange(-8, 9)).ravel()
        )
        values = {
            "correlation": measure.correlation(opening[speech], truth[speech]),
            "lag_frames": _lag(opening, truth),
            "openness": float(np.std(opening[speech]) / np.std(truth[speech])),
            "seeds_lips": measure.correlation(opening[speech], again[speech]),
            "seeds_lids": measure.correlation(lids, lids_again),
            "silent_opening": float(opening[quiet].mean() / wide) if len(quiet) else float("nan"),
        }
        if gains:
            values["gain_20_db"] = min(
                measure.correlation(
                    measure.openings(head, self.faces(clip, person, 0, g))[speech], truth[speech]
                )
                for g in (0.1, 10.0)
            )
        return _Heard(
            len(truth), values, measure.closures(opening, clip.phones, least, FPS, rng),
            measure.closures(truth, clip.phones, least, FPS, rng),
            vowel_pairs(opening, clip.phones), vowel_pairs(truth, clip.phones),
            measure.blinks(lids),
        )  # fmt: skip


def _lag(made: Floats, wanted: Floats) -> float:
    """Frames by which `made` fits `wanted` best when moved earlier."""
    lags = range(-5, 6)
    fits = [measure.correlation(made[5 + d : len(made) - 5 + d], wanted[5:-5]) for d in lags]
    return float(lags[int(np.argmax(fits))])


def evaluate(folder: Path, count: int) -> dict[str, Figures]:
    """Figures for known voices with new sentences, and for voices never heard."""
    bench = Bench(folder)
    modes = len(bench.head.identity_basis)
    found = {}
    for name, seed in (("test", 11), ("voices", 12)):
        rng = np.random.default_rng(seed)
        heard = [
            bench.hear(c, rng, gains=i < count // 3 + 1)
            for i, c in enumerate(clips(part(name), count, modes, seed))
        ]
        found[name] = _figures(heard, step_ms(bench.model))
    return found


def _figures(heard: list[_Heard], step: float) -> Figures:
    minutes = sum(h.n for h in heard) / FPS / 60
    mean = {
        key: float(np.nanmean([h.values[key] for h in heard if key in h.values]))
        for key in heard[0].values
    }
    asked = sum(h.closures.asked for h in heard)
    return Figures(
        clips=len(heard), minutes=minutes, phones=asked, step_ms=step,
        closure=sum(h.closures.made for h in heard) / asked,
        closure_by_chance=sum(h.closures.by_chance * h.closures.asked for h in heard
                              if h.closures.asked) / asked,
        closure_generator=sum(h.own.made for h in heard) / asked,
        vowels=_share([h.vowels for h in heard]),
        vowels_generator=_share([h.own_vowels for h in heard]),
        blinks_a_minute=sum(h.blinks for h in heard) / minutes, **mean,
    )  # fmt: skip


def _share(pairs: Sequence[tuple[int, int]]) -> float:
    return sum(right for right, _ in pairs) / max(1, sum(count for _, count in pairs))


def step_ms(model: Model, times: int = 120) -> float:
    """Median milliseconds of one step of one stream."""
    mel = np.full((1, 61, 80), -8, np.float32)
    template = model.template(model.template_mean)[None]
    noise = np.zeros((1, model.heads, model.classes), np.float32)
    state, taken = model.begin(), []
    for _ in range(times):
        began = time.perf_counter()
        _, state = model.step(mel, template, noise, model.temperature[None], state)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken) * 1e3)


def table(found: dict[str, Figures]) -> str:
    rows = [f"{'':22}" + "".join(f"{name:>12}" for name in found)]
    for key in asdict(next(iter(found.values()))):
        values = [getattr(f, key) for f in found.values()]
        rows.append(f"{key:22}" + "".join(f"{v:12.3f}" for v in values))
    return "\n".join(rows)


def write(folder: Path, found: dict[str, Figures]) -> None:
    """Puts the figures into the model's about.json."""
    about: dict[str, Any] = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    files = list(about.pop("files"))
    about["metrics"] = {n: {k: round(v, 4) for k, v in asdict(f).items()} for n, f in found.items()}
    write_about(folder, files, **about)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate meshtalk", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--model", type=Path, default=MODELS / "meshtalk")
    parser.add_argument("--clips", type=int, default=24, help="of each part")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--write", action="store_true", help="put them into the model's about.json")
    parser.add_argument("--data", nargs="+", metavar="DATASET", help="compare on these")
    parser.add_argument("--rows", nargs="+", type=Path, default=[], metavar="RUN",
                        help="finished runs to compare with")  # fmt: skip
    parser.add_argument("--no-model", action="store_true", help="compare the rows alone")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="seeds drawn a clip")
    parser.add_argument("--out", type=Path, default=Path("runs/evaluation"))
    parser.add_argument("--study", type=Path, metavar="DIR", help="write clip pairs here instead")
    parser.add_argument("--strip", type=Path, metavar="FILE", help="draw the clips here instead")
    parser.add_argument("--outline", action="store_true", help="in it, lines in place of pictures")
    parser.add_argument("--avatar", default=RenderConfig().avatar, help="who is drawn in the strip")
    args = parser.parse_args(argv)
    if args.data:
        model = None if args.no_model else args.model
        asked = Asked(model, args.rows, args.data, args.clips, args.samples, args.out)
        if args.study:
            tell(f"clip pairs and their key in {for_study(asked, args.study)}")
        elif args.strip:
            tell(f"drawn in {for_strip(asked, args.avatar, args.strip, args.outline)}")
        else:
            compare(asked)
    else:
        _generators(args)


def _generators(args: argparse.Namespace) -> None:
    found = evaluate(args.model, args.clips)
    tell(table(found))
    if args.json:
        args.json.write_text(json.dumps({n: asdict(f) for n, f in found.items()}, indent=2))
    if args.write:
        write(args.model, found)
