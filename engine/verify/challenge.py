"""Something that only who is there now can do: turn the head as asked, speak when asked.

A small machine: steps one after another, each with its time. The head's turn is the tracker's
yaw; of the digits it is only known when they are said and for how long, not which they are.
"""

import math
import secrets
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..types import Floats

TURN = 0.30  # radians of yaw, from where the head was when it was asked
PATIENCE = 5.0  # seconds for a step
SOON = 0.25  # seconds before which nobody can have understood: what comes sooner is chance
LOUD = 2.0  # nepers above the quietest sound of late: speech
DIGITS = 4
SAYING = 0.8, 4.0  # seconds of speech that so many digits take, at least and at most
# How often a step is done: by somebody who was asked, and by a recording that knows nothing of it.
# The first is assumed; the second is measured on talking people (docs/liveness.md).
WILLING = 0.95
CHANCE = {"left": 0.06, "right": 0.06, "say": 0.6}

Kind = Literal["left", "right", "say"]
State = Literal["asked", "passed", "failed"]


@dataclass(frozen=True, slots=True)
class Step:
    """What is asked, in words for the person."""

    kind: Kind
    words: str


def draw(turns: int = 2) -> list[Step]:
    """Steps that nobody can know before: turns either way, then digits to say."""
    sides: list[Kind] = [secrets.choice(("left", "right")) for _ in range(turns)]
    asked = [Step(side, f"turn your head to your {side}, then back") for side in sides]
    digits = " ".join(str(secrets.randbelow(10)) for _ in range(DIGITS))
    return [*asked, Step("say", f"say {digits}")]


class Challenge:
    """The steps as they are done. `see` and `hear` may come in any order."""

    def __init__(self, steps: list[Step], t: float) -> None:
        self.steps, self.done = steps, 0
        self.state: State = "asked"
        self.llr = 0.0  # nats that the steps so far speak for somebody who is there
        self._since, self._rest, self._back = t, math.nan, True
        self._quiet, self._spoken, self._last = math.inf, 0.0, -math.inf

    @property
    def words(self) -> str:
        if self.state == "asked":
            return self.steps[self.done].words
        return {"passed": "challenge passed", "failed": "challenge failed"}[self.state]

    def see(self, t: float, yaw: float) -> None:
        """The head's yaw in radians, + to the person's own left."""
        if self.state != "asked":
            return
        self._late(t)
        kind = self.steps[min(self.done, len(self.steps) - 1)].kind
        if math.isnan(self._rest):
            self._rest = yaw
        turned = (yaw - self._rest) * (1 if kind == "left" else -1)
        self._back = self._back or abs(turned) < TURN / 2
        if kind != "say" and self._back and turned > TURN and t - self._since > SOON:
            self._back = False
            self._passed(t)

    def hear(self, t: float, samples: Floats) -> None:
        """Sound at 16 kHz that ends at t."""
        level = float(np.log(np.mean(samples**2) + 1e-10)) if len(samples) else -23.0
        self._quiet = min(self._quiet + 0.01, level)
        if self.state != "asked" or self.steps[self.done].kind != "say":
            return
        if level - self._quiet > LOUD and t - self._since > SOON:
            self._spoken += len(samples) / 16_000
            self._last = t
        quiet_again = self._spoken >= SAYING[0] and t - self._last > 0.6
        if quiet_again and self._spoken <= SAYING[1]:
            self._passed(t)
        else:
            self._late(t)

    def _passed(self, t: float) -> None:
        self.llr += math.log(WILLING / CHANCE[self.steps[self.done].kind])
        self.done += 1
        self._since, self._spoken = t, 0.0
        if self.done == len(self.steps):
            self.state = "passed"

    def _late(self, t: float) -> None:
        """Time is up: who was asked would have done it."""
        if t - self._since > PATIENCE and self.state == "asked":
            self.state = "failed"
            self.llr += math.log((1 - WILLING) / (1 - CHANCE[self.steps[self.done].kind]))
