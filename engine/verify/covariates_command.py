"""python -m engine.verify covariates: how far can this covariate take me? A table and a picture."""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ConfigError, DeliveryError

from . import covariates as rules
from .covariates import Covariate, Doubles
from .narrow import Buckets, Narrowing, narrow, search

AMONG = (2, 3, 4, 5, 10, 100)
RATES = (1e-1, 1e-2, 1e-3)
TEACHES = """\
examples:
  sex, seen right 97 of 100 times in faces and voices alike:
    %(prog)s --prior 0.5,0.5 --confusion 0.97
  rows are true classes, columns the labels given; the gallery's side is seen better:
    %(prog)s --prior 0.6,0.4 --confusion "0.97,0.03;0.05,0.95" --gallery-confusion 0.99
  two covariates at once, and the time of a narrowed search among 100,000 people:
    %(prog)s --prior 0.5,0.5 --confusion 0.97 --prior 0.25,0.25,0.25,0.25 --confusion 0.8 \\
      --gallery 100000
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Adds the subcommand; `args.command` is main."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "covariates",
        help="how far sex, age or another covariate alone can take a decision",
        description=__doc__,
        epilog=TEACHES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--prior", action="append", required=True, metavar="P,P", help="shares of the classes")
    add("--confusion", action="append", required=True, metavar="ROW;ROW",
        help="labels given to each true class, or one number: right that often; "
             "'0.6 adjacent': wrong by one class only")  # fmt: skip
    add("--gallery-confusion", action="append", default=[], metavar="ROW;ROW",
        help="the same where the gallery's side is another modality")  # fmt: skip
    add("--recall", type=float, default=0.99, help="of a narrowed search (%(default)s)")
    add("--gallery", type=int, metavar="N", help="time a narrowed search among N made-up people")
    add("--picture", type=Path, default=Path("out.covariates.png"), help="(%(default)s)")
    add("--json", type=Path, help="write the figures here as well")
    parser.set_defaults(command=main, json=False)
    return parser


def main(args: argparse.Namespace) -> int:
    """Prints the table, writes the picture; ConfigError where the numbers are no covariate."""
    c = _covariate(args)
    if not 0 < args.recall <= 1:
        raise ConfigError("--recall should lie in (0, 1]")
    kept = narrow(c, args.recall)
    found = figures(c, kept)
    if args.gallery:
        found["search"] = timed(c, kept, args.gallery)
    print(table(found))
    picture(c, found, args.picture)
    print(f"picture in {args.picture}")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


# what is asked


def _covariate(args: argparse.Namespace) -> Covariate:
    count = len(args.prior)
    if len(args.confusion) != count or len(args.gallery_confusion) not in (0, count):
        raise ConfigError(
            "give one --confusion (and --gallery-confusion, or none) for each --prior"
        )
    sides = args.gallery_confusion or [None] * count
    asked = zip(args.prior, args.confusion, sides, strict=True)
    return rules.product([_one(*texts) for texts in asked])


def _one(prior: str, probe: str, gallery: str | None) -> Covariate:
    shares = _numbers(prior)
    seen = _matrix(probe, len(shares))
    return rules.covariate(shares, seen, None if gallery is None else _matrix(gallery, len(shares)))


def _matrix(text: str, classes: int) -> Doubles | list[list[float]]:
    right, near, _ = text.partition(" adjacent")
    rows = [_numbers(row) for row in right.split(";")]
    if len(rows) > 1 or len(rows[0]) > 1:
        return rows
    if classes < 2 or not 0 <= rows[0][0] <= 1:
        raise ConfigError("an accuracy should lie in [0, 1] and the prior have two or more classes")
    return (rules.adjacent if near else rules.symmetric)(classes, rows[0][0])


def _numbers(text: str) -> list[float]:
    try:
        return [float(x) for x in text.split(",")]
    except ValueError as e:
        raise ConfigError(f"'{text}' is not a list of numbers: write 0.5,0.5") from e


# what is answered


def figures(c: Covariate, kept: Narrowing) -> dict[str, Any]:
    """All that the optimal rules reach with this covariate alone."""
    roc = rules.verification(c)
    return {
        "matching": {
            str(n): float(v) for n, v in zip(AMONG, rules.matchings(c, AMONG), strict=True)
        },
        "eer": roc.eer,
        "tar": {f"{rate:g}": roc.tar_at(rate) for rate in RATES},
        "map_of_the_class": rules.retrieval(c, 1000),
        "map_of_the_person_10_in_1000": rules.retrieval(c, 1000, 10),
        "narrowed": {"recall": kept.recall, "share": kept.share},
        "ratio": np.round(c.ratio, 6).tolist(),
    }


@dataclass(frozen=True, slots=True)
class _People:
    """A made-up gallery: templates sorted by label, and probes of people in it."""

    buckets: Buckets
    templates: np.ndarray[Any, np.dtype[np.float32]]  # (g, 128) sorted
    labels: np.ndarray[Any, np.dtype[np.int64]]  # (p,) as the probe's side sees them
    probes: np.ndarray[Any, np.dtype[np.float32]]  # (p, 128)
    own: np.ndarray[Any, np.dtype[np.int64]]  # (p,) sorted places


def _people(c: Covariate, count: int, probes: int) -> _People:
    rng = np.random.default_rng(0)
    true = rng.choice(len(c.prior), count, p=c.prior)
    buckets = Buckets(_seen(c.gallery, true, rng), c.gallery.shape[1])
    templates = rng.normal(size=(count, 128)).astype(np.float32)
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    own = rng.integers(0, count, probes)
    noisy = templates[own] + rng.normal(0, 0.05, (probes, 128)).astype(np.float32)
    return _People(buckets, templates, _seen(c.probe, true[buckets.order[own]], rng), noisy, own)


def _seen(
    confusion: Doubles, true: np.ndarray[Any, np.dtype[np.int64]], rng: np.random.Generator
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A label for each of the true classes (n,)."""
    given = np.zeros(len(true), np.int64)
    for k, row in enumerate(confusion):
        mine = true == k
        given[mine] = rng.choice(len(row), int(mine.sum()), p=row)
    return given


def timed(c: Covariate, kept: Narrowing, count: int, probes: int = 200) -> dict[str, float]:
    """Milliseconds (median) of the full and of the narrowed search, and what the latter found."""
    people = _people(c, count, probes)
    runs = [people.buckets.runs(keep) for keep in kept.keep]
    took: dict[str, list[float]] = {"full": [], "narrowed": []}
    found = {"full": 0, "narrowed": 0}
    for label, probe, own in zip(people.labels, people.probes, people.own, strict=True):
        for name, parts in (("full", [(0, count)]), ("narrowed", runs[label])):
            began = time.perf_counter()
            at, _ = search(people.templates, parts, probe)
            took[name].append(time.perf_counter() - began)
            found[name] += at == own
    return {
        "people": count,
        **{f"{name}_ms": float(np.median(t)) * 1e3 for name, t in took.items()},
        **{f"{name}_recall": n / probes for name, n in found.items()},
    }


def table(found: dict[str, Any]) -> str:
    """The figures for a person, each beside chance."""
    kept, people = found["narrowed"], 1000
    rows = [
        f"{'with the best use of this covariate alone':<46}{'':>9}{'chance':>9}",
        *(_row(f"one of {n} chosen right", v, 1 / int(n)) for n, v in found["matching"].items()),
        _row("same person or not: equal error rate", found["eer"], 0.5),
        *(_row(f"  TAR at FMR {rate}", v, float(rate)) for rate, v in found["tar"].items()),
        _row(f"mAP, 10 of the person in {people}", found["map_of_the_person_10_in_1000"],
             float(rules.average_precision([people], [10]))),
        _row("mAP, all of the class", found["map_of_the_class"], None),
        _narrowed(kept),
    ]  # fmt: skip
    if "search" in found:
        s = found["search"]
        rows.append(
            f"among {s['people']} made-up people: full scan {s['full_ms']:.2f} ms finds "
            f"{100 * s['full_recall']:.1f} %, narrowed {s['narrowed_ms']:.2f} ms finds "
            f"{100 * s['narrowed_recall']:.1f} %"
        )
    return "\n".join(rows)


def _narrowed(kept: dict[str, float]) -> str:
    share, recall = 100 * kept["share"], 100 * kept["recall"]
    return f"a gallery narrowed to {share:.1f} % keeps {recall:.2f} % of mates"


def _row(name: str, value: float, chance: float | None) -> str:
    beside = "" if chance is None else f"{100 * chance:8.2f}%"
    return f"{name:<46}{100 * value:8.2f}%{beside}"


def picture(c: Covariate, found: dict[str, Any], to: Path) -> None:
    """The ROC and the 1:N curve, each beside chance, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # here: 0.3 s
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    roc = rules.verification(c)
    left.plot(roc.fmr, roc.tar, "o-", markersize=3, color="#0b6e8a", label="best rule")
    left.plot([0, 1], [0, 1], ":", color="#888", label="chance")
    left.plot(roc.eer, 1 - roc.eer, "o", color="#b8442c", label=f"EER {100 * roc.eer:.1f} %")
    left.set(xlabel="false match rate", ylabel="true accept rate", title="same person or not")
    n = np.unique(np.geomspace(2, 100, 30).astype(int))
    right.plot(n, 100 * rules.matchings(c, n.tolist()), color="#0b6e8a", label="best rule")
    right.plot(n, 100 / n, ":", color="#888", label="chance")
    right.set(xscale="log", xlabel="people to choose among", ylabel="chosen right, %", title="1:N")
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=0.25)
    try:
        figure.savefig(to, dpi=110)
    except OSError as e:
        raise DeliveryError(f"cannot write {to}: {e.strerror}; choose another --picture") from e
