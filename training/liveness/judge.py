"""Scores of people and of attacks -> what a score is worth (engine.verify.synchrony.Judges)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from engine.types import Floats
from engine.verify.synchrony import AGAINST, KINDS, TOGETHER, Judges, Sums

from .trials import STOPPED, Person, windows

BLOCKS = (1, 2, 4, 6)  # 3, 6, 12 and 20 seconds: the last two of these hold no whole block
SECONDS = (3, 6, 12, 20)
ENOUGH = 4  # spoken blocks from which on it may be decided
MISSED = 0.05  # of people who are there: BPCER
EACH = 240  # windows of an attack, of everybody together
MOST = 4.0  # nats of all together; a few hundred windows cannot show more
PART = 12.0  # nats of a part: bounded less, so that what is surer still ranks higher


Trials = dict[str, list[Sums]]  # windows of one length: "" of who is there, and of each attack


def gather(everybody: Sequence[Person], blocks: int, rng: np.random.Generator) -> Trials:
    """Windows for judges to learn from."""
    each = max(20, EACH // len(everybody))
    return {
        attack: [w for p in everybody for w in windows(p, attack, blocks, each, rng)]
        for attack in ("", *STOPPED)
    }


def learn(everybody: Sequence[Person], seed: int = 0) -> dict[str, Any]:
    """The calibration of about.json, from these people."""
    rng = np.random.default_rng(seed)
    trials = {n: gather(everybody, n, rng) for n in BLOCKS}

    def judge(features: Callable[[Sums], Floats], attacks: Sequence[str]) -> dict[str, Any]:
        rows = [_fit(features, trials[n], attacks) for n in BLOCKS]
        return {"blocks": BLOCKS, "weights": rows, "most": PART}

    said: dict[str, Any] = {k: judge(partial(Sums.features, kind=k), STOPPED) for k in KINDS}
    said["against"] = {a: judge(partial(Sums.against, attack=a), [a]) for a in AGAINST}
    said["most"] = MOST
    weigh = Judges.of(said)
    own = [weigh(sums)[TOGETHER] for sums in trials[ENOUGH][""]]
    return said | {"enough": ENOUGH, "accept": round(float(np.quantile(own, MISSED)), 3)}


def _fit(features: Callable[[Sums], Floats], trials: Trials, attacks: Sequence[str]) -> list[float]:
    """Weights and constant of a logistic regression of who is there against `attacks`, each of
    which counts alike; with even priors its logit is the ratio."""
    there = trials[""]
    kept = [trials[a] for a in attacks if trials[a]]
    x = np.stack([features(sums) for theirs in (there, *kept) for sums in theirs])
    weight = np.concatenate([
        np.full(len(theirs), len(x) / 2 / len(theirs) / (1 if k == 0 else len(kept)))
        for k, theirs in enumerate((there, *kept))
    ])  # fmt: skip
    spread = x.std(0) + 1e-6
    model = LogisticRegression(C=10.0).fit(x / spread, np.arange(len(x)) < len(there), weight)
    return [round(float(v), 4) for v in (*(model.coef_[0] / spread), model.intercept_[0])]


def unbounded(said: dict[str, Any]) -> Judges:
    """The judges of a calibration, whose last word is not cut off: to rank windows by."""
    return Judges.of(said | {"most": 1e9})
