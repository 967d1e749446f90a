"""What sound does not determine: blinks, brows, gaze, moods of the upper face, head motion."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.head.arkit import ARKIT
from engine.types import Floats

from .visemes import columns

_CLOSING, _HELD, _OPENING = 0.09, 0.035, 0.17  # seconds of a blink's parts


def blink_times(rng: np.random.Generator, length: float, rate: float) -> NDArray[np.float64]:
    """When blinks begin, `rate` a minute: gamma-distributed pauses of at least 0.6 s."""
    count = int(length * rate / 60 * 2) + 8
    pauses = 0.6 + rng.gamma(2.0, (60 / rate - 0.6) / 2.0, count)
    times = np.cumsum(pauses) - rng.uniform(0, pauses[0])
    return times[times < length]


def blinks(times: NDArray[np.float64], begins: NDArray[np.float64], depth: float) -> Floats:
    """eyeBlink weights (n,): quick to close, slower to open."""
    out = np.zeros(len(times))
    for begin in begins:
        x = times - begin
        down = np.clip(x / _CLOSING, 0, 1)
        up = np.clip((x - _CLOSING - _HELD) / _OPENING, 0, 1)
        out = np.maximum(out, depth * (np.sin(down * np.pi / 2) ** 2) * (np.cos(up * np.pi / 2)))
    return out.astype(np.float32)


def wander(rng: np.random.Generator, n: int, fps: float, seconds: float) -> Floats:
    """A smooth random curve (n,) of unit spread that changes over about `seconds`."""
    knots = max(4, int(n / fps / seconds) + 4)
    values = rng.standard_normal(knots + 2)
    at = np.linspace(1, knots, n)
    i = np.minimum(at.astype(int), knots - 1)
    f = at - i
    a, b, c, d = (values[i + o] for o in (-1, 0, 1, 2))
    # cubic B-spline: smooth, and it stays within its knots
    curve = a * (1 - f) ** 3 + b * (3 * f**3 - 6 * f**2 + 4)
    curve += c * (-3 * f**3 + 3 * f**2 + 3 * f + 1) + d * f**3
    return (curve / 4).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Gaze:
    """Directions of looking in radians: yaw to the person's left, pitch up."""

    yaw: Floats  # (n,)
    pitch: Floats  # (n,)


def gaze(rng: np.random.Generator, times: NDArray[np.float64]) -> Gaze:
    """Fixations of 0.5 to 3 seconds, mostly straight ahead, with jumps of 40 ms between them."""
    yaw, pitch = np.zeros(len(times)), np.zeros(len(times))
    t, last = 0.0, np.zeros(2)
    while t < times[-1]:
        aim = np.zeros(2) if rng.random() < 0.45 else rng.normal(0, (0.13, 0.07))
        move = np.clip((times - t) / 0.04, 0, 1)
        yaw += move * (aim[0] - last[0])
        pitch += move * (aim[1] - last[1])
        t, last = t + 0.5 + rng.gamma(2.0, 0.6), aim
    return Gaze(yaw.astype(np.float32), pitch.astype(np.float32))


_FULL_LOOK = 0.45  # radians of eye rotation at weight 1, about


def upper_curves(rng: np.random.Generator, times: NDArray[np.float64], fps: float) -> Floats:
    """Weights (n, 52) of the upper face."""
    n = len(times)
    out = np.zeros((n, len(ARKIT)), np.float32)
    begins = blink_times(rng, float(times[-1]), rng.uniform(11, 23))
    _set(out, "eyeBlink", blinks(times, begins, rng.uniform(0.9, 1.0)))
    mood = wander(rng, n, fps, 2.5)
    _set(out, "browOuterUp", np.maximum(0, 0.16 * mood))
    out[:, ARKIT.index("browInnerUp")] = np.maximum(
        0, 0.22 * mood + 0.08 * wander(rng, n, fps, 0.8)
    )
    _set(out, "browDown", np.maximum(0, -0.14 * mood))
    _set(out, "eyeSquint", np.maximum(0, 0.14 * wander(rng, n, fps, 3.0)))
    _set(out, "eyeWide", np.maximum(0, 0.10 * mood * (out[:, columns("eyeBlink")[0]] < 0.05)))
    _set(out, "cheekSquint", np.maximum(0, 0.10 * wander(rng, n, fps, 4.0)))
    look(out, gaze(rng, times))
    return np.clip(out, 0, 1)


def _set(out: Floats, group: str, value: Floats) -> None:
    out[:, columns(group)] = value[:, None]


def look(out: Floats, looks: Gaze) -> None:
    """Gaze as eyeLook weights; In is towards the nose."""
    yaw, pitch = looks.yaw / _FULL_LOOK, looks.pitch / _FULL_LOOK
    for side, outward in (("Left", yaw), ("Right", -yaw)):
        out[:, ARKIT.index(f"eyeLookOut{side}")] = np.maximum(0, outward)
        out[:, ARKIT.index(f"eyeLookIn{side}")] = np.maximum(0, -outward)
        out[:, ARKIT.index(f"eyeLookUp{side}")] = np.maximum(0, pitch)
        out[:, ARKIT.index(f"eyeLookDown{side}")] = np.maximum(0, -pitch)


def head_curves(rng: np.random.Generator, n: int, fps: float) -> Floats:
    """Yaw, pitch and roll (n, 3) in radians: slow turns with small quick nods."""
    slow = np.stack([wander(rng, n, fps, s) for s in (2.2, 1.8, 2.8)], 1)
    quick = np.stack([wander(rng, n, fps, 0.45) for _ in range(3)], 1)
    reach = np.array([[0.07, 0.04, 0.03], [0.012, 0.014, 0.008]], np.float32)
    return slow * reach[0] + quick * reach[1]
