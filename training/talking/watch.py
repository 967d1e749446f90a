"""Landmarks of the one face in a video: 468 points and both irises, frame by frame.

The face is found once (engine.faces), then followed by its own points; the teacher looks at an
upright square around them. Points are in pixels of the frame, x to the right, y down.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import DeviceError
from engine.faces import Finder, Found
from engine.head import Head
from engine.types import Bytes, Floats, VideoFrame
from training.head.landmarks import mirror_numbers
from training.head.teacher import Iris, Teacher

SIDE = 192  # pixels of the square that the teacher looks at
ROOM = 1.5  # that square's side over the face's
SURE = 0.5
# The eyes, right first: lower lid from the outer corner to the inner, then the upper lid.
EYES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
)
IRIS_ROOM = 2.3  # the square for an iris over the eye's width
TWO = 0.4  # a second face at least this large beside the first one is another person


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen in n frames; rows of frames without a face are NaN."""

    times: NDArray[np.float64]  # (n,) seconds from the first frame
    points: Floats  # (n, 468, 2) pixels
    irises: Floats  # (n, 2, 2) centres, the person's right and left
    score: Floats  # (n,) the teacher's certainty, 0 where there is no face
    size: tuple[int, int]  # width, height of the pictures


@dataclass(frozen=True, slots=True)
class Square:
    """An upright view of a part of a frame: side pixels `scale` apart, turned by `angle`."""

    centre: Floats  # (2,)
    width: float  # pixels of the frame
    angle: float  # radians by which the face's own x axis is turned in the picture

    def matrix(self, side: int) -> Floats:
        """(2, 3) from the square's pixels to the frame's."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        turn = np.array([[c, -s], [s, c]]) * (self.width / side)
        return np.c_[turn, self.centre - turn @ [side / 2, side / 2]].astype(np.float32)

    def look(self, pixels: Bytes, side: int) -> Bytes:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(pixels, self.matrix(side), (side, side), flags=flags)
        return np.asarray(seen, np.uint8)

    def back(self, points: Floats, side: int) -> Floats:
        """Points (n, 2) of the square in pixels of the frame."""
        m = self.matrix(side)
        return np.asarray(points @ m[:, :2].T + m[:, 2], np.float32)


class Watcher:
    """Follows one face; `mirrored` looks at the mirror image, which is a second opinion."""

    def __init__(self, teachers: Path | None, mirrored: bool = False) -> None:
        self._finder, self._teacher, self._iris = Finder("cpu"), Teacher(teachers), Iris(teachers)
        self._mirrored = mirrored
        self._partner = mirror_numbers(_head_points()) if mirrored else np.arange(468)
        self._square: Square | None = None

    def watch(self, frames: Iterator[VideoFrame]) -> Seen:
        """All frames of one video; DeviceError where there are two faces or none."""
        self._square = None
        times, rows, crowd = [], [], []
        size = (0, 0)
        for number, frame in enumerate(frames):
            size = frame.pixels.shape[1], frame.pixels.shape[0]
            if number % 10 == 0:
                crowd.append(_several(self._finder.find(frame.pixels)))
            times.append(frame.t)
            rows.append(self._see(frame.pixels))
        if not times:
            raise DeviceError("no picture in it")
        if np.mean(crowd) > 0.3:
            raise DeviceError("two faces in it; cut the picture so that one person is seen")
        points, irises, score = (np.stack(part) for part in zip(*rows, strict=True))
        if not (score > SURE).any():
            raise DeviceError("no face found in it")
        return Seen(np.array(times), points, irises, score, size)

    def _see(self, pixels: Bytes) -> tuple[Floats, Floats, Floats]:
        """468 points, irises and certainty of one frame."""
        searched = self._square is None
        square = self._square or self._found(pixels)
        if square is not None:
            points, score = self._points(pixels, square)
            if score < SURE and not searched:
                square = self._found(pixels)
                points, score = self._points(pixels, square) if square else (points, 0.0)
            if score >= SURE:
                if searched:  # a second look, from the points' own square
                    points, score = self._points(pixels, around(points))
                self._square = around(points)
                return points, self._eyes(pixels, points), np.float32(score)  # type: ignore[return-value]
        self._square = None
        nothing = np.full((468, 2), np.nan, np.float32)
        return nothing, nothing[:2], np.float32(0)  # type: ignore[return-value]

    def _found(self, pixels: Bytes) -> Square | None:
        faces = self._finder.find(pixels)
        if not faces:
            return None
        face = max(faces, key=_width)
        right, left = face.points[0], face.points[1]
        angle = float(np.arctan2(*(left - right)[::-1]))
        middle = (face.box[:2] + face.box[2:]) * np.float32(0.5)
        return Square(middle, ROOM * _width(face), angle)

    def _points(self, pixels: Bytes, square: Square) -> tuple[Floats, float]:
        view = square.look(pixels, SIDE)
        if not self._mirrored:
            points, score = self._teacher.points(view)
            return square.back(points, SIDE), score
        points, score = self._teacher.points(np.ascontiguousarray(view[:, ::-1]))
        points[:, 0] = SIDE - points[:, 0]
        return square.back(points[self._partner], SIDE), score

    def _eyes(self, pixels: Bytes, points: Floats) -> Floats:
        """Centres of the irises (2, 2); the lids among `points` are put where they are seen,
        for the face's own net hardly moves them."""
        centres = np.empty((2, 2), np.float32)
        whole = points.copy()
        for i, eye in enumerate(EYES):
            corners = whole[[eye[0], eye[8]]]
            x = (corners[0] - corners[1]) * (1 if i else -1)
            width = IRIS_ROOM * float(np.hypot(*x))
            square = Square(
                corners.mean(0).astype(np.float32), width, float(np.arctan2(x[1], x[0]))
            )
            seen = square.back(self._eye(square.look(pixels, self._iris.side), i == 1),
                               self._iris.side)  # fmt: skip
            centres[i], points[list(eye)] = seen[0], seen[1:]
        return centres

    def _eye(self, view: Bytes, left: bool) -> Floats:
        """The net knows the person's right eye: a left one is shown to it in the mirror."""
        if not left:
            return self._iris.points(view)
        found = self._iris.points(np.ascontiguousarray(view[:, ::-1]))
        found[:, 0] = self._iris.side - found[:, 0]
        return found


def around(points: Floats) -> Square:
    """The upright square around a face's points, with room."""
    right, left = points[33], points[263]
    angle = float(np.arctan2(*(left - right)[::-1]))
    c, s = np.cos(angle), np.sin(angle)
    upright = points @ np.array([[c, -s], [s, c]])
    low, high = upright.min(0), upright.max(0)
    centre = np.array([[c, -s], [s, c]]) @ ((low + high) / 2)
    return Square(centre.astype(np.float32), ROOM * float(max(high - low)), angle)


def _head_points() -> Floats:
    head = Head.load()
    return head.landmarks(head.neutral, 468)


def _width(face: Found) -> float:
    return float(face.box[2] - face.box[0])


def _several(faces: list[Found]) -> bool:
    widths = sorted((_width(f) for f in faces if f.score > 0.7), reverse=True)
    return len(widths) > 1 and widths[1] > TWO * widths[0]
