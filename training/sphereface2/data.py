"""Batches of faces: a plain stream or P people x K pictures, with noisy labels if asked for."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .faces import Faces, Rows


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Which pictures are learnt from, and in which order they come."""

    folder: str = "runs/faces"  # of training.prepare sphereface2
    least: int = 1  # pictures a person must have
    cut_tail: float = 0.0  # share of the people, those with the fewest pictures, that is left out
    most: int = 0  # only that many people, those with the most pictures; 0 is all
    noise: float = 0.0  # share of labels replaced by any class (SphereFace2, section 3.3)
    sampler: Literal["stream", "people"] = "stream"
    even: float = 0.0  # of a stream: 0 is any picture alike, 1 any person, 0.5 between
    batch: int = 64
    each: int = 4  # pictures a person in a batch of the sampler "people"


def chosen(faces: Faces, config: DataConfig) -> Faces:
    """The training people that the configuration leaves."""
    kept = faces.part("train").at_least(config.least)
    order = np.argsort(kept.counts, kind="stable")
    drop = int(config.cut_tail * len(order))
    if config.most:
        drop = max(drop, len(order) - config.most)
    return kept.take(~np.isin(kept.person, order[:drop])) if drop > 0 else kept


def noisy(labels: Rows, classes: int, share: float, seed: int) -> Rows:
    """Each label replaced, with chance `share`, by one drawn evenly from all classes."""
    rng = np.random.default_rng([seed, 10086])
    wrong = rng.random(len(labels)) < share
    return np.where(wrong, rng.integers(0, classes, len(labels)), labels)


class Sampler:
    """Rows of each step's batch, from the step's own chance alone."""

    def __init__(self, labels: Rows, config: DataConfig) -> None:
        self.count, self.config = len(labels), config
        order = np.argsort(labels, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
        wanted = [g for g in groups if len(g) >= 3] if config.sampler == "people" else groups
        self.groups = wanted or groups
        self.share = np.cumsum(np.bincount(labels)[labels] ** -float(config.even))

    def rows(self, rng: np.random.Generator, ranks: int = 1) -> Rows:
        """(batch * ranks,) rows."""
        wanted = self.config.batch * ranks
        if self.config.sampler == "stream" and not self.config.even:
            return rng.integers(0, self.count, wanted)
        if self.config.sampler == "stream":
            return np.searchsorted(self.share, rng.random(wanted) * self.share[-1], "right")
        people = rng.choice(len(self.groups), max(2, wanted // self.config.each))
        each = [rng.choice(self.groups[p], self.config.each) for p in people]
        return np.concatenate(each)[:wanted]
