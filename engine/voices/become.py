"""The speaker's head turns into the one that is imagined, without a jump."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from math import exp

import numpy as np

from ..head import Head
from ..types import AudioChunk, FaceMesh, Floats, Persona, World

EASE = 0.7  # seconds in which two thirds of a change are made
SMALL = 1e-3  # of a standard deviation, or of brightness: a change that nobody sees
_BALD = 0.05, 0.6  # of the scalp's mask: where the head is wholly the imagined one's, and nobody's


class Become:
    """Stage: Worlds of nobody's head -> Worlds of the imagined one, which they carry along.

    Hair is grown once, so under it the skull stays.
    """

    name, lookahead = "become", 0.0

    def __init__(self, head: Head, nobody: Persona) -> None:
        self._head, self._base = head, head.person(nobody.identity)
        scalp = np.clip((head.masks["scalp"] - _BALD[0]) / (_BALD[1] - _BALD[0]), 0, 1)
        self._free: Floats = (1 - scalp)[:, None].astype(np.float32)
        self._coming: deque[Persona] = deque()
        self.now = self._wanted = nobody
        self._person, self._t = self._base, 0.0
        self.locked = False

    def hear(self, persona: Persona) -> None:
        """What is imagined from its moment on; in the order of time."""
        self._coming.append(persona)

    @property
    def wanted(self) -> Persona:
        """What all that was heard has led to, ahead of what is shown."""
        return self._coming[-1] if self._coming else self._wanted

    def push(self, item: World) -> list[World]:
        while self._coming and self._coming[0].t <= item.t:
            self._wanted = self._coming.popleft()
        self._approach(item.t - self._t)
        self._t = item.t
        weights = item.motion.weights
        vertices = item.face.vertices
        if self._person is not self._base:
            moved = self._head.pose(self._person, weights) - self._head.pose(self._base, weights)
            vertices = vertices + moved
        return [replace(item, face=FaceMesh(item.t, vertices), persona=self.now)]

    def finish(self) -> list[World]:
        return []

    def _approach(self, step: float) -> None:
        w, now = self._wanted, self.now
        share = np.float32(1 - exp(-max(step, 0.0) / EASE))
        parts = {n: getattr(now, n) for n in ("identity", "tone", "tint")}
        left = {n: getattr(w, n) - v for n, v in parts.items()}
        if max(float(np.abs(v).max()) for v in left.values()) > SMALL:
            parts = {n: v + share * left[n] for n, v in parts.items()}
            whole = self._head.person(parts["identity"])
            self._person = self._base + self._free * (whole - self._base)
        self.now = replace(w, **parts, t=self._t, locked=self.locked)


class Overhear:
    """A stage that passes sound on and first tells of it."""

    lookahead = 0.0

    def __init__(self, name: str, tell: Callable[[AudioChunk], None]) -> None:
        self.name, self._tell = name, tell

    def push(self, item: AudioChunk) -> list[AudioChunk]:
        self._tell(item)
        return [item]

    def finish(self) -> list[AudioChunk]:
        return []
