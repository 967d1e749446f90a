"""A clip as somebody else might have said it: faster or slower, higher or lower, its motion too."""

from dataclasses import replace

import numpy as np
import soxr

from engine.types import Floats

from .clips import FPS, Clip
from .voices import RATE, Phone


def at_speed(clip: Clip, ratio: float) -> Clip:
    """The clip played slower by `ratio`: its sound lower and longer, its motion as slow."""
    samples = soxr.resample(clip.samples, RATE, RATE * ratio).astype(np.float32)
    count = int(len(samples) * FPS / RATE)
    at = np.arange(count) / ratio

    def warped(values: Floats) -> Floats:
        columns = values.reshape(len(values), -1).T
        there = np.arange(len(values))
        moved = np.stack([np.interp(at, there, c) for c in columns], 1)
        return moved.reshape(count, *values.shape[1:]).astype(np.float32)

    return replace(
        clip, samples=samples,
        phones=tuple(Phone(p.name, p.start * ratio, p.end * ratio) for p in clip.phones),
        weights=warped(clip.weights), head=warped(clip.head), mouth=warped(clip.mouth),
        upper=warped(clip.upper),
    )  # fmt: skip
