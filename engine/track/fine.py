"""Lids and lips read from the crop's own pixels: what the nets follow too little.

Two small nets (training/fine) look at a patch about an eye, and about the lips, cut by the
landmarks, and say how far the eye is open, and how much further the mouth than it was taken for.
Lids are compared with how the same person's are when open.
"""

from pathlib import Path

import cv2
import numpy as np

from ..head import INDEX, Head
from ..model import MODELS, open_model
from ..types import Bytes, Floats

EYE, LIPS = (24, 16, 0.55), (24, 20, 1.15)  # pixels, and the width as a share of the eyes' distance
OPEN, SHUT = 0.88, 0.5  # of a person's own opening: from here on a blink, a whole one
RISE, FALL = 0.2, 0.005  # of a frame: how an open eye's level follows what is seen above, below it
IDLE = 0.012  # of the mouth's opening: so much says nothing
_BLINKS = [INDEX["eyeBlinkRight"], INDEX["eyeBlinkLeft"]]
_JAW = INDEX["jawOpen"]


class Fine:
    """The two nets, and what is known of one person's lids."""

    def __init__(self, head: Head, folder: Path = MODELS / "fine") -> None:
        with np.load(open_model(folder).file("fine.npz")) as file:
            self._nets = {k: [file[f"{k}{n}"] for n in range(4)] for k in ("eye", "lips")}
        jaw = np.zeros(52, np.float32)
        apart = []
        for jaw[_JAW] in (0.0, 1.0):
            apart.append(mouth_opening(head.landmarks(head.pose(head.neutral, jaw), 68)[:, :2]))
        self._each = apart[1] - apart[0]  # of opening, by the whole of jawOpen
        self.forget()

    def forget(self) -> None:
        """Another person comes."""
        self._open: Floats | None = None

    def correct(self, weights: Floats, crop: Bytes, marks: Floats) -> Floats:
        """The weights (52,) with lids and jaw as the crop shows them; marks (68, 2) on the crop."""
        grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)
        eyes, lips = patches(grey, marks)
        out = weights.copy()
        out[_BLINKS] = np.maximum(out[_BLINKS], self._blinks(self._run("eye", eyes)))
        off = float(self._run("lips", lips[None])[0])
        out[_JAW] += np.sign(off) * max(abs(off) - IDLE, 0) / self._each
        return np.clip(out, 0, 1)

    def _blinks(self, opening: Floats) -> Floats:
        """(2,) weights of openings that are 1 where an eye of most people is open."""
        if self._open is None:
            self._open = np.clip(opening, 0.7, 1.3)
        change = opening - self._open
        self._open = self._open + np.where(change > 0, RISE, FALL) * change
        return np.clip((OPEN - opening / self._open) / (OPEN - SHUT), 0, 1)

    def _run(self, name: str, looks: Floats) -> Floats:
        first, bias, second, last = self._nets[name]
        hidden = np.maximum(looks.reshape(len(looks), -1) @ first + bias, 0)
        return np.asarray((hidden @ second + last)[:, 0], np.float32)


def mouth_opening(marks: Floats) -> float:
    """The inner lips' distance as a share of that between the eyes' outer corners; (68, 2)."""
    gap = np.linalg.norm(marks[61:64] - marks[[67, 66, 65]], axis=1).mean()
    return float(gap / np.linalg.norm(marks[36] - marks[45]))


def patches(
    grey: Bytes, marks: Floats, rng: np.random.Generator | None = None
) -> tuple[Floats, Floats]:
    """Both eyes (2, 16, 24), the left one mirrored, and the lips (20, 24); each with mean 0.

    With `rng` they are cut a little beside, as in training.
    """
    across = marks[42:48].mean(0) - marks[36:42].mean(0)
    eyes = [_patch(grey, marks[k : k + 6], across, EYE, rng) for k in (36, 42)]
    return np.stack([eyes[0], eyes[1][:, ::-1]]), _patch(grey, marks[48:60], across, LIPS, rng)


def _patch(
    grey: Bytes, points: Floats, across: Floats, size: tuple[int, int, float],
    rng: np.random.Generator | None,
) -> Floats:  # fmt: skip
    width, height, share = size
    eyes = float(np.hypot(*across))
    scale, angle = share * eyes / width, float(np.arctan2(across[1], across[0]))
    centre = points.mean(0).astype(float)
    if rng is not None:
        centre = centre + rng.normal(0, 0.05, 2) * eyes
        scale, angle = scale * np.exp(rng.normal(0, 0.08)), angle + rng.normal(0, 0.05)
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    way = np.array([[c, -s, 0], [s, c, 0]])
    way[:, 2] = centre - way[:, :2] @ [(width - 1) / 2, (height - 1) / 2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(grey, way, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    value = seen.astype(np.float32)
    return np.asarray((value - value.mean()) / (value.std() + 3), np.float32)
