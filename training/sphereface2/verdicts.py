"""What a claim is made of, and whether it held: effect, interval over seeds, a table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

Result = dict[str, Any]
Results = Mapping[str, Sequence[Result]]


@dataclass(frozen=True, slots=True)
class Variant:
    """One row: what is set on top of the bench's configuration, or a run of another kind."""

    name: str
    sets: tuple[str, ...] = ()
    seeds: int = 1000  # how many at most
    special: Callable[[Path, int, int], Result] | None = None  # (folder, seed, steps)
    key: str = ""  # of a special run


@dataclass(frozen=True, slots=True)
class Compared:
    """That `better` beats `worse` in `measure`, which is to be high or low."""

    says: str
    better: str
    worse: str
    measure: str
    low: bool = False  # whether lower is better
    margin: float = 0.0  # by how much it must not fall behind: "at least as good"


@dataclass(frozen=True, slots=True)
class Claim:
    """A paper's claim as variants, measures to show, and comparisons that decide."""

    name: str
    title: str
    variants: tuple[Variant, ...]
    measures: tuple[str, ...]
    compared: tuple[Compared, ...]
    draw: Callable[[Results, Path], Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The mean difference over seeds, its 95 % interval (Student), and what follows."""

    effect: float
    low: float
    high: float
    word: str  # held | did not hold | undecided


def judge(c: Compared, results: Results) -> Verdict:
    """Seeds are paired: the same seed means the same order of pictures."""
    better, worse = (values(results[n], c.measure) for n in (c.better, c.worse))
    n = min(len(better), len(worse))
    gain = (worse[:n] - better[:n]) if c.low else (better[:n] - worse[:n])
    gain = gain[np.isfinite(gain)]
    if not len(gain):
        return Verdict(float("nan"), float("nan"), float("nan"), "undecided: no run gave a figure")
    effect = float(gain.mean())
    wide = _half_width(gain)
    low, high = effect - wide, effect + wide
    if low > -c.margin:
        word = "held"
    else:
        word = "did not hold" if high < -c.margin else "undecided"
    return Verdict(effect, low, high, word)


def _half_width(gain: Any) -> float:
    if len(gain) < 2:
        return float("inf")
    return float(student.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain)))


def values(runs: Sequence[Result], measure: str) -> Any:
    """(seeds,) of a measure; NaN where a run has none, such as one that diverged."""
    return np.array([float(r.get(measure, np.nan)) for r in runs])


def text(claim: Claim, results: Results) -> str:
    """A Markdown table of means and spreads, and a verdict a line."""
    head = f"## {claim.title}\n\n| | {' | '.join(claim.measures)} | runs |\n|---" + "|---" * (
        len(claim.measures) + 1
    )
    rows = [_row(name, runs, claim.measures) for name, runs in results.items()]
    return "\n".join([f"{head}|", *rows, "", *(_line(c, results) for c in claim.compared)])


def _row(name: str, runs: Sequence[Result], wanted: Sequence[str]) -> str:
    cells = []
    for measure in wanted:
        found = values(runs, measure)
        found = found[np.isfinite(found)]
        cells.append(f"{found.mean():.4g} +- {found.std():.2g}" if len(found) else "-")
    bad = int(sum(r.get("diverged", 0) for r in runs))
    cut = sum(r.get("finished", 1) == 0 for r in runs)
    notes = f"{len(runs)}" + (f", {bad} diverged" if bad else "")
    return f"| {name} | {' | '.join(cells)} | {notes}{f', {cut} cut by time' if cut else ''} |"


def _line(c: Compared, results: Results) -> str:
    v = judge(c, results)
    return (
        f"- {c.says} ({c.measure}, {c.better} against {c.worse}): {v.effect:+.4f} "
        f"({v.low:+.4f} to {v.high:+.4f}): **{v.word}**"
    )
