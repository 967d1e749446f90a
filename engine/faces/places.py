"""Where to look for faces: squares of a picture, each as the way (2, 3) from the net's to it."""

from collections.abc import Iterator
from itertools import cycle
from math import ceil

import numpy as np

from ..types import Floats
from .crop import similarity
from .finder import SIDE, Found, whole

# Where a face that fills the middle of the net's square has eyes, nose and mouth; the sides of
# BlazeFace's boxes are 2.3 times the distance of the eyes.
_EYES = 20.0  # pixels of the square between the eyes
_AHEAD = np.array([(-0.5, 0), (0.5, 0), (0, 0.62), (0, 1.1)], np.float32)
_SMALLEST = 240  # pixels: squares below this show faces that are too coarse to be of use
_APART = 0.65  # of a square's side between two squares: a face of a third lies in one wholly


def around(face: Found, wider: float = 1.0) -> Floats:
    """The square about a face, turned with it; a face takes 0.36 of it, or less if `wider`."""
    return similarity(_place(_EYES / wider), face.points[:4])


def upended(face: Found) -> Floats:
    """The same on its head: the net takes an upright mouth for eyes, though with less trust."""
    return similarity(_place(-_EYES), face.points[:4])


def _place(eyes: float) -> Floats:
    """(4, 2): eyes, nose and mouth about the middle of the net's square."""
    place = _AHEAD * eyes
    return np.asarray(place - place.mean(0) + (SIDE - 1) / 2, np.float32)


def everywhere(width: int, height: int) -> Iterator[Floats]:
    """Squares that never end, every third of them the whole picture.

    Between those come smaller and smaller parts, for small faces, and the whole picture lying
    on its sides and on its head, for cameras that are turned.
    """
    turned = [whole(width, height, quarters) for quarters in (1, 3, 2)]
    others = cycle([*_parts(width, height, 2), *turned, *_parts(width, height, 4)])
    while True:
        yield whole(width, height)
        yield next(others)
        yield next(others)


def _parts(width: int, height: int, fraction: int) -> list[Floats]:
    """Squares of 1 / `fraction` of the longer side that overlap and cover the picture."""
    side = max(width, height) / fraction
    if side < _SMALLEST:
        return []
    lefts, tops = (_begins(length, side) for length in (width, height))
    scale = side / SIDE
    shift = (scale - 1) / 2  # whole numbers are the centres of pixels
    return [
        np.array([[scale, 0, x + shift], [0, scale, y + shift]], np.float32)
        for y in tops
        for x in lefts
    ]


def _begins(length: int, side: float) -> list[float]:
    if side >= length:
        return [(length - side) / 2]
    n = ceil((length - side) / (_APART * side)) + 1
    return [float(b) for b in np.linspace(0, length - side, n)]
