"""Colours of made-up people: what reflects how much of the light at each place of the head.

Painted on the neutral's surface, so that paint sticks when the face moves. Values are sRGB-like
(see shade.py). Plain next to a real face, but tones, lips, brows, eyes, beards, flushes, freckles
and blotches differ from person to person.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.head import Head
from engine.types import Floats, Ints
from training.head.paint import brow

TONES = (
    (250, 219, 200),
    (232, 186, 160),
    (206, 150, 120),
    (160, 106, 78),
    (108, 68, 50),
    (68, 44, 36),
)
HAIRS = ((24, 20, 18), (58, 42, 32), (104, 72, 46), (178, 140, 92), (150, 146, 142))
IRISES = ((60, 40, 26), (92, 66, 40), (96, 110, 84), (96, 124, 150))
KINDS = {"skin": 0, "hair_cap": 1, "eye_left": 2, "eye_right": 2, "mouth_inner": 3, "tongue": 3,
         "teeth_upper": 4, "teeth_lower": 4}  # fmt: skip
IRIS, PUPIL = 0.42, 0.17  # sines of the angle off the eye's axis


@dataclass(frozen=True, slots=True)
class Skin:
    """What one person is coloured with; every colour (3,) in [0, 1]."""

    tone: Floats
    hair: Floats
    iris: Floats
    lips: Floats
    cloth: Floats
    scalp: float  # how much of the hair there is
    beard: float
    flush: float
    waves: Floats  # (w, 3) per millimetre, of the blotches
    phases: Floats  # (w,)
    strengths: Floats  # (w,)
    spots: Floats  # (k, 3) places of freckles and moles


def random_skin(rng: np.random.Generator, points: Floats) -> Skin:
    """A person's colours; freckles lie at some of `points` (v, 3) of the neutral's face."""
    at = rng.uniform(0, len(TONES) - 1.001)
    low, share = int(at), at - int(at)
    tone = (1 - share) * np.array(TONES[low]) + share * np.array(TONES[low + 1])
    tone = np.clip(tone / 255 * rng.uniform(0.93, 1.05, 3), 0, 1)
    count = 24
    size = rng.uniform(0.02, 0.5, (count, 1)) * rng.choice([1, 1, 3], (count, 1))
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    spots = points[rng.integers(0, len(points), rng.integers(1, 30))]
    return Skin(
        _of(tone), _of(rng.choice(HAIRS) / 255 * rng.uniform(0.8, 1.2)),
        _of(rng.choice(IRISES) / 255),
        _of(tone * rng.uniform((0.72, 0.45, 0.45), (0.98, 0.75, 0.78))), _of(rng.uniform(0, 1, 3)),
        float(rng.uniform(0.5, 1)), float(max(0, rng.uniform(-0.5, 0.55))),
        float(rng.uniform(0, 0.16)),
        _of(direction * size), _of(rng.uniform(0, 2 * np.pi, count)),
        _of(rng.uniform(0, 0.02, count)), _of(spots),
    )  # fmt: skip


def _of(values: NDArray[np.floating]) -> Floats:
    return np.clip(values, -10_000, 10_000).astype(np.float32)


class Paint:
    """A head's places: what is skin, lip, brow, eye, and colours for them."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.kind = np.zeros(len(head.faces), np.int8)
        for name, value in KINDS.items():
            self.kind[head.parts[name]] = value
        shown = np.ones(len(head.faces), bool)
        shown[head.parts["lashes"]] = False
        self.shown = np.flatnonzero(shown).astype(np.int32)

    def colours(self, skin: Skin, triangles: Ints, weights: Floats) -> Floats:
        """(n, 3) reflectances at places of triangles (n,) with barycentric weights (n, 3)."""
        head, corners = self.head, self.head.faces[triangles]
        points = np.einsum("nc,ncd->nd", weights, head.neutral[corners])

        def mask(name: str) -> Floats:
            return np.asarray((head.masks[name][corners] * weights).sum(1))

        out = np.tile(skin.tone, (len(points), 1)) * _blotches(skin, points)[:, None]
        out *= 1 - 0.3 * _spots(skin, points)[:, None]
        for share, colour in (
            (skin.flush * _blob(points, 1.0), np.array([0.75, 0.25, 0.25])),
            (skin.beard * _beard(points) * (1 - mask("lips")), skin.hair),
            (mask("lips"), skin.lips),
            (0.8 * mask("lid_edge"), skin.hair),
            (0.85 * brow(points, head.eye_centres), skin.hair),
            (skin.scalp * mask("scalp"), skin.hair),
            (mask("garment"), skin.cloth),
            (1.0 * (self.kind[triangles] == 3), np.array([0.3, 0.12, 0.12])),
            (1.0 * (self.kind[triangles] == 4), np.array([0.85, 0.83, 0.78])),
        ):
            out += share[:, None] * (colour - out)
        self._eyes(skin, out, points, self.kind[triangles] == 2)
        return np.clip(out, 0.01, 1).astype(np.float32)

    def _eyes(self, skin: Skin, out: Floats, points: Floats, ball: NDArray[np.bool_]) -> None:
        centres = self.head.eye_centres[(points[ball, 0] < 0).astype(int)]
        away = points[ball] - centres
        sine = (np.hypot(away[:, 0], away[:, 1]) / np.linalg.norm(away, axis=1))[:, None]
        out[ball] = np.where(
            sine < PUPIL, 0.03, np.where(sine < IRIS, skin.iris, np.array([0.82, 0.8, 0.78]))
        )


def _blotches(skin: Skin, points: Floats) -> Floats:
    waves = np.cos(points @ skin.waves.T + skin.phases)
    return np.asarray(1 + waves @ skin.strengths)


def _spots(skin: Skin, points: Floats) -> Floats:
    """How much a place lies in a freckle, in [0, 1]."""
    near = np.full(len(points), np.inf, np.float32)
    for spot in skin.spots:
        near = np.minimum(near, ((points - spot) ** 2).sum(1))
    return np.asarray(np.exp(-near / 2.5))


def _blob(points: Floats, strength: float) -> Floats:
    """Cheeks and the tip of the nose."""
    total = np.zeros(len(points), np.float32)
    for place, wide in (((42, 5, 85), 18.0), ((-42, 5, 85), 18.0), ((0, 8, 115), 12.0)):
        total += np.exp(-((points - np.array(place)) ** 2).sum(1) / wide**2)
    return np.asarray(np.clip(total * strength, 0, 1))


def _beard(points: Floats) -> Floats:
    """Below the nose and along the jaw."""
    x, y, z = points.T
    line = np.interp(np.abs(x), [0, 22, 45, 68, 80], [-12, -16, -22, 0, 15])
    return np.asarray(np.clip((line - y) / 8, 0, 1) * np.clip((y + 90) / 15, 0, 1) * (z > -10))
