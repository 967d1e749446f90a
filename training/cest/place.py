"""The standard place of a face in a picture, from its landmarks and the head's own.

A crop is upright and undistorted: the similarity that brings the neutral head's 68 points, seen
from the front, closest to the face's. At `room` 1 it is 240 mm wide there, the eyes a quarter of
the side apart and 0.4 of it below the top; stored crops have room for shifts and turns.
"""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.head import Head
from engine.types import Bytes, Floats
from training.head.landmarks import USUAL_68

SIDE = 240.0  # millimetres of head space across the standard crop
MIDDLE_Y = 14.5  # millimetres of head space: where the crop's middle lies
ROOM = 1.25  # stored crops are so much wider than what a net sees


@cache
def _front() -> Floats:
    """(68, 2) the neutral's points in units of the crop's side, from its middle, y down."""
    head = Head.load()
    points = head.landmarks(head.neutral, 68)[:, :2] - np.array([0, MIDDLE_Y], np.float32)
    return np.asarray(points * [1, -1] / SIDE, np.float32)


def similarity(these: Floats, those: Floats) -> Floats:
    """(2, 3): rotation, scale and shift that bring points (n, 2) closest to others (n, 2).

    Least squares without reflection: with complex z, w it is w = a z + b.
    """
    z, w = (p[:, 0].astype(np.complex128) + 1j * p[:, 1] for p in (these, those))
    dz, dw = z - z.mean(), w - w.mean()
    a = np.vdot(dz, dw) / np.vdot(dz, dz).real
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]], np.float32)


def placement(points468: Floats, side: int, room: float = ROOM) -> Floats:
    """(2, 3): from pixels of a crop of `side` to those in which `points468` are."""
    places = _front() * np.float32(side / room) + np.float32((side - 1) / 2)
    return similarity(places, points468[list(USUAL_68)])


def cut(pixels: Bytes, to_frame: Floats, side: int) -> Bytes:
    """(side, side, 3) of a picture; shrunk by averages first where the crop is much coarser."""
    shrink = float(np.hypot(*to_frame[:, 0]))
    if shrink > 2:
        by = 1 / int(shrink)
        pixels = np.asarray(cv2.resize(pixels, None, fx=by, fy=by, interpolation=cv2.INTER_AREA))
        to_frame = to_frame * np.float32(by)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(
        pixels, to_frame, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE
    ), np.uint8)  # fmt: skip


def inverse(affine: Floats) -> Floats:
    return np.asarray(cv2.invertAffineTransform(affine), np.float32)


def apply(affine: Floats, points: NDArray[np.floating]) -> Floats:
    """Points (n, 2) through a (2, 3)."""
    return np.asarray(points @ affine[:, :2].T + affine[:, 2], np.float32)
