"""One decision from several kinds of evidence: the face, the voice that goes with it, liveness.

Each kind says by itself what it has gathered of a face so far, as a log-likelihood ratio; its
newest word replaces the one before, for only the source knows how far its own windows repeat one
another. Here they are summed, each within a cap, so that none can outweigh all others.

A sum alone would be wrong: another face, another voice and a replayed picture are different ways
to be wrong, and a perfect face must not pay for a dead one. So each kind that is required has
to reach `least` by itself, and any kind that speaks clearly against it ends the matter.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import ConfigError
from ..types import Evidence

FACE = "face"
NAMES = {FACE: "the face", "voice": "the voice", "liveness": "liveness"}


@dataclass(frozen=True, slots=True)
class FusionConfig:
    """The [verify.claims.fusion] section."""

    kinds: tuple[str, ...] = (FACE, "voice", "liveness")  # whose evidence counts
    required: tuple[str, ...] = (FACE,)  # those that must have spoken for it
    least: float = 3.0  # nats that each required kind must reach by itself: 20 to 1
    veto: float = 2.0  # nats against it by any one kind, at which nothing holds
    cap: float = 3.0  # nats beyond what is needed, that one kind counts for at most
    keep: float = 0.5  # share of what was needed, below which a decision is given up
    forget: float = 2.0  # seconds without the face after which nothing holds
    fresh: float = 60.0  # seconds for which the other kinds' last word on this face counts

    def __post_init__(self) -> None:
        if FACE not in self.required or not set(self.required) <= set(self.kinds):
            raise ConfigError(
                "verify.claims.fusion.required should have face, and only kinds of fusion.kinds"
            )
        for name in ("least", "veto", "forget", "fresh"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"verify.claims.fusion.{name} should be above 0")
        if not (self.cap >= 0 and 0 <= self.keep <= 1):
            raise ConfigError("verify.claims.fusion: cap from 0 on, and keep from 0 to 1")


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds at a moment: `name` is None where nothing does, and `why` says what is missing."""

    name: str | None
    since: float  # seconds: from when on it has held
    kinds: tuple[str, ...]  # those that speak for it
    why: str


class Fusion:
    """Takes what is seen from the stages' threads; `decide` may be asked from another.

    `accept` is the sum in nats from which on it is enough: log((1 - FNMR) / FMR).
    """

    def __init__(self, config: FusionConfig, accept: float) -> None:
        self._config, self._accept = config, accept
        self._lock = threading.Lock()
        self._said: dict[tuple[int, str], Evidence] = {}  # by track and kind
        self._track, self._name, self._seen = -1, "", -float("inf")
        self._since: float | None = None  # while something holds

    def see(self, t: float, track: int, name: str | None) -> None:
        """The face that is followed, and who it is by its own decision."""
        with self._lock:
            if (track, name or "") != (self._track, self._name):
                self._since = None
            self._track, self._name, self._seen = track, name or "", t

    def push(self, item: Evidence) -> None:
        """Of any kind; those that do not count are left out."""
        if item.kind not in self._config.kinds:
            return
        with self._lock:
            self._said[item.track, item.kind] = item
            old = item.t - self._config.fresh
            self._said = {k: e for k, e in self._said.items() if e.t >= old}

    def decide(self, t: float) -> Standing:
        """What holds at t, which does not fall."""
        with self._lock:
            why = self._missing(t)
            if why:
                self._since = None
                return Standing(None, t, (), why)
            self._since = t if self._since is None else self._since
            kinds = tuple(e.kind for e in self._spoken(t) if e.llr > 0)
            return Standing(self._name, self._since, kinds, "")

    def _missing(self, t: float) -> str:
        """Why nothing holds, in words for whoever watches; "" where it does."""
        if t - self._seen > self._config.forget:
            return "nobody is before the camera"
        if not self._name:
            return "it is not settled who is before the camera"
        spoken = {e.kind: e.llr for e in self._spoken(t)}
        for kind, llr in spoken.items():
            if llr <= -self._config.veto:
                return f"{NAMES.get(kind, kind)} speaks against it"
        keep = 1.0 if self._since is None else self._config.keep
        for kind in self._config.required:
            if spoken.get(kind, 0.0) < keep * self._config.least:
                return f"there is not enough evidence of {NAMES.get(kind, kind)} yet"
        most = self._accept + self._config.cap
        if sum(max(-most, min(x, most)) for x in spoken.values()) < keep * self._accept:
            return "there is not enough evidence yet"
        return ""

    def _spoken(self, t: float) -> Iterator[Evidence]:
        """The newest word of each kind on this face that is not too old, in the order of kinds."""
        for kind in self._config.kinds:
            said = self._said.get((self._track, kind))
            age = self._config.forget if kind == FACE else self._config.fresh
            if said is not None and t - said.t <= age:
                yield said
