"""What a similarity says: how strangers' and enrolled people's scores are distributed.

Similarities go onto a scale of their own, the normal score: z is where a similarity lies among
those of strangers, put on a standard normal (so strangers are N(0, 1) by construction, whatever
their tail). Enrolled people are N(mean, deviation) there. Within one stream a part of the variance
stays (this stranger just looks like that person: no number of frames changes it), and the
rest goes by with a correlation time. So the mean over frames has the variance share

    v = lasting + (1 - lasting) / n,    n = effective number of independent frames,

of a single frame's, and the evidence of a stream is the log-likelihood ratio of its mean.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]

_KNOTS = 200
_STEADIEST = 0.5  # normal scores: pictures in the world are more unlike than those of a cohort
_FAR = 4.0  # a similarity that no mean over frames reaches, even scaled up to a single frame's
_TAIL = 0.9  # normal scores: over how many of the last ones the line beyond them is laid


@dataclass(frozen=True, slots=True)
class Stays:
    """How the frames of one stream hang together."""

    lasting: float  # in [0, 1]: the share of the variance that is the same in all frames
    seconds: float  # correlation time of the rest

    def share(self, frames: float) -> float:
        """Variance of the mean of so many independent frames, in units of a single frame's."""
        return self.lasting + (1 - self.lasting) / max(frames, 1.0)


UNMEASURED = Stays(0.8, 1.0)  # where no streams were measured: frames add little


@dataclass(frozen=True, slots=True)
class ScoreModel:
    """Strangers' and enrolled people's similarities, and how far frames repeat one another."""

    knots: Scores  # (k,) similarities, rising
    normal: Scores  # (k,) the normal scores of the knots
    mean: float  # normal score of enrolled people: mean and deviation of single frames
    deviation: float
    strangers: Stays
    enrolled: Stays
    pairs: int  # how many pairs of strangers were measured
    people: int  # ... among how many people

    @property
    def middle(self) -> float:
        """The strangers' median similarity."""
        return float(np.interp(0.0, self.normal, self.knots))

    def z(self, similarity: float, frames: float = 1.0) -> float:
        """Normal score of a mean over `frames`; of strangers it has the variance share(frames)."""
        root = self.strangers.share(frames) ** 0.5
        single = self.middle + (similarity - self.middle) / root
        return root * float(np.interp(single, self.knots, self.normal))

    def llr(self, similarity: float, frames: float = 1.0) -> float:
        """Log-likelihood ratio, nats: the enrolled person against a stranger.

        It never falls as the similarity rises: beyond the vertex of the parabola, where one
        of the normal curves is too thin to be believed, it stays as it is there.
        """
        z = self.z(similarity, frames)
        v0 = self.strangers.share(frames)
        v1 = self.deviation**2 * self.enrolled.share(frames)
        if abs(v1 - v0) > 1e-9:
            vertex = self.mean * v0 / (v0 - v1)
            z = min(z, vertex) if v1 < v0 else max(z, vertex)
        return 0.5 * (z * z / v0 - (z - self.mean) ** 2 / v1 + float(np.log(v0 / v1)))

    def similarity_of(self, llr: float, frames: float = 1.0) -> float:
        """The least similarity with that evidence; above 1 where none has it."""
        low, high = -1.0, 1.5
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self.llr(middle, frames) < llr else (low, middle)
        return high

    def threshold(self, fmr: float) -> float:
        """The least similarity that at most this share of strangers reaches, single frames."""
        low, high = -1.0, 1.5
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self.fmr(middle) > fmr else (low, middle)
        return high

    def fmr(self, similarity: float) -> float:
        """The share of strangers of at least this similarity, single frames."""
        return NormalDist().cdf(-float(np.interp(similarity, self.knots, self.normal)))


def fit(
    strangers: Scores,
    enrolled: Scores,
    people: int,
    stranger_streams: list[tuple[Scores, Scores]] | None = None,
    enrolled_streams: list[tuple[Scores, Scores]] | None = None,
) -> ScoreModel:
    """From similarities of single pictures (n,), (m,), and of streams as (seconds, similarity)."""
    ordered = np.sort(np.asarray(strangers, np.float64))
    inner = np.linspace(*_reach(len(ordered)), _KNOTS)
    shares = np.array([NormalDist().cdf(x) for x in inner])
    rising = np.maximum.accumulate(np.quantile(ordered, shares)) + np.arange(_KNOTS) * 1e-6
    knots, normal = _lengthened(rising, inner)
    z = np.interp(enrolled, knots, normal)
    streams: list[list[tuple[Scores, Scores]]] = [
        [(t, np.interp(s, knots, normal)) for t, s in some or []]
        for some in (stranger_streams, enrolled_streams)
    ]
    stays = [stays_of(some) if len(some) > 2 else UNMEASURED for some in streams]
    return ScoreModel(
        knots, normal, float(np.mean(z)),
        max(float(np.std(z)), _STEADIEST), stays[0], stays[1], len(ordered), people,
    )  # fmt: skip


def _reach(n: int) -> tuple[float, float]:
    """Normal scores of the third lowest and third highest of n: fewer say nothing of a tail."""
    far = NormalDist().inv_cdf(1 - min(0.4, 3 / max(n, 1)))
    return -far, far


def stays_of(streams: list[tuple[Scores, Scores]]) -> Stays:
    """From streams of (seconds (n,), scores (n,)): one-way analysis of variance, then the lags.

    The share between streams is the intraclass correlation (Shrout & Fleiss 1979, ICC(1));
    the correlation time is the one whose exponential fits the products of residuals best.
    """
    long = [(t, s) for t, s in streams if len(t) > 1]
    if len(long) < 3:
        return UNMEASURED
    sizes = np.array([len(s) for _, s in long], np.float64)
    within = sum(float(((s - s.mean()) ** 2).sum()) for _, s in long) / (sizes - 1).sum()
    means = np.array([s.mean() for _, s in long])
    seconds = _correlation_time(long)
    effective = np.array([effective_number(t, seconds) for t, _ in long])
    # Residuals lose what the mean took up: correlated frames look less noisy than they are.
    noise = within / max(1 - float((1 / effective).mean()), 0.05)
    between = max(float(means.var(ddof=1)) - noise * float((1 / effective).mean()), 0.0)
    return Stays(float(between / max(between + noise, 1e-12)), seconds)


def effective_number(t: Scores, seconds: float) -> float:
    """Of how many independent frames the mean of frames at `t` is worth."""
    correlation = np.exp(-np.abs(np.subtract.outer(t, t)) / max(seconds, 1e-6))
    return float(len(t) ** 2 / correlation.sum())


def _correlation_time(streams: list[tuple[Scores, Scores]]) -> float:
    """Seconds, among 40 from 0.02 to 5: least squares over all pairs of frames.

    Residuals from a stream's own mean lack what the mean took up: with q = 1 / effective number,
    their correlation at a lag is expected to be (exp(-lag / time) - q) / (1 - q).
    """
    times = np.geomspace(0.02, 5, 40)
    errors = np.zeros(len(times))
    for t, s in streams:
        later, earlier = np.tril_indices(len(t), -1)
        residual = (s - s.mean()) / max(float(s.std()), 1e-9)
        lag, product = t[later] - t[earlier], residual[later] * residual[earlier]
        for i, time in enumerate(times):
            q = min(1 / effective_number(t, time), 0.95)
            errors[i] += float(((product - (np.exp(-lag / time) - q) / (1 - q)) ** 2).sum())
    return float(times[int(np.argmin(errors))])


def _lengthened(knots: Scores, normal: Scores) -> tuple[Scores, Scores]:
    """With a knot far out at either end, on the line through the last ones before it."""
    tail = max(2, int(np.searchsorted(-normal[::-1], -(normal[-1] - _TAIL))))
    above = (normal[-1] - normal[-tail]) / (knots[-1] - knots[-tail])
    below = (normal[tail - 1] - normal[0]) / (knots[tail - 1] - knots[0])
    ends = normal[0] + below * (-_FAR - knots[0]), normal[-1] + above * (_FAR - knots[-1])
    return np.concatenate([[-_FAR], knots, [_FAR]]), np.concatenate([ends[:1], normal, ends[1:]])
