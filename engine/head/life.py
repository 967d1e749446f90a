"""What a face does that sound does not say: breath, blinks, glances, small turns of the head.

It works on the stream of meshes before any scene, so that pictures, recordings and exports all
have it. Frame k depends on the seed and on meshes 0..k alone. The lips are never touched.
"""

import math
from dataclasses import dataclass, fields

import numpy as np

from ..errors import ConfigError
from ..types import FaceMesh, Floats, Motion, World
from .arkit import INDEX
from .model import Head
from .solver import Solver

_BLINKS = [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]
_CLOSING, _SHUT, _OPENING = 0.085, 0.035, 0.19  # seconds; lids close faster than they open
_SAVED, _RATE = 3.0, 20.0  # blinks: how many may come at once, and then how many a minute
_GAZE_YAW, _GAZE_PITCH = 0.436, 0.366  # radians that a weight of 1 turns an eye (ARKit's shapes)
_REST = 0.07  # of a blink: lids at ease cover the upper edge of the iris
_BREATH = 4.3  # seconds a breath
_CHEST = np.array([0.0, 1.1, 0.8], np.float32)  # mm that shoulders rise and chest comes forward
_STEP = 1 / 30  # seconds: the longest step by which a spring is followed


@dataclass(frozen=True, slots=True)
class LifeConfig:
    """How lively: 1 is usual, 0 is off."""

    blink_guard: float = 6.0  # seconds without a blink after which there is one; 0 never adds any
    blink_rate: float = 1.0  # of how often, at most and at least: 2 twice as often, 0 never
    sway: float = 1.0  # slow turns of the head
    nods: float = 1.0  # turns of the head with speech
    gaze: float = 1.0  # glances
    brows: float = 1.0  # small movements of the upper face
    breath: float = 1.0

    def __post_init__(self) -> None:
        for name in (f.name for f in fields(self)):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ConfigError(f"life.{name} = {value}: give a number that is 0 or more")


class Spring:
    """A damped spring, stable at any frame rate."""

    def __init__(self, stiffness: float, damping: float, step: float, places: int) -> None:
        """`stiffness` in 1/s^2, `damping` in 1/s, `step` in seconds."""
        self._pull, self._drag = stiffness, damping
        self._parts = math.ceil(step / _STEP - 1e-9)
        self._step = step / self._parts
        self.place, self._speed = np.zeros(places), np.zeros(places)

    def follow(self, wanted: "np.ndarray | float") -> np.ndarray:  # type: ignore[type-arg]
        """Where it is one step on, as it is pulled to `wanted`."""
        for _ in range(self._parts):
            force = self._pull * (wanted - self.place) - self._drag * self._speed
            self._speed = self._speed + self._step * force
            self.place = self.place + self._step * self._speed
        return self.place


class Life:
    """Stage FaceMesh -> World."""

    name = "life"
    lookahead = 0.0

    def __init__(
        self, head: Head, person: Floats, seed: int, fps: int, config: LifeConfig | None = None
    ) -> None:
        """`person` is the neutral (v, 3) that the meshes move."""
        self.head, self.fps, self.config = head, fps, config or LifeConfig()
        self._solver = Solver(head, person)
        self._shoulders = (1.0 - head.head_weight)[:, None] * _CHEST
        self._frame = 0
        step = 1.0 / fps
        streams = np.random.SeedSequence(seed).spawn(5)
        rngs = [np.random.default_rng(s) for s in streams]
        self._blinks = Blinks(rngs[0], self.config.blink_guard, step, self.config.blink_rate)
        self._gaze = Gaze(rngs[1], step)
        self._sway = Sway(rngs[2], step)
        self._brows = Brows(rngs[3], step)
        self._phase = float(rngs[4].uniform(0, 2 * np.pi))
        self._speech = Speech(step)

    def push(self, face: FaceMesh) -> list[World]:
        said = self._solver.weights(face.vertices)
        t = self._frame / self.fps
        self._frame += 1
        speech = self._speech.step(said)
        angles = self._angles(speech, t)
        added = self._added(said, speech, angles, t)
        vertices = self.head.pose(face.vertices, added)
        vertices += self.config.breath * 0.5 * (1 - np.cos(self._breath(t))) * self._shoulders
        weights = np.clip(said + added, 0.0, 1.0).astype(np.float32)
        return [World(face.t, FaceMesh(face.t, vertices), Motion(face.t, weights, angles))]

    def finish(self) -> list[World]:
        return []

    def _breath(self, t: float) -> float:
        return self._phase + 2 * np.pi * t / _BREATH + 0.4 * np.sin(0.37 * t)

    def _angles(self, speech: "Speech", t: float) -> Floats:
        angles = self.config.sway * self._sway.step(t)
        angles[1] += self.config.nods * speech.nod - 0.004 * np.sin(self._breath(t))
        angles[0] += self.config.nods * 0.35 * speech.nod * self._sway.side
        angles[2] += self.config.nods * 0.25 * speech.nod * self._sway.side
        return np.asarray(angles, np.float32)

    def _added(self, said: Floats, speech: "Speech", angles: Floats, t: float) -> Floats:
        """Weights on top of what the meshes do."""
        added = np.zeros(len(said), np.float32)
        added[_BLINKS] = np.maximum(_REST - said[_BLINKS], 0.0)
        shifted = self._gaze.step(t, said, angles)
        self._gaze.add(added, self.config.gaze)
        self._brows.add(t, added, speech, self.config.brows)
        self._blinks.add(t, added, said, shifted)
        return added


class Speech:
    """How much the mouth moves, and the nods that go with it."""

    def __init__(self, step: float) -> None:
        self._last: Floats | None = None
        self._step = step
        self._mouth = [k for name, k in INDEX.items() if name.startswith(("jaw", "mouth"))]
        self.level = 0.0  # 0 silent, about 1 in lively speech
        self.nod = 0.0  # radians, down is positive
        # 1 Hz, pulled by the level: stresses bring the head down a little.
        self._neck = Spring(40.0, 9.0, step, 1)

    def step(self, said: Floats) -> "Speech":
        mouth = said[self._mouth]
        moved = 0.0 if self._last is None else float(np.abs(mouth - self._last).sum()) / self._step
        self._last = mouth
        jump = min(moved / 6.0, 1.5) - self.level
        self.level += jump * min(1.0, self._step / (0.08 if jump > 0 else 0.35))
        self.nod = float(self._neck.follow(0.042 * self.level - 0.012)[0])
        return self


class Sway:
    """Slow turns about a posture that shifts every few seconds."""

    _SIZES = np.array([0.022, 0.012, 0.012])  # radians: yaw, pitch, roll
    _SHIFTS = np.array([0.045, 0.020, 0.022])

    def __init__(self, rng: np.random.Generator, step: float) -> None:
        self._rng = rng
        self._rates = 2 * np.pi * rng.uniform(0.06, 0.31, (3, 3))
        self._phases = rng.uniform(0, 2 * np.pi, (3, 3))
        self._posture, self._wanted = Spring(12.0, 6.9, step, 3), np.zeros(3)
        self._until = float(rng.uniform(1.5, 4.0))
        self.side = 1.0  # where nods lean: left or right

    def step(self, t: float) -> np.ndarray:  # type: ignore[type-arg]
        """Yaw, pitch, roll of the frame at `t`, radians."""
        if t >= self._until:
            self._wanted = self._rng.normal(0, 1, 3).clip(-1.6, 1.6) * self._SHIFTS
            self._until = t + float(self._rng.uniform(2.5, 7.0))
            self.side = float(self._rng.choice([-1.0, 1.0]))
        waves = np.sin(self._rates * t + self._phases).mean(1)
        return self._posture.follow(self._wanted) + 1.6 * waves * self._SIZES


class Gaze:
    """Glances: quick shifts between moments of rest, mostly into the camera, held as the head
    turns. Where the meshes bring their own gaze it gives way."""

    def __init__(self, rng: np.random.Generator, step: float) -> None:
        self._rng, self._step = rng, step
        self._target = np.zeros(2)  # radians: yaw, pitch (+ up)
        self._aim = np.zeros(2)
        self._until = float(rng.uniform(0.8, 2.5))
        self._theirs = 0.0  # how lively the meshes' own gaze has been
        self._last: Floats | None = None
        self._looks = [k for name, k in INDEX.items() if name.startswith("eyeLook")]
        self.yaw = self.pitch = 0.0

    def step(self, t: float, said: Floats, angles: Floats) -> bool:
        """Moves on by a frame; whether a large shift begins."""
        self._watch(said[self._looks])
        large = False
        if t >= self._until:
            before = self._target
            self._choose(t)
            large = bool(np.hypot(*(self._target - before)) > 0.10)
        self._aim += (self._target - self._aim) * min(1.0, self._step / 0.022)
        self.yaw = float(self._aim[0] - 0.85 * angles[0])
        self.pitch = float(self._aim[1] + 0.85 * angles[1])
        return large

    def add(self, weights: Floats, scale: float) -> None:
        scale *= float(np.exp(-6.0 * self._theirs))
        yaw, pitch = scale * self.yaw / _GAZE_YAW, scale * self.pitch / _GAZE_PITCH
        left, right = ("Out", "In") if yaw > 0 else ("In", "Out")
        for side, sense in (("Left", left), ("Right", right)):
            weights[INDEX[f"eyeLook{sense}{side}"]] += abs(yaw)
            weights[INDEX[f"eyeLook{'Up' if pitch > 0 else 'Down'}{side}"]] += abs(pitch)
            weights[INDEX[f"eyeWide{side}"]] += 0.25 * max(pitch, 0.0)  # lids follow the eye

    def _choose(self, t: float) -> None:
        rng = self._rng
        if rng.random() < 0.55:  # back to the camera, never quite to the same spot
            self._target = rng.normal(0, 0.012, 2)
            self._until = t + float(rng.gamma(2.2, 0.75)) + 0.3
        else:
            self._target = rng.normal(0, 1, 2).clip(-1.8, 1.8) * [0.085, 0.045]
            self._until = t + float(rng.gamma(2.0, 0.32)) + 0.18

    def _watch(self, looks: Floats) -> None:
        moved = 0.0 if self._last is None else float(np.abs(looks - self._last).max())
        self._last = looks
        self._theirs = max(self._theirs * (1 - self._step / 4.0), min(moved * 8.0, 1.0))


class Brows:
    """The upper face is never quite still, and rises with some stresses of speech."""

    def __init__(self, rng: np.random.Generator, step: float) -> None:
        self._rng, self._step = rng, step
        self._rates = 2 * np.pi * rng.uniform(0.05, 0.4, (3, 3))
        self._phases = rng.uniform(0, 2 * np.pi, (3, 3))
        self._raise = self._wanted = 0.0
        self._until = 0.0

    def add(self, t: float, weights: Floats, speech: Speech, scale: float) -> None:
        if speech.level > 0.75 and t > self._until + 1.1:
            self._wanted = float(self._rng.uniform(0.1, 0.32)) * (self._rng.random() < 0.4)
            self._until = t + float(self._rng.uniform(0.25, 0.6))
        if t > self._until:
            self._wanted = 0.0
        self._raise += (self._wanted - self._raise) * min(1.0, self._step / 0.11)
        inner, outer, squint = np.sin(self._rates * t + self._phases).mean(1)
        weights[INDEX["browInnerUp"]] += scale * (0.03 * max(inner, 0.0) + 0.8 * self._raise)
        for side in ("Left", "Right"):
            rise = 0.05 * max(outer, 0.0) + 0.9 * self._raise
            weights[INDEX[f"browOuterUp{side}"]] += scale * rise
            weights[INDEX[f"browDown{side}"]] += scale * 0.07 * max(-inner, 0.0)
            weights[INDEX[f"eyeSquint{side}"]] += scale * 0.10 * max(squint, 0.0)


class Blinks:
    """A blink where the meshes have gone without one for long; none beyond the most a minute."""

    def __init__(
        self, rng: np.random.Generator, guard: float, step: float, rate: float = 1.0
    ) -> None:
        self._rng, self._step = rng, step
        self._guard = guard / rate if rate > 0 else 0.0
        self._rate = rate * _RATE
        self._saved = max(1.0, rate * _SAVED) if rate > 0 else 0.0
        self._left = self._saved
        self._begun = -1.0  # when our own blink began; -1 when there is none
        self._theirs = False  # the meshes' blink goes on
        self._held = False  # and it is held open: one too many
        self._due = self._next(0.0)

    def add(self, t: float, weights: Floats, said: Floats, shifted: bool) -> None:
        incoming = float(said[_BLINKS].mean())
        self._left = min(self._saved, self._left + self._step * self._rate / 60.0)
        self._follow(t, incoming)
        early = shifted and t > self._due - 0.6 * self._guard and self._guard > 0
        wanted = t >= self._due or early
        if wanted and self._begun < 0 and not self._theirs and self._left >= 1.0:
            self._begin(t)
            self._begun = t
        ours = self._curve(t - self._begun) if self._begun >= 0 else 0.0
        if self._begun >= 0 and t - self._begun > _CLOSING + _SHUT + _OPENING:
            self._begun = -1.0
        for blink in _BLINKS:
            held = float(said[blink]) if self._held else 0.0
            weights[blink] += max(ours - float(said[blink] + weights[blink]), 0.0) - held

    def _follow(self, t: float, incoming: float) -> None:
        """Notes where a blink of the meshes' own begins and ends."""
        if not self._theirs and incoming > 0.45:
            self._theirs = True
            self._held = self._left < 1.0
            if not self._held:
                self._begin(t)
        elif self._theirs and incoming < 0.25:
            self._theirs = self._held = False

    def _begin(self, t: float) -> None:
        self._left -= 1.0
        self._due = self._next(t)

    def _next(self, t: float) -> float:
        wait = self._guard * float(self._rng.uniform(0.6, 1.0))
        return t + wait if self._guard > 0 else float("inf")

    @staticmethod
    def _curve(age: float) -> float:
        if age < _CLOSING:
            x = age / _CLOSING
        else:
            x = 1.0 - max(age - _CLOSING - _SHUT, 0.0) / _OPENING
        x = min(max(x, 0.0), 1.0)
        return x * x * (3 - 2 * x)
