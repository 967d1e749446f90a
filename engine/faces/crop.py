"""A face out of a picture, upright and at a standard place: by a similarity, so undistorted.

112 pixels: the place at which face embeddings are trained (the five points that SphereFace,
CosFace and ArcFace share), a tight cut. Any other side: a wide cut for CEST, chin to hairline
with room to turn, the eyes 0.24 of the side apart and 0.4 of it below the top.
"""

from functools import cache

import cv2
import numpy as np

from ..types import Bytes, FaceCrop, Floats, VideoFrame
from .points import main_points
from .quality import assess

IDENTITY = 112  # pixels
CEST = 256  # pixels
_TEMPLATE = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ],
    np.float32,
)
# Where BlazeFace sees eyes, nose and mouth on faces that lie by the template: the medians of
# 800 pictures of 24 people, made symmetric. Its nose is lower than the template's.
_BLAZEFACE = np.array([(38.1, 52.9), (73.7, 52.9), (55.9, 74.9), (55.9, 91.8)], np.float32)
_ENOUGH = 4  # pixels of the picture, each way, that are averaged into one of the crop
_WIDE_EYES, _WIDE_TOP = 0.24, 0.4  # of the side: between the eyes, and from the top to them


def crop(
    frame: VideoFrame, points: Floats, side: int, track: int = 0, quality: float | None = None
) -> FaceCrop:
    """The face with these points (6, 5, 68, 468 or 478 of them, in pixels of the frame).

    What lies outside of the frame is black. `quality` is assessed here where it is not given.
    ValueError where the points are of no known set or all in one place.
    """
    to_frame = placement(points, side)
    pixels = cut(frame.pixels, to_frame, side)
    if quality is None:
        tight = placement(points, IDENTITY)
        quality = assess(cut(frame.pixels, tight, IDENTITY), points).score
    return FaceCrop(frame.t, track, pixels, to_frame, quality)


def placement(points: Floats, side: int) -> Floats:
    """(2, 3): from pixels of a crop of `side` to those of the frame that `points` are in."""
    mine = main_points(points)
    return similarity(_places(side, len(mine)), mine)


def similarity(these: Floats, those: Floats) -> Floats:
    """(2, 3): rotation, scale and shift that bring points (n, 2) closest to others (n, 2).

    Least squares (Umeyama 1991, without reflection), which is w = a z + b with z, w complex.
    """
    z, w = (p[:, 0].astype(np.complex128) + 1j * p[:, 1] for p in (these, those))
    dz, dw = z - z.mean(), w - w.mean()
    a = np.vdot(dz, dw) / np.vdot(dz, dz).real
    b = w.mean() - a * z.mean()
    if not abs(a) > 1e-6:
        raise ValueError("the face points are all in one place")
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]], np.float32)


def cut(pixels: Bytes, to_frame: Floats, side: int) -> Bytes:
    """(side, side, 3) out of a picture; where that is coarser, its pixels are averaged first."""
    shrink = int(np.hypot(*to_frame[:, 0]))
    if shrink > 1:
        pixels, to_frame = _shrunk(pixels, to_frame, side, shrink)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(pixels, to_frame, (side, side), flags=how), np.uint8)


def _shrunk(pixels: Bytes, to_frame: Floats, side: int, by: int) -> tuple[Bytes, Floats]:
    """The part of a picture that a crop needs, `by` times smaller, and the way into that.

    Of very many pixels some are skipped, so that a 4K picture takes no longer than others.
    """
    skip = max(1, by // _ENOUGH)
    mean = by // skip
    by = skip * mean
    corners = np.array([(0, 0, 1), (side, 0, 1), (0, side, 1), (side, side, 1)], np.float32)
    seen = corners @ to_frame.T
    h, w = pixels.shape[:2]
    low = np.clip(np.floor(seen.min(0)) - by, 0, (w - 1, h - 1)).astype(int)
    high = np.clip(np.ceil(seen.max(0)) + by, low + 1, (w, h)).astype(int)
    size = np.maximum((high - low) // by, 1)
    high = np.minimum(low + size * by, (w, h))  # whole multiples: OpenCV is fast at those
    part = pixels[low[1] : high[1] : skip, low[0] : high[0] : skip]
    small = cv2.resize(part, size.tolist(), interpolation=cv2.INTER_AREA)
    moved = to_frame / by
    moved[:, 2] -= low / by + (mean - 1) / (2 * mean)  # whole numbers are centres of pixels
    return np.asarray(small, np.uint8), moved.astype(np.float32)


@cache
def _places(side: int, n: int) -> Floats:
    """(n, 2): where the main points of a face lie in a crop."""
    places = _TEMPLATE if n == len(_TEMPLATE) else _BLAZEFACE
    if side == IDENTITY:
        return places
    eyes = _TEMPLATE[:2].mean(0)
    scale = _WIDE_EYES * side / (_TEMPLATE[1, 0] - _TEMPLATE[0, 0])
    middle = np.array([0.5, _WIDE_TOP]) * side - 0.5
    return np.asarray((places - eyes) * scale + middle, np.float32)
