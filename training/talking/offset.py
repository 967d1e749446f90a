"""How much later (or earlier) the picture of a video is than its sound, from the lips.

The shipped model says how far a mouth opens with this sound; where that curve fits the seen one
best is the offset. One clip says little, so all clips of a source (one take of one camera) are
asked together: their correlations at each offset are averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.head import Head
from engine.speech import MeshTalk, Model, SpeechConfig
from engine.types import AudioChunk, Floats
from training.data.voices import RATE

FPS = 200  # of the curves that are compared
FARTHEST = 0.4  # seconds
SMOOTH = 0.05  # seconds

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Opening:
    """A curve of the mouth's opening; row k is at times[k]."""

    times: Doubles  # (n,) seconds
    height: Floats  # (n,) in any unit


@dataclass(frozen=True, slots=True)
class Offset:
    """What has to be added to a picture's time to get its sound's."""

    seconds: float
    agreement: float  # correlation at that offset


@cache
def _model() -> tuple[Head, Model]:
    return Head.load(), Model.load(provider="cpu")


def heard_opening(samples: Floats) -> Opening:
    """How far a mouth opens with 16 kHz sound, by the shipped model and its likeliest codes."""
    head, model = _model()
    stage = MeshTalk(SpeechConfig(liveliness=0.0), head, head.neutral, 30, 0, "cpu", model)
    faces = stage.push(AudioChunk(0.0, samples, RATE)) + stage.finish()
    points = [head.landmarks(face.vertices, 68) for face in faces]
    height = np.array([p[[61, 62, 63], 1].mean() - p[[65, 66, 67], 1].mean() for p in points])
    return Opening(np.arange(len(faces)) / 30, height.astype(np.float32))


def curve(seen: Opening, heard: Opening) -> Doubles:
    """Correlation of both at each offset from -FARTHEST to FARTHEST, 1 / FPS apart; NaN where they
    share less than a second."""
    reach = round(FARTHEST * FPS)
    lags = np.arange(-reach, reach + 1)
    grid = np.arange(heard.times[0], heard.times[-1], 1 / FPS)
    sound = _smooth(np.interp(grid, heard.times, heard.height))
    found = np.full(len(lags), np.nan)
    for i, lag in enumerate(lags):
        at = grid - lag / FPS
        inside = (at >= seen.times[0]) & (at <= seen.times[-1])
        if inside.sum() >= FPS:
            lips = np.interp(at[inside], seen.times, seen.height)
            found[i] = _correlation(_smooth(lips), sound[inside])
    return found


def _smooth(x: Doubles) -> Doubles:
    size = round(SMOOTH * FPS)
    return np.convolve(np.pad(x, size // 2, "edge"), np.ones(size) / size, "same")[
        size // 2 : size // 2 + len(x)
    ]


def _correlation(a: Doubles, b: Doubles) -> float:
    if np.std(a) < 1e-9 or np.std(b) < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def best(curves: Sequence[Doubles]) -> Offset:
    """The offset at which clips of one source agree best, to a part of 1 / FPS; agreement 0 where
    there is none."""
    whole = np.stack(list(curves))
    known = np.isfinite(whole).any(0)
    mean = np.full(whole.shape[1], -1.0)
    mean[known] = np.nanmean(whole[:, known], axis=0)
    peak = int(mean.argmax())
    if not 0 < peak < len(mean) - 1:
        return Offset(0.0, 0.0)  # it grows to the very edge: there is no best one
    a, b, c = mean[peak - 1 : peak + 2]
    part = 0.5 * (a - c) / min(a - 2 * b + c, -1e-12)
    lag = peak - (len(mean) - 1) // 2 + float(np.clip(part, -0.5, 0.5))
    return Offset(lag / FPS, float(mean[peak]))
