"""The claim: who is before the camera, signed, for one connection and a few seconds.

    {"body": TEXT, "signature": ..., "key": ..., "rotations": [...]}

TEXT is JSON and signed as it stands, so that nobody has to write it anew to check it. It names
both ends of the connection by the SHA-256 of their certificates: on any other connection, and on
this one once it was made anew, it is worth nothing. docs/claims.md explains every field.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .fusion import Fusion, FusionConfig, Standing
from .keys import Keys, canonical, encode

CLAIM = b"likeness claim 1\n"  # what is signed begins with what it is: no use elsewhere
_LONGEST = 60.0  # seconds that a claim may last: no verifier takes more


@dataclass(frozen=True, slots=True)
class ClaimsConfig:
    """The [verify.claims] section."""

    issue: bool = False
    key: Path | None = None  # the owner's private key; else as docs/claims.md says
    names: dict[str, str] = field(default_factory=dict)  # enrolled names, and what is told instead
    every: float = 3.0  # seconds from one claim to the next
    lifetime: float = 10.0  # seconds after which one is stale
    fusion: FusionConfig = field(default_factory=FusionConfig)

    def __post_init__(self) -> None:
        if not all(isinstance(name, str) and name for name in self.names.values()):
            raise ConfigError('verify.claims.names pairs names: { Anna = "Fox" }')
        if not 0 < self.every < self.lifetime <= _LONGEST:
            raise ConfigError(
                f"verify.claims: every above 0 and below lifetime, lifetime up to {_LONGEST:.0f} s"
            )


@dataclass(frozen=True, slots=True)
class Ends:
    """A connection, by the SHA-256 of both certificates: "AB:CD:...", 32 bytes."""

    engine: str
    viewer: str


class Notary:
    """Issues claims of what `fusion` decides, as long as it does."""

    def __init__(
        self, config: ClaimsConfig, keys: Keys, fusion: Fusion, now: Callable[[], float],
        target_fmr: float, models: dict[str, str],
    ) -> None:  # fmt: skip
        """`now()` is session time; `models` is the hash of each net that was asked."""
        self.config, self.keys, self.fusion = config, keys, fusion
        self._now, self._target, self._models = now, target_fmr, models

    def attend(self, engine: str, viewer: str) -> Callable[[], dict[str, Any] | None]:
        """For one connection: what its viewer is to be told now, or None where nothing is new."""
        ends, told, sequence = Ends(engine, viewer), (-float("inf"), ""), 0

        def news() -> dict[str, Any] | None:
            nonlocal told, sequence
            standing, now = self.fusion.decide(self._now()), self._now()
            word = standing.name or standing.why
            if word == told[1] and now - told[0] < self.config.every:
                return None
            told = now, word
            if standing.name is None:
                return {"none": standing.why}
            sequence += 1
            return self.sign(self.body(standing, ends, sequence))

        return news

    def body(self, standing: Standing, ends: Ends, sequence: int) -> dict[str, Any]:
        issued = time.time()
        return {
            "version": 1,
            "name": self.config.names.get(standing.name or "", standing.name),
            "decision": "match",
            "since": round(issued - (self._now() - standing.since), 3),
            "target_fmr": self._target,
            "evidence": list(standing.kinds),
            "models": self._models,
            "issued": round(issued, 3),
            "expires": round(issued + self.config.lifetime, 3),
            "sequence": sequence,
            "engine": ends.engine,
            "viewer": ends.viewer,
        }

    def sign(self, body: dict[str, Any]) -> dict[str, Any]:
        text = canonical(body)
        signature = encode(self.keys.private.sign(CLAIM + text.encode()))
        signed = {"body": text, "signature": signature, "key": self.keys.public}
        return signed | {"rotations": self.keys.rotations}
