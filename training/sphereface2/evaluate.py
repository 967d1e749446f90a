"""Face embeddings on people who were held out: pairs, EER, TAR, DET, 1:N, subgroups, trials.

python -m training.evaluate sphereface2 --model engine/models/sphereface2 --teacher
python -m training.evaluate sphereface2 --trials t.csv --root pictures --scores out.csv
python -m training.evaluate sphereface2 --streams          strangers' and enrolled people's streams
python -m training.evaluate sphereface2 --losses --steps 1500        every loss, one table
python -m training.evaluate sphereface2 --bench sphereface2 range    the papers' claims; all if none
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.errors import ConfigError
from engine.model import MODELS
from engine.types import Floats
from engine.verify.decision import DecisionConfig
from training.loop import tell

from . import faces as stores
from . import measures, pictures, protocols, streams, trials
from .faces import Faces
from .measures import Curve, Figure, Search
from .net import embeddings
from .protocols import Pairs
from .run import trained


@dataclass(frozen=True, slots=True)
class Report:
    """One embedding on one set of people."""

    accuracy: tuple[float, float]  # ten folds: mean and standard error
    figures: dict[str, Figure]
    groups: dict[str, dict[str, Figure]]
    search: Search
    curve: Curve
    counts: dict[str, int]


def report(
    faces: Faces,
    embedding: Floats,
    pairs: Pairs | None = None,
    groups: Mapping[str, str] | None = None,
) -> Report:
    """`pairs`: a list of one's own in place of all pairs; `groups`: person -> group."""
    every = pairs or protocols.everyone(faces)
    folds = pairs or protocols.ten_folds(faces)
    found = protocols.scores(faces, every, embedding)
    alike = protocols.similarity(embedding[folds.left], embedding[folds.right])
    return Report(
        measures.ten_folds(alike, folds.same, folds.fold), measures.figures(found),
        _groups(faces, every, embedding, dict(groups or {})),
        protocols.one_to_many(faces, embedding), measures.curve(found),
        {"people": len(faces.people), "pictures": len(faces), "genuine": len(found.genuine),
         "impostor": len(found.impostor)},
    )  # fmt: skip


def _groups(
    faces: Faces, pairs: Pairs, embedding: Floats, group: dict[str, str]
) -> dict[str, dict[str, Figure]]:
    found = {}
    for name in sorted(set(group.values())):
        inside = protocols.within(faces, pairs, group, name)
        if inside.same.any() and not inside.same.all():
            found[name] = measures.figures(protocols.scores(faces, inside, embedding), draws=50)
    return found


def table(reports: Mapping[str, Report]) -> str:
    """Rows are figures, columns embeddings."""
    rows: dict[str, list[str]] = {}
    for r in reports.values():
        mean, error = r.accuracy
        _add(rows, "10-fold accuracy, %", f"{100 * mean:.2f} +- {100 * error:.2f}")
        for name, figure in r.figures.items():
            _add(rows, f"{name}, %", str(figure))
        _add(rows, f"rank 1 of {r.search.people}, %", f"{100 * r.search.rank1:.2f}")
        for rate, value in r.search.fnir.items():
            _add(rows, f"FNIR at FPIR {rate}, %", f"{100 * value:.2f}")
        for group, inside in r.groups.items():
            for name, figure in inside.items():
                _add(rows, f"  {group}: {name}, %", str(figure))
    head = f"{'':34}" + "".join(f"{n[:25]:>27}" for n in reports)
    counts = next(iter(reports.values())).counts
    tail = ", ".join(f"{v} {k}" for k, v in counts.items())
    body = [f"{k:34}" + "".join(f"{v:>27}" for v in vs) for k, vs in rows.items()]
    return "\n".join([head, *body, tail])


def _add(rows: dict[str, list[str]], name: str, value: str) -> None:
    rows.setdefault(name, []).append(value)


def plain(reports: Mapping[str, Report]) -> dict[str, Any]:
    """All but the curves, for a JSON file."""
    return {n: {k: v for k, v in asdict(r).items() if k != "curve"} for n, r in reports.items()}


# the command


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    torch.set_num_threads(args.threads)
    if args.bench is not None or args.losses:
        from . import bench  # its training is not needed to evaluate

        claims = ["losses"] if args.losses else args.bench
        limits = bench.Limits(args.steps, args.seconds, args.seeds)
        bench.run(claims, args.faces, args.out, limits, args.jobs)
    elif args.streams or args.cohort:
        _streams(args)
    elif args.trials:
        _trials(args)
    else:
        _evaluate(args)


def _trials(args: argparse.Namespace) -> None:
    if args.root is None or args.scores is None:
        raise ConfigError("--trials needs --root DIR and --scores OUT.csv")
    model = args.model or MODELS / "sphereface2"
    empty, unreadable = trials.run(model, args.trials, args.root, args.scores)
    tell(f"scores in {args.scores}" + (f"; {empty} pairs without a face" if empty else ""))
    if unreadable:
        tell(f"not readable as pictures: {', '.join(unreadable)}")


def _streams(args: argparse.Namespace) -> None:
    """Cohort people's scores into the model (--cohort), then the live people's streams."""
    whole, folder = stores.load(args.faces), args.model or MODELS / "sphereface2"
    model = trials.Model(folder, args.threads)
    dev, test = whole.part("dev"), whole.part("test")
    seen = {"dev": model.embed(dev.pixels), "test": model.embed(test.pixels)}
    people = streams.grouped(test, seen["test"], "cohort")
    people += [e for w in ("cohort", "live") for e in streams.grouped(dev, seen["dev"], w)]
    clips = streams.embedded(model, args.faces)
    cohort = streams.make_cohort(people, clips[::2])
    if args.cohort:
        tell(f"{streams.attach(cohort, folder)}: {cohort.people} people")
    scores, live = cohort.model(), streams.grouped(test, seen["test"], "live")
    config = DecisionConfig(target_fmr=args.target_fmr)
    tell(f"target {args.target_fmr:g}\n{streams.HEAD}")
    for n in streams.GALLERIES:
        o = streams.strangers_let_in(scores, config, live, clips[1::2], n, args.count)
        tell(streams.row("strangers", o))
    for n in streams.GALLERIES:
        o = streams.genuine(scores, config, live, clips[1::2], n, min(args.count, 1000))
        tell(streams.row("enrolled", o))
    tell(streams.row("enrolled, real recordings", streams.recorded(scores, config, clips, live)))
    for n in streams.GALLERIES:
        for word, how in (("", scores), (", uncorrected", streams.independent(scores))):
            o = streams.recorded_strangers(how, config, clips, live, n)
            tell(streams.row(f"strangers' recordings{word}", o))


def _evaluate(args: argparse.Namespace) -> None:
    whole = stores.load(args.faces)
    part = whole if args.part == "all" else whole.part(args.part)
    if not len(part):
        raise ConfigError(f"{args.faces} has nobody in its part '{args.part}'")
    pairs = None if args.pairs is None else protocols.listed(part, args.pairs)
    groups = json.loads(args.groups.read_text(encoding="utf-8")) if args.groups else None
    found = {n: report(part, e, pairs, groups) for n, e in _embeddings(args, part).items()}
    tell(table(found))
    tell(f"picture in {pictures.det({n: r.curve for n, r in found.items()}, args.picture)}")
    if args.json:
        args.json.write_text(json.dumps(plain(found), indent=1) + "\n", encoding="utf-8")


def _embeddings(args: argparse.Namespace, part: Faces) -> dict[str, Floats]:
    """Of each that is to be compared, by name."""
    found: dict[str, Floats] = {}
    for run in args.run:
        config, net, _ = trained(run)
        found[run.name] = embeddings(net, part.pixels, config.sizes.size)
    if args.model or not (args.run or args.teacher):
        folder = args.model or MODELS / "sphereface2"
        found[folder.name] = trials.Model(folder, args.threads).embed(part.pixels)
    if args.teacher:
        if part.teacher is None or np.isnan(part.teacher).any():
            raise ConfigError("the teacher has not seen all faces: training.prepare ... --teacher")
        found["dlib"] = part.teacher
    return found


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate sphereface2", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--model", type=Path, help="a model folder; engine/models/sphereface2 if nothing is given")
    add(
        "--run", type=Path, action="append", default=[], help="a training's folder; may be repeated"
    )
    add("--teacher", action="store_true", help="dlib's embeddings beside it")
    add("--faces", type=Path, default=Path("runs/faces"), help="of training.prepare (%(default)s)")
    add("--part", choices=("test", "dev", "train", "all"), default="test")
    add("--pairs", type=Path, help="an LFW-format list, or a .csv with a,b,same")
    add("--groups", type=Path, help='JSON {"person": "group"}')
    add("--picture", type=Path, default=Path("out.det.png"))
    add("--json", type=Path, help="write the figures here as well")
    add("--trials", type=Path, metavar="CSV", help="columns a,b: pictures or videos below --root")
    add("--root", type=Path)
    add("--scores", type=Path, metavar="CSV", help="a,b,similarity; empty where there is no face")
    add("--streams", action="store_true", help="how often whole streams of strangers are let in")
    add(
        "--cohort", action="store_true", help="the same, and what strangers score goes to the model"
    )
    add("--target-fmr", type=float, default=1e-2, help="of --streams (%(default)s)")
    add("--count", type=int, default=10_000, help="strangers of each gallery (%(default)s)")
    add("--losses", action="store_true", help="train every loss alike and compare them")
    add("--bench", nargs="*", metavar="CLAIM", help="what each paper claims, trained and measured")
    add("--out", type=Path, default=Path("runs/bench"), help="of --losses and --bench; resumable")
    add("--steps", type=int, default=600, help="of each of their runs")
    add("--seconds", type=float, default=120, help="that one run may take")
    add("--seeds", type=int, default=3)
    add("--jobs", type=int, default=1, help="rows trained at the same time, a core each")
    add("--threads", type=int, default=2)
    return parser.parse_args(argv)
