"""All videos of one person -> their motion on the head model, at the sound's time, 30 a second."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from engine.errors import ConfigError
from engine.head import Head
from engine.types import Floats
from training.data.clips import FPS
from training.head.landmarks import INNER_LIPS, LID_UPPER, LIP_PAIRS, OUTER_LIPS

from . import gaze
from .fit import Fit, Surface, find_surface, fit_clip, residuals
from .habit import LID_PAIRS, Habit, opening, resting
from .offset import Opening
from .watch import Seen

MISSING = 0.15  # of a clip's frames may be without a face
SMALLEST = 24.0  # pixels between the outer corners of the eyes
WORST = 3.5  # millimetres of mean residual
MOUTH = [*OUTER_LIPS, *INNER_LIPS]
UPPER = [*LID_UPPER["Right"], *LID_UPPER["Left"]]


@dataclass(frozen=True, slots=True)
class Quality:
    """What a clip is worth."""

    residual: float  # millimetres, mean over frames
    eyes: float  # pixels between their outer corners
    missing: float  # share of frames without a face
    fps: float  # of the pictures
    even: bool  # whether pictures follow one another evenly

    def refuse(self) -> None:
        """ConfigError where a clip must not be learnt from."""
        if self.missing > MISSING:
            raise ConfigError(f"no face in {self.missing:.0%} of its pictures")
        if self.eyes < SMALLEST:
            raise ConfigError(f"the face is too small: {self.eyes:.0f} pixels between the eyes")
        if self.residual > WORST:
            raise ConfigError(f"the head cannot follow it: {self.residual:.1f} mm off in the mean")


@dataclass(frozen=True, slots=True)
class Person:
    """What is common to all of somebody's clips."""

    surface: Surface
    habit: Habit
    usual_gaze: Floats  # (2,) radians, straight ahead
    usual_lids: float


@dataclass(frozen=True, slots=True)
class Moved:
    """One clip's motion at its pictures' times."""

    times: NDArray[np.float64]  # (n,) seconds from the first picture
    weights: Floats  # (n, 52)
    head: Floats  # (n, 3) yaw, pitch, roll in radians, from this clip's usual
    mouth: Floats  # (n,) trust
    upper: Floats  # (n,) trust
    quality: Quality


def know(head: Head, clips: list[Seen]) -> Person:
    """Shape, lips' habit and usual gaze of a person, from all clips."""
    seen = np.concatenate([c.points[_there(c)] for c in clips])
    habit = Habit.of(seen)
    rest = resting(habit.closed(seen))
    surface = find_surface(head, rest)
    sample = [_spread(c) for c in clips]
    points = habit.closed(np.concatenate([c.points[k] for c, k in zip(clips, sample, strict=True)]))
    irises = np.concatenate([c.irises[k] for c, k in zip(clips, sample, strict=True)])
    pose = fit_clip(surface, points, None, 1.0).pose
    usual = np.median(gaze.angles(head, surface, pose, irises), axis=0)
    return Person(surface, habit, usual, float(np.median(opening(seen, LID_PAIRS))))


def _there(clip: Seen) -> NDArray[np.intp]:
    return np.flatnonzero(np.isfinite(clip.points).all((1, 2)))


def _spread(clip: Seen, most: int = 8) -> NDArray[np.intp]:
    there = _there(clip)
    return there[np.linspace(0, len(there) - 1, min(most, len(there))).astype(int)]


def move(head: Head, person: Person, clip: Seen) -> Moved:
    """The motion of one clip; ConfigError where it is not good enough."""
    there = _there(clip)
    seen = person.habit.closed(clip.points[there])
    steps = np.diff(clip.times)
    fps = float(1 / np.median(steps))
    fit = fit_clip(person.surface, seen, _gaze(head, person, clip, there, fps), fps)
    eyes = np.linalg.norm(seen[:, 33] - seen[:, 263], axis=1)
    quality = Quality(
        float(fit.residual.mean()), float(eyes.mean()),
        1 - len(there) / len(clip.times), fps, bool(steps.max() < 1.5 * steps.min()),
    )  # fmt: skip
    quality.refuse()
    off = residuals(person.surface, fit.pose, fit.weights, seen)
    return _filled(clip.times, there, fit, off, quality)


def _gaze(head: Head, person: Person, clip: Seen, there: NDArray[np.intp], fps: float) -> Floats:
    seen = person.habit.closed(clip.points[there])
    pose = fit_clip(person.surface, seen, None, fps, rounds=1).pose
    turned = gaze.angles(head, person.surface, pose, clip.irises[there])
    lids = opening(seen, LID_PAIRS) / person.usual_lids
    return gaze.looks(turned, lids, person.usual_gaze)


def _filled(
    times: NDArray[np.float64], there: NDArray[np.intp], fit: Fit, off: NDArray[np.float64],
    quality: Quality,
) -> Moved:  # fmt: skip
    """Frames without a face take the motion of those around them, and are not believed."""
    at = times[there]
    angles = np.unwrap(fit.pose.angles(), axis=0)
    angles = (angles - np.median(angles, axis=0)).astype(np.float32)

    def fill(values: Floats) -> Floats:
        return np.stack([np.interp(times, at, v) for v in values.T], 1).astype(np.float32)

    seen = np.zeros(len(times), np.float32)
    seen[there] = 1
    mouth, upper = (seen * fill(_trust(off[:, p])[:, None])[:, 0] for p in (MOUTH, UPPER))
    return Moved(times, fill(fit.weights), fill(angles), mouth, upper, quality)


def _trust(off: NDArray[np.float64]) -> Floats:
    """(n,) 1 where points (n, p) lie within 1.5 mm, falling to 0 at 4."""
    return np.clip((4.0 - off.mean(1)) / 2.5, 0, 1).astype(np.float32)


def seen_opening(clip: Seen, habit: Habit) -> Opening:
    """How far the mouth is open in the pictures, in units of the eyes' distance."""
    there = _there(clip)
    height = opening(habit.closed(clip.points[there]), LIP_PAIRS)
    return Opening(clip.times[there], height)


def at_sound(moved: Moved, begin: float, seconds: float) -> dict[str, Floats]:
    """The motion at k / FPS of a sound whose first sample is heard `begin` seconds after the first
    picture's moment: weights, head, mouth and upper trust (0 beyond the pictures)."""
    grid = begin + np.arange(int(seconds * FPS + 1e-6)) / FPS
    inside = (grid >= moved.times[0] - 0.5 / FPS) & (grid <= moved.times[-1] + 0.5 / FPS)
    held = np.clip(grid, moved.times[0], moved.times[-1])
    between = {
        "weights": np.clip(PchipInterpolator(moved.times, moved.weights)(held), 0, 1),
        "head": PchipInterpolator(moved.times, moved.head)(held),
        "mouth": np.interp(held, moved.times, moved.mouth) * inside,
        "upper": np.interp(held, moved.times, moved.upper) * inside,
    }
    return {name: np.asarray(v, np.float32) for name, v in between.items()}
