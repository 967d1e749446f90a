"""What scores are worth: EER, TAR at FMR, DET, 10-fold accuracy, 1:N; intervals by person.

ISO/IEC 19795-1 words. Pairs that share a person are not independent, so intervals come from
resampling people: a pair counts as often as both of its people were drawn.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Rows = NDArray[np.int64]
RATES = (1e-1, 1e-2, 1e-3, 1e-4)
DRAWS = 200  # of the bootstrap


@dataclass(frozen=True, slots=True)
class Scores:
    """Similarities of pairs and whose they are."""

    genuine: Doubles  # (g,)
    owner: Rows  # (g,) person
    impostor: Doubles  # (i,)
    left: Rows  # (i,) people
    right: Rows  # (i,)

    @property
    def people(self) -> int:
        return int(max(x.max(initial=-1) for x in (self.owner, self.left, self.right))) + 1


@dataclass(frozen=True, slots=True)
class Curve:
    """Weighted FMR and FNMR over thresholds."""

    threshold: Doubles  # (k,) falling; accepted is what lies above
    fmr: Doubles  # (k,) rising
    fnmr: Doubles  # (k,) falling

    @property
    def eer(self) -> float:
        i = int(np.argmax(self.fmr >= self.fnmr))
        if i == 0:
            return float(self.fmr[0])
        gap = (self.fnmr - self.fmr)[[i - 1, i]]
        share = gap[0] / (gap[0] - gap[1])
        return float(self.fmr[i - 1] + share * (self.fmr[i] - self.fmr[i - 1]))

    def tar(self, fmr: float) -> float:
        """At the lowest threshold with no more false matches than that."""
        return 1 - float(self.fnmr[np.searchsorted(self.fmr, fmr + 1e-12, side="right") - 1])


def curve(scores: Scores, weight: Doubles | None = None) -> Curve:
    """Accepting what lies above each impostor in turn, and at last all.

    Impostors of one score fall together. `weight` (people,) is how often each person counts.
    """
    w = np.ones(scores.people) if weight is None else weight
    order = np.argsort(-scores.impostor, kind="stable")
    top = scores.impostor[order]
    bad = np.append(0.0, np.cumsum((w[scores.left] * w[scores.right])[order]))
    rank = np.argsort(scores.genuine, kind="stable")
    good = np.append(0.0, np.cumsum(w[scores.owner][rank]))
    above = np.searchsorted(-top, -top, side="left")
    below = np.searchsorted(scores.genuine[rank], top, side="right")
    fmr, fnmr = np.append(bad[above], bad[-1]) / bad[-1], np.append(good[below], 0.0) / good[-1]
    return Curve(np.append(top, -np.inf), fmr, fnmr)


@dataclass(frozen=True, slots=True)
class Figure:
    """A share, with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:6.2f} ({100 * self.low:.2f} to {100 * self.high:.2f})"


def figures(scores: Scores, seed: int = 0, draws: int = DRAWS) -> dict[str, Figure]:
    """EER and TARs with intervals bootstrapped by person.

    An FMR below 3 / impostor pairs is not claimed, for no error could be seen there.
    """
    rng = np.random.default_rng(seed)
    chances = np.full(scores.people, 1 / scores.people)
    drawn = [rng.multinomial(scores.people, chances).astype(float) for _ in range(draws)]
    curves = [curve(scores, w) for w in drawn if _enough(scores, w)]
    whole = curve(scores)
    wanted = [r for r in RATES if r >= 3 / len(scores.impostor)]
    found = {"EER": _figure(whole.eer, [c.eer for c in curves])}
    for rate in wanted:
        found[f"TAR at FMR {rate:g}"] = _figure(whole.tar(rate), [c.tar(rate) for c in curves])
    return found


def _enough(scores: Scores, w: Doubles) -> bool:
    return bool(w[scores.owner].any() and (w[scores.left] * w[scores.right]).any())


def _figure(value: float, drawn: list[float]) -> Figure:
    low, high = np.quantile(drawn, (0.025, 0.975)) if drawn else (0.0, 1.0)
    return Figure(value, float(low), float(high))


def ten_folds(similarity: Doubles, same: NDArray[np.bool_], fold: Rows) -> tuple[float, float]:
    """Mean and standard error of the accuracy, each fold at the other folds' best threshold."""
    found = []
    for k in np.unique(fold):
        rest = fold != k
        best = best_threshold(similarity[rest], same[rest])
        found.append(float(((similarity[~rest] >= best) == same[~rest]).mean()))
    return float(np.mean(found)), float(np.std(found) / np.sqrt(max(1, len(found))))


def best_threshold(similarity: Doubles, same: NDArray[np.bool_]) -> float:
    """The one at which most pairs are decided right."""
    order = np.argsort(-similarity, kind="stable")
    right = np.append(0, np.cumsum(np.where(same[order], 1, -1)))
    k = int(np.argmax(right))
    ordered = similarity[order]
    if k == 0:
        return float(ordered[0]) + 1e-9
    return float(ordered[k - 1] if k == len(ordered) else (ordered[k - 1] + ordered[k]) / 2)


@dataclass(frozen=True, slots=True)
class Search:
    """1:N identification against a gallery of `people` people, one template each."""

    people: int
    rank1: float
    fnir: dict[str, float]  # by FPIR


def search(mated: Doubles, own: Rows, strangers: Doubles) -> Search:
    """`mated` (p, n) similarities of probes whose person is column `own`; `strangers` (q, n)."""
    best = mated.argmax(1)
    top, right = mated.max(1), best == own
    alarms = np.sort(strangers.max(1))[::-1]
    fnir = {}
    for rate in (0.1, 0.01):
        threshold = alarms[min(int(rate * len(alarms)), len(alarms) - 1)]
        fnir[f"{rate:g}"] = float(1 - (right & (top > threshold)).mean())
    return Search(mated.shape[1], float(right.mean()), fnir)
