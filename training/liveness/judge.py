"""Scores of people and of attacks -> what a score is worth (engine.verify.synchrony.Judge)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from engine.types import Floats
from engine.verify.synchrony import KINDS, TOGETHER, Judge, Sums

from .trials import STOPPED, Person, windows

BLOCKS = (1, 2, 4, 6)  # 3, 6, 12 and 20 seconds: the last two of these hold no whole block
SECONDS = (3, 6, 12, 20)
ENOUGH = 4  # spoken blocks from which on it may be decided
MISSED = 0.05  # of people who are there: BPCER
EACH = 240  # windows of an attack, of everybody together
MOST = 4.0  # nats of all together; a few hundred windows cannot show more
PART = 12.0  # nats of a part: bounded less, so that what is surer still ranks higher


@dataclass(frozen=True, slots=True)
class Trials:
    """Windows of one length; weights make bona fide and attacks, and each attack, count alike."""

    sums: list[Sums]
    there: NDArray[np.bool_]
    weight: NDArray[np.float64]


def gather(everybody: Sequence[Person], blocks: int, rng: np.random.Generator) -> Trials:
    """Windows for judges to learn from."""
    drawn: dict[str, list[Sums]] = {}
    each = max(20, EACH // len(everybody))
    for attack in ("", *STOPPED):
        drawn[attack] = [w for p in everybody for w in windows(p, attack, blocks, each, rng)]
    sums = [w for theirs in drawn.values() for w in theirs]
    attacks = [a for a in STOPPED if drawn[a]]
    weight = [
        1 / len(theirs) / (1 if attack == "" else len(attacks))
        for attack, theirs in drawn.items() for _ in theirs
    ]  # fmt: skip
    there = np.arange(len(sums)) < len(drawn[""])
    return Trials(sums, there, np.array(weight) * len(sums) / 2)


def learn(everybody: Sequence[Person], seed: int = 0) -> dict[str, Any]:
    """The calibration of about.json, from these people."""
    rng = np.random.default_rng(seed)
    trials = {n: gather(everybody, n, rng) for n in BLOCKS}
    said: dict[str, Any] = {}
    for kind in KINDS:
        rows = [_fit([s.features(kind) for s in trials[n].sums], trials[n]) for n in BLOCKS]
        said[kind] = {"blocks": BLOCKS, "weights": rows, "most": PART}
    judges = judges_of(said)
    rows = [_fit([_parts(s, judges) for s in trials[n].sums], trials[n]) for n in BLOCKS]
    said[TOGETHER] = {"blocks": BLOCKS, "weights": rows, "most": MOST}
    whole = judges_of(said)
    own = [weigh(s, whole)[TOGETHER] for s, there in zip(
        trials[ENOUGH].sums, trials[ENOUGH].there, strict=True) if there]  # fmt: skip
    return said | {"enough": ENOUGH, "accept": round(float(np.quantile(own, MISSED)), 3)}


def _fit(features: list[Floats], trials: Trials) -> list[float]:
    """Weights and constant of a logistic regression; with even priors its logit is the ratio."""
    x = np.stack(features)
    spread = x.std(0) + 1e-6
    model = LogisticRegression(C=10.0).fit(x / spread, trials.there, trials.weight)
    return [round(float(v), 4) for v in (*(model.coef_[0] / spread), model.intercept_[0])]


def _parts(sums: Sums, judges: dict[str, Judge]) -> Floats:
    counts = {"motion": sums.blocks, "lips": sums.spoken, "synchrony": sums.spoken}
    return np.array([judges[k](sums.features(k), counts[k]) for k in KINDS], np.float32)


def judges_of(said: dict[str, Any]) -> dict[str, Judge]:
    """The judges of a calibration, as far as it goes."""
    return {kind: Judge.of(said[kind]) for kind in (*KINDS, TOGETHER) if kind in said}


def unbounded(said: dict[str, Any]) -> dict[str, Judge]:
    """The same, whose last word is not cut off: to rank windows by."""
    return judges_of(said | {TOGETHER: said[TOGETHER] | {"most": 1e9}})


def weigh(sums: Sums, judges: dict[str, Judge]) -> dict[str, float]:
    """As engine.verify.synchrony.Synchrony.weigh, by a calibration that is not shipped."""
    parts = _parts(sums, judges)
    whole = judges[TOGETHER](parts, sums.spoken)
    return dict(zip(KINDS, map(float, parts), strict=True)) | {TOGETHER: whole}
