"""One face over time: evidence that accumulates until it is enough, and a decision that holds.

The sequential probability ratio test (Wald 1945): accept once the log-likelihood ratio reaches
log((1 - FNMR) / FMR), reject once it falls to log(FNMR / (1 - FMR)). Under strangers the ratio is
a martingale of mean 1, so the share of them that ever reaches the upper bound is at most its
inverse, however often one looks (Ville's inequality). A search compares with everybody, so its
FMR is shared among them.
"""

from dataclasses import dataclass
from math import exp, log
from typing import Literal, Protocol

import numpy as np

from ..errors import ConfigError
from ..types import Floats
from .scores import ScoreModel

State = Literal["pending", "match", "no_match", "unknown"]
Candidate = tuple[str, float]  # a name and the similarity with it


class People(Protocol):
    """Whom a face is compared with."""

    def __len__(self) -> int: ...

    def nearest(self, mean: Floats, k: int) -> list[Candidate]:
        """The most similar first; `mean` (d,) is a mean of unit embeddings."""

    def similarity(self, name: str, mean: Floats) -> float | None:
        """With that one; None where there is no such person (any more)."""


@dataclass(frozen=True, slots=True)
class DecisionConfig:
    """How sure to be, and how patient."""

    target_fmr: float = 1e-3  # false matches a search, whatever the gallery's size
    target_fnmr: float = 0.02
    memory: float = 10.0  # seconds after which a frame counts for 1/e
    recent: float = 1.5  # seconds: the same for the question whether it is still the same person
    patience: float = 6.0  # seconds of usable frames after which no decision is a decision
    least: int = 3  # frames before somebody is called a stranger: the first may be spoilt
    apart: float = 19.0  # how much likelier the best of two enrolled people must be
    other: int = 3  # frames in a row unlike those before, after which it is another person

    def __post_init__(self) -> None:
        for name in ("target_fmr", "target_fnmr"):
            if not 0 < getattr(self, name) < 0.5:
                raise ConfigError(f"{name} should be above 0 and below 0.5, such as 1e-3")
        for name in ("memory", "recent", "patience"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} should be above 0 seconds")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Log-likelihood ratios, nats, at which a search among `gallery` people ends."""

    accept: float
    reject: float

    @classmethod
    def of(cls, config: DecisionConfig, gallery: int) -> "Bounds":
        fmr = config.target_fmr / max(gallery, 1)
        fnmr = config.target_fnmr
        return cls(log((1 - fnmr) / fmr), log(fnmr / (1 - fmr)))


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is decided of one face now."""

    state: State
    name: str | None
    reason: str
    since: float  # seconds, of the frame that decided it
    frames: int
    similarity: float
    effective: float  # how many independent frames those are worth
    accept: float  # nats that would have been accepted
    evidence: float  # in [-1, 1]
    llr: float  # nats, with those taken off that a search among so many people costs


class Mean:
    """A fading mean of embeddings, and of how many independent ones it is worth.

    Frame i counts exp(-age / memory); frames correlate as exp(-lag / time). The effective
    number, (sum of weights)^2 / sum over pairs of weights times correlation, is kept up in O(1).
    """

    def __init__(self, memory: float, time: float) -> None:
        self._memory, self._time = memory, max(time, 1e-6)
        self._t = self._weight = self._near = self._pairs = 0.0
        self._sum: Floats | None = None

    def add(self, t: float, embedding: Floats) -> None:
        """A unit embedding (d,) of the moment t."""
        if self._sum is None:
            self._sum, self._t = np.zeros_like(embedding), t
        gap = max(t - self._t, 0.0)
        fade = exp(-gap / self._memory)
        near = self._near * fade * exp(-gap / self._time)  # weights correlated with this frame
        self._pairs = self._pairs * fade**2 + 1 + 2 * near
        self._near = near + 1
        self._sum, self._weight, self._t = self._sum * fade + embedding, self._weight * fade + 1, t

    @property
    def value(self) -> Floats:
        """(d,) its inner product with a template is the mean of the frames' similarities."""
        if self._sum is None:
            raise ValueError("a mean of no embeddings")
        return np.asarray(self._sum / self._weight, np.float32)

    @property
    def frames(self) -> float:
        """Effective number of independent frames."""
        return self._weight**2 / self._pairs


class Stream:
    """The frames of one tracked face -> a Ruling after each.

    `floor` is a similarity below which nobody is accepted, as alike as enrolled people are among
    themselves. With `claim` one person is asked for, and a stranger is no_match, not unknown.
    """

    def __init__(
        self, model: ScoreModel, config: DecisionConfig, floor: float = -1.0,
        claim: str | None = None,
    ) -> None:  # fmt: skip
        self._model, self._config, self._floor, self._claim = model, config, floor, claim
        self._last: Ruling | None = None
        self._began, self._unlike, self._frames = 0.0, 0, 0
        self._restart()

    def push(self, t: float, embedding: Floats, people: People) -> Ruling:
        """`embedding` (d,) of unit length; t rises."""
        if self._another(embedding):
            self._restart()
        self._add(t, embedding)
        bounds = Bounds.of(self._config, 1 if self._claim else len(people))
        held = self._last if self._last and self._last.state == "match" else None
        if held and not self._still(held, people, bounds):
            self._restart()
            self._add(t, embedding)
            held = None
        found = self._found(held, people)
        if held:
            self._last = self._ruling("match", held.name, held.reason, t, found, bounds)
        else:
            self._last = self._ruling(*self._decide(t, found, bounds), t, found, bounds)
        return self._last

    def _found(self, held: Ruling | None, people: People) -> list[Candidate]:
        """The candidates: whoever is held or claimed, else the two nearest."""
        name = self._claim or (held.name if held else None)
        if name is None:
            return people.nearest(self._long.value, 2)
        similarity = people.similarity(name, self._long.value)
        return [] if similarity is None else [(name, similarity)]

    def _decide(
        self, t: float, found: list[Candidate], bounds: Bounds
    ) -> tuple[State, str | None, str]:
        stranger: State = "no_match" if self._claim else "unknown"
        if not found:
            return stranger, None, "nobody is enrolled" if not self._claim else "not enrolled"
        llrs = [self._llr(self._long, similarity) for _, similarity in found]
        enough = llrs[0] >= bounds.accept and found[0][1] >= self._floor
        alike = len(llrs) > 1 and llrs[0] - llrs[1] < log(self._config.apart)
        if enough and not alike:
            return "match", found[0][0], "enough evidence"
        if llrs[0] <= bounds.reject and self._frames >= self._config.least:
            return stranger, None, "another face" if self._claim else "a stranger"
        if self._last and self._last.state == stranger:
            return stranger, None, self._last.reason  # held until there is enough evidence
        why = "two enrolled people look too much alike" if enough else "not enough evidence"
        if t - self._began >= self._config.patience:
            return stranger, None, why
        return "pending", None, "more frames are needed"

    def _ruling(
        self, state: State, name: str | None, why: str, t: float, found: list[Candidate],
        bounds: Bounds,
    ) -> Ruling:  # fmt: skip
        similarity = found[0][1] if found else -1.0
        llr = self._llr(self._long, similarity) if found else bounds.reject
        evidence = llr / bounds.accept if llr > 0 else -llr / bounds.reject
        last = self._last
        same = last is not None and (last.state, last.name) == (state, name)
        return Ruling(
            state, name, why, last.since if last and same else t, self._frames, similarity,
            self._long.frames, bounds.accept, min(max(evidence, -1.0), 1.0),
            llr - bounds.accept + Bounds.of(self._config, 1).accept,
        )  # fmt: skip

    def _still(self, held: Ruling, people: People, bounds: Bounds) -> bool:
        """Whether the last frames do not speak against the person that was accepted."""
        similarity = people.similarity(held.name or "", self._recent.value)
        return similarity is not None and self._llr(self._recent, similarity) > bounds.reject

    def _llr(self, mean: Mean, similarity: float) -> float:
        return self._model.llr(similarity, mean.frames)

    def _another(self, embedding: Floats) -> bool:
        """Whether the track has gone to another face: some frames in a row unlike the mean."""
        if not self._frames:
            return False
        mean = self._long.value
        alike = float(mean @ embedding / max(float(np.linalg.norm(mean)), 1e-6))
        unlike = self._model.llr(alike) <= log(self._config.target_fnmr)
        self._unlike = self._unlike + 1 if unlike else 0
        return self._unlike >= self._config.other

    def _add(self, t: float, embedding: Floats) -> None:
        self._began = t if not self._frames else self._began
        self._frames += 1
        self._long.add(t, embedding)
        self._recent.add(t, embedding)

    def _restart(self) -> None:
        time = self._model.strangers.seconds
        self._long = Mean(self._config.memory, time)
        self._recent = Mean(self._config.recent, time)
        self._began, self._unlike, self._frames = 0.0, 0, 0
        self._last = None
