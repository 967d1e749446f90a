"""From a rate of false matches to a threshold, with how sure that is, and no further.

With N pairs of strangers nothing can be claimed below 3/N (rule of three, 95 %). Pairs that share
a person are not independent, so intervals come from drawing people, not pairs, anew (ISO 19795-1).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist

import numpy as np

from ..errors import ConfigError
from ..types import Floats
from .cohort import Cohort
from .gallery import Gallery
from .scores import Scores

_DRAWS = 200
_RATES = np.geomspace(1e-6, 0.5, 60)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold for single pictures, and what it stands on. Intervals are of 95 %."""

    target_fmr: float  # of the whole search
    gallery: int  # people
    fmr: float  # of one comparison: target / gallery
    threshold: float  # the higher of the two ceilings
    strangers: float  # similarity that a share of `fmr` of strangers' pairs reaches
    interval: tuple[float, float]  # of that
    enrolled: float  # the same among different enrolled people; -1 with fewer than two
    alike: tuple[str, str] | None  # the most alike two, where they are above the strangers' line
    fnmr: float  # of people with two pictures in the cohort, at the threshold
    fnmr_interval: tuple[float, float]
    pairs: int
    people: int
    model: str

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def least_claim(cohort: Cohort, gallery: int = 1) -> float:
    """The lowest FMR of a search among so many that this cohort can speak of."""
    return 3 / max(len(cohort.strangers), 1) * max(gallery, 1)


def calibrate(cohort: Cohort, gallery: Gallery, target_fmr: float) -> Calibration:
    """ConfigError where the target is below what the cohort can show."""
    people = gallery.people()
    size, least = max(len(people), 1), least_claim(cohort, max(len(people), 1))
    if not 0 < target_fmr < 0.5:
        raise ConfigError("--target-fmr should be above 0 and below 0.5, such as 1e-3")
    if target_fmr < least:
        raise ConfigError(
            f"{len(cohort.strangers)} pairs of strangers cannot show a false-match rate of "
            f"{target_fmr:g} among {size} enrolled: ask for {least:.1e} or more, or give a larger "
            "cohort"
        )
    fmr = target_fmr / size
    tail = Tail(cohort, fmr)
    draws = [tail.thresholds([fmr], w)[0] for w in _people_drawn(cohort.people)]
    [strangers] = tail.thresholds([fmr])
    names = [p.name for p in people]
    ceiling, alike = (
        _enrolled(np.stack([p.template for p in people]), fmr) if size > 1 else (-1.0, None)
    )
    threshold = max(strangers, ceiling)
    fnmr, interval = _misses(cohort, threshold)
    return Calibration(
        target_fmr, len(people), fmr, threshold, strangers, _spread(draws), ceiling,
        (names[alike[0]], names[alike[1]]) if alike and ceiling > strangers else None,
        fnmr, interval, len(cohort.strangers), cohort.people, gallery.maker.name,
    )  # fmt: skip


class Tail:
    """The strangers' pairs that score highest, enough of them for rates up to `most`."""

    def __init__(self, cohort: Cohort, most: float) -> None:
        scores, self._people = cohort.strangers, cohort.people
        keep = min(max(1000, int(4 * most * len(scores))), len(scores))
        top = np.argpartition(scores, len(scores) - keep)[-keep:]
        top = top[np.argsort(-scores[top])]
        self._scores = scores[top]
        self._one, other = np.divmod(top, self._people - 1)  # the diagonal is left out
        self._other = other + (other >= self._one)

    def thresholds(self, rates: Sequence[float], weights: Scores | None = None) -> list[float]:
        """The least similarities that at most these shares of strangers' pairs reach.

        `weights` (p,) counts each person so often, as a bootstrap does.
        """
        w = np.ones(self._people) if weights is None else weights
        reached = np.cumsum(w[self._one] * w[self._other]) / (w.sum() ** 2 - (w**2).sum())
        at = np.searchsorted(reached, np.asarray(rates) * (1 + 1e-9), side="right")
        return [float(x) + 1e-6 for x in self._scores[np.minimum(at, len(reached) - 1)]]


def det(cohort: Cohort) -> tuple[Scores, Scores, Scores]:
    """Rates (n,) of false matches that can be claimed; misses there (n,), their interval (2, n)."""
    rates = _RATES[_RATES >= least_claim(cohort)]
    tail = Tail(cohort, float(rates[-1]))
    lines = tail.thresholds(rates.tolist())
    misses = np.array([_misses(cohort, line)[0] for line in lines])
    draws = []
    for w in _people_drawn(cohort.people, 60):
        own = np.diag(cohort.similarity)
        has = np.isfinite(own)
        moved = tail.thresholds(rates.tolist(), w)
        draws.append([np.average(own[has] < line, weights=w[has] + 1e-12) for line in moved])
    return rates, misses, np.percentile(draws, [2.5, 97.5], axis=0)


def _people_drawn(people: int, draws: int = _DRAWS) -> list[Scores]:
    rng = np.random.default_rng(0)
    share = np.full(people, 1 / people)
    return [rng.multinomial(people, share).astype(np.float64) for _ in range(draws)]


def _enrolled(templates: Floats, fmr: float) -> tuple[float, tuple[int, int]]:
    """How alike different enrolled people are: at that rate, or the most alike two."""
    unit = templates / np.maximum(np.linalg.norm(templates, axis=1, keepdims=True), 1e-12)
    best, where = -1.0, (0, 1)
    above = max(1, int(fmr * len(unit) * (len(unit) - 1) / 2))
    highest = np.full(above, -1.0)
    for i in range(1, len(unit)):
        row = unit[:i] @ unit[i]
        highest = np.sort(np.concatenate([highest, row]))[-above:]
        if row.max() > best:
            best, where = float(row.max()), (int(row.argmax()), i)
    return float(highest[0]) + 1e-6, where


def _misses(cohort: Cohort, threshold: float) -> tuple[float, tuple[float, float]]:
    """FNMR with its interval (Wilson), one pair a person."""
    n = len(cohort.enrolled)
    p = float((cohort.enrolled < threshold).mean())
    z = NormalDist().inv_cdf(0.975)
    middle, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return p, (max(low, 0.0), min(high, 1.0))


def _spread(draws: list[float]) -> tuple[float, float]:
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)
