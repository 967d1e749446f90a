"""Where a face is: the standard crop, and viewpoints in pixels of the frame.

A crop is upright and undistorted: the similarity that brings the neutral head's 68 points, seen
from the front, closest to the face's.
"""

import cv2
import numpy as np

from ..faces.crop import similarity
from ..head import Head
from ..types import Bytes, Floats
from .nets import Nets


class Place:
    """The standard place of a net's crop."""

    def __init__(self, head: Head, nets: Nets) -> None:
        points = head.landmarks(head.neutral, 68)[:, :2] - np.array([0, nets.middle_y], np.float32)
        middle = np.float32((nets.size - 1) / 2)
        scale = nets.size / nets.side_mm
        self._front = np.asarray(points * [scale, -scale] + middle, np.float32)
        self._main = main_points(self._front)
        self._size, self._nets = nets.size, nets

    def of_landmarks(self, points68: Floats) -> Floats:
        """(2, 3): from pixels of the crop to those in which the 68 points are."""
        return similarity(self._front, points68)

    def of_finding(self, points: Floats) -> Floats:
        """The same by the finder's six points, which are coarser."""
        return similarity(self._main, points[[0, 1, 3]])

    def cut(self, pixels: Bytes, to_frame: Floats) -> Bytes:
        """(size, size, 3); where a frame is much finer, its pixels are averaged first."""
        shrink = int(np.hypot(*to_frame[:, 0]))
        if shrink > 1:
            small = (pixels.shape[1] // shrink, pixels.shape[0] // shrink)
            pixels = np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), np.uint8)
            half = np.array([[0, 0, 0.5]], np.float32)
            to_frame = (to_frame + half) / np.float32(shrink) - half
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(
            pixels, to_frame, (self._size,) * 2, flags=flags, borderMode=cv2.BORDER_REPLICATE
        ), np.uint8)  # fmt: skip

    def in_frame(self, viewpoint: Floats, to_frame: Floats) -> Floats:
        """A crop's viewpoint (7,) as that of the frame (see FaceParams)."""
        scale = float(np.hypot(*to_frame[:, 0]))
        roll = -float(np.arctan2(to_frame[1, 0], to_frame[0, 0]))  # y goes down there, here up
        turn, _ = cv2.Rodrigues(np.array([0.0, 0.0, roll]))
        rotation, _ = cv2.Rodrigues(turn @ cv2.Rodrigues(viewpoint[1:4].astype(float))[0])
        half = self._size / 2
        middle = (viewpoint[4:6] * [1, -1] + 1) * half - 0.5
        out = np.empty(7, np.float32)
        out[0] = viewpoint[0] + np.log(scale * half / self._nets.unit)
        out[1:4] = rotation.ravel()
        out[4:6] = to_frame[:, :2] @ middle + to_frame[:, 2]
        out[6] = viewpoint[6] * half * scale
        return out


def compose(outer: Floats, inner: Floats) -> Floats:
    """(2, 3): first `inner`, then `outer`."""
    out = outer[:, :2] @ inner
    out[:, 2] += outer[:, 2]
    return np.asarray(out, np.float32)


def apply(way: Floats, points: Floats) -> Floats:
    """Points (n, 2) moved by (2, 3)."""
    return np.asarray(points @ way[:, :2].T + way[:, 2], np.float32)


def inverse(way: Floats) -> Floats:
    """(2, 3): the way back."""
    return np.asarray(cv2.invertAffineTransform(way), np.float32)


def project(points: Floats, viewpoint: Floats, centre: Floats) -> Floats:
    """Points (n, 3) of head space, mm -> (n, 3): pixels right, down, and towards the viewer."""
    turned = (points - centre) @ matrix(viewpoint).T * np.exp(viewpoint[0])
    return np.asarray(turned * [1, -1, 1] + viewpoint[4:], np.float32)


def matrix(viewpoint: Floats) -> Floats:
    """The rotation (3, 3) of a viewpoint; the errata of the supplement's eq. 11 do not matter
    here, for OpenCV's own formula is used."""
    return np.asarray(cv2.Rodrigues(viewpoint[1:4].astype(float))[0], np.float32)


def angles(rotation: Floats) -> Floats:
    """Yaw, pitch, roll (3,) in radians of a rotation R = Ry Rx Rz."""
    yaw = np.arctan2(rotation[0, 2], rotation[2, 2])
    pitch = np.arcsin(np.clip(-rotation[1, 2], -1, 1))
    roll = np.arctan2(rotation[1, 0], rotation[1, 1])
    return np.array([yaw, pitch, roll], np.float32)


def main_points(points68: Floats) -> Floats:
    """(3, 2): the person's right eye, left eye, and the middle of the mouth."""
    parts = (slice(36, 42), slice(42, 48), slice(48, 68))
    return np.asarray([points68[part].mean(0) for part in parts], np.float32)
