"""Irises in a video -> where the eyes look, as ARKit weights."""

import numpy as np

from engine.head import Head
from engine.head.arkit import ARKIT
from engine.types import Floats
from training.data.upper import Gaze, look

from .fit import Pose, Surface

RADIUS = 12.0  # millimetres from an eye's centre to its iris
CORNERS = ((263, 362), (33, 133))  # of the person's left and right eye
FARTHEST = 0.6  # radians: what lies beyond is no glance but an error
SHUT = 0.55  # of the usual opening of the lids: below it the iris is not seen


def centres(head: Head, surface: Surface) -> Floats:
    """(2, 3) left and right eye of this person: the neutral's, moved as its corners are."""
    neutral = head.landmarks(head.neutral, 468)
    moved = [(surface.points[list(c)] - neutral[list(c)]).mean(0) for c in CORNERS]
    return head.eye_centres + np.array(moved, np.float32)


def angles(head: Head, surface: Surface, pose: Pose, irises: Floats) -> Floats:
    """Irises (n, 2, 2), the person's right first -> (n, 2) yaw (+ to the person's left) and pitch
    (+ up) in radians, the mean of both eyes."""
    at = pose.project(centres(head, surface)[::-1])
    away = (irises - at) * [1, -1] / pose.scale[:, None, None] / RADIUS
    flat = np.clip(np.linalg.norm(away, axis=2), 1e-6, 0.95)
    away *= (flat / np.linalg.norm(away, axis=2).clip(1e-6))[..., None]
    seen = np.concatenate([away, np.sqrt(1 - flat**2)[..., None]], 2)
    aim = np.einsum("nji,nej->nei", pose.rotation, seen).mean(1)
    yaw, pitch = np.arctan2(aim[:, 0], aim[:, 2]), np.arctan2(aim[:, 1], aim[:, 2])
    return np.stack([yaw, pitch], 1).astype(np.float32)


def looks(turned: Floats, lids: Floats, usual: Floats) -> Floats:
    """Angles (n, 2) as eyeLook weights (n, 52): `usual` (2,) is straight ahead, and while the lids
    (n,), as a share of their usual opening, are shut, the eyes stay on their way."""
    seen = np.flatnonzero(lids > SHUT)
    if not len(seen):
        return np.zeros((len(turned), len(ARKIT)), np.float32)
    there = np.arange(len(turned))
    aim = np.stack([np.interp(there, seen, turned[seen, k] - usual[k]) for k in (0, 1)], 1)
    aim = np.clip(_median3(aim), -FARTHEST, FARTHEST).astype(np.float32)
    out = np.zeros((len(turned), len(ARKIT)), np.float32)
    look(out, Gaze(aim[:, 0], aim[:, 1]))
    return np.clip(out, 0, 1)


def _median3(values: Floats) -> Floats:
    """Each row's median with its neighbours: single wrong frames vanish, jumps stay."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
