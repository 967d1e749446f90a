"""What MeshTalk's lips and lids do, measured on vertices: openings, closures, blinks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.head import Head, Solver
from engine.head.arkit import INDEX
from engine.types import Floats
from training.data.phones import BILABIAL, PAUSE
from training.data.visemes import GROUPS, TARGETS, columns
from training.data.voices import Phone

CLOSED = 0.1  # of that head's own opening at aa
UPPER, LOWER = 62, 66  # of the 68 landmarks: the middle of the inner lips
LIDS_CLOSED = 0.5  # eyeBlink weight from which on the eyes count as shut


def openings(head: Head, vertices: Sequence[Floats]) -> Floats:
    """Height of the mouth's opening (n,) in millimetres, at the middle pair of inner lip points."""
    heights = np.empty(len(vertices), np.float32)
    for k, face in enumerate(vertices):
        points = head.landmarks(face, 68)
        heights[k] = points[UPPER, 1] - points[LOWER, 1]
    return heights


def aa(head: Head, person: Floats) -> float:
    """The opening of a head that says aa, by the generator's own target."""
    weights = np.zeros(len(INDEX), np.float32)
    for group, value in zip(GROUPS, TARGETS["aa"].weights, strict=True):
        weights[columns(group)] = value
    return float(openings(head, [head.pose(person, weights)])[0])


@dataclass(frozen=True, slots=True)
class Closures:
    made: int
    asked: int
    by_chance: float  # the rate when the phones are moved to random moments of speech


def closures(
    opening: Floats, phones: Sequence[Phone], least: float, fps: int, rng: np.random.Generator
) -> Closures:
    """How often the mouth opens less than `least` during p, b or m."""
    speech = speech_frames(phones, len(opening), fps)
    wanted = [p for p in phones if p.name in BILABIAL]
    spans = [span(p, len(opening), fps) for p in wanted]
    made = sum(opening[a:b].min() < least for a, b in spans)
    chance = [
        opening[k : k + b - a].min() < least
        for a, b in spans
        for k in rng.choice(speech, 20)
    ]  # fmt: skip
    return Closures(int(made), len(spans), float(np.mean(chance)) if chance else float("nan"))


def span(phone: Phone, n: int, fps: int) -> tuple[int, int]:
    """The frames during a phone: those within it, or the nearest one."""
    first, last = int(np.ceil(phone.start * fps)), int(np.floor(phone.end * fps))
    if last < first:
        first = last = round((phone.start + phone.end) / 2 * fps)
    first = min(first, n - 1)
    return first, max(first, min(last, n - 1)) + 1


def speech_frames(
    phones: Sequence[Phone], n: int, fps: int
) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """Frames in which somebody speaks."""
    times = np.arange(n) / fps
    speaking = np.zeros(n, bool)
    for p in phones:
        if p.name != PAUSE:
            speaking |= (times >= p.start) & (times < p.end)
    return np.flatnonzero(speaking)


def lids(head: Head, person: Floats, vertices: Sequence[Floats]) -> Floats:
    """How far the lids are shut (n,), as the mean eyeBlink weight."""
    solver = Solver(head, person)
    shut = [INDEX[f"eyeBlink{side}"] for side in ("Left", "Right")]
    return np.array([solver.weights(v)[shut].mean() for v in vertices], np.float32)


def blinks(shut: Floats) -> int:
    """How often the lids close."""
    closed = shut > LIDS_CLOSED
    return int(np.sum(closed[1:] & ~closed[:-1]))


def correlation(a: Floats, b: Floats) -> float:
    """Pearson's; 0 where one of them does not move."""
    if np.std(a) < 1e-6 or np.std(b) < 1e-6:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
