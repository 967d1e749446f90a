"""What a person's frames say of the teacher's habits, and which of them show the face at rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.types import Floats
from training.head.landmarks import LID_LOWER, LID_UPPER, LIP_PAIRS

LID_PAIRS = tuple(
    pair for side in ("Right", "Left") for pair in zip(LID_UPPER[side], LID_LOWER[side],
                                                       strict=True))  # fmt: skip


def resting(seen: Floats, most: int = 80) -> Floats:
    """The frames (m, 468, 2) of a person in which the lips are closed and the eyes open."""
    seen = seen[np.isfinite(seen).all((1, 2))]
    lips, lids = opening(seen, LIP_PAIRS), opening(seen, LID_PAIRS)
    awake = lids > np.percentile(lids, 30)
    order = np.argsort(np.where(awake, lips, np.inf))[: max(4, len(seen) // 8)]
    return seen[np.sort(order)[np.linspace(0, len(order) - 1, min(most, len(order))).astype(int)]]


def opening(seen: Floats, pairs: Sequence[tuple[int, int]]) -> Floats:
    """(n,) mean height over some pairs of points, in units of the eyes' distance."""
    return np.asarray(heights(seen, pairs).mean(1))


@dataclass(frozen=True, slots=True)
class Habit:
    """How the teacher shows a person's closed lips and shut eyes: never quite closed.

    Lips: the lowest twentieth of the person's frames shows how far apart they are kept when closed.
    Lids: a frame in 150 is amid a blink; what is left of the opening there is no opening.
    """

    lips: Floats  # (lip pairs,) in units of the eyes' distance
    usual: Floats  # (lid pairs,) the same, of open eyes
    shut: Floats  # (lid pairs,)

    @classmethod
    def of(cls, seen: Floats) -> "Habit":
        """From all frames (n, 468, 2) of a person."""
        lids = heights(seen, LID_PAIRS)
        shut, usual = np.percentile(lids, [0.7, 50], axis=0).astype(np.float32)
        blinked = shut < 0.7 * usual
        return cls(
            np.percentile(heights(seen, LIP_PAIRS), 5, axis=0).astype(np.float32),
            usual, np.where(blinked, shut, 0).astype(np.float32),
        )  # fmt: skip

    def closed(self, seen: Floats) -> Floats:
        """Points (n, 468, 2) that close: half of what lips keep is taken from each, and the upper
        lids fall so that the lowest opening of all is none."""
        out = seen.copy()
        upper, lower = np.array(LIP_PAIRS).T
        share = np.minimum(self.lips / np.maximum(heights(seen, LIP_PAIRS), 1e-6), 1.0) / 2
        apart = seen[:, lower] - seen[:, upper]
        out[:, upper] += share[..., None] * apart
        out[:, lower] -= share[..., None] * apart
        upper, lower = np.array(LID_PAIRS).T
        height = heights(seen, LID_PAIRS)
        fall = np.clip(self.usual - height, 0, None) * (self.shut / (self.usual - self.shut))
        share = np.minimum(fall / np.maximum(height, 1e-6), 1.0)
        out[:, upper] += share[..., None] * (seen[:, lower] - seen[:, upper])
        return out


def heights(seen: Floats, pairs: Sequence[tuple[int, int]]) -> Floats:
    """(n, pairs) between pairs of points, in units of the eyes' distance."""
    upper, lower = np.array(pairs).T
    eyes = np.linalg.norm(seen[:, 33] - seen[:, 263], axis=1)
    return np.asarray(np.linalg.norm(seen[:, lower] - seen[:, upper], axis=2) / eyes[:, None])
