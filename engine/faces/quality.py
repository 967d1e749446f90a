"""How far the picture of a face can be relied on, and what would better it.

Four things are judged on the 112-pixel crop and its points, each in [0, 1]; the score is
the least of them, since none makes up for another:

size       the eyes' distance in the frame: 35 pixels (that of the crop) are enough, 12 useless
sharpness  of the crop's details (standard deviation of the Laplacian, by the face's contrast)
light      the face's mean brightness and contrast: neither black, nor burnt out, nor flat
pose       how frontal, by where the nose is between the eyes and the mouth
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ..types import Bytes, Floats
from .points import eye_distance, main_points

_SIZE = (12.0, 35.0)  # pixels between the eyes: useless, enough
_SHARP = (
    0.08,
    0.28,
)  # Laplacian over contrast: LFW has 0.2-0.6, blurred by 2 of 250 pixels 0.08-0.17
_DARK, _BRIGHT = (
    (12.0, 40.0),
    (250.0, 215.0),
)  # mean brightness, 0-255: dark skin in fair light has 45
_CONTRAST = (6.0, 25.0)  # standard deviation of brightness, 0-255
_TURNED = (0.5, 0.2)  # of the eyes' distance: how far the nose is off their middle
_FACE = slice(16, 96)  # of a crop's 112 pixels: without hair and background


@dataclass(frozen=True, slots=True)
class Quality:
    """Each in [0, 1]."""

    size: float
    sharpness: float
    light: float
    pose: float

    @property
    def score(self) -> float:
        return min(self.size, self.sharpness, self.light, self.pose)

    @property
    def advice(self) -> str:
        """What a person could do for a better picture; "" where it is good."""
        if self.score >= 0.5:
            return ""
        parts = {
            self.size: "come closer",
            self.light: "put light on your face",
            self.pose: "look towards the camera",
            self.sharpness: "hold still, or clean the camera",
        }
        return parts[self.score]


def assess(pixels: Bytes, points: Floats) -> Quality:
    """Of a 112-pixel crop (112, 112, 3) and the points in the frame that it was cut by."""
    grey = cv2.cvtColor(pixels[_FACE, _FACE], cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean, deviation = float(grey.mean()), float(grey.std())
    details = float(cv2.Laplacian(grey, cv2.CV_32F).std()) / max(deviation, 1.0)
    light = min(_ramp(mean, *_DARK), _ramp(mean, *_BRIGHT), _ramp(deviation, *_CONTRAST))
    return Quality(
        size=_ramp(eye_distance(points), *_SIZE),
        sharpness=_ramp(details, *_SHARP),
        light=light,
        pose=_ramp(_turned(points), *_TURNED),
    )


def _turned(points: Floats) -> float:
    """How far the nose is beside the line from the eyes' middle to the mouth's, of eye distance.

    0 from the front; about 0.6 at 45 degrees of yaw. The eyes' distance is taken of the face
    (by its height too), since it shrinks itself as the face turns.
    """
    main = main_points(points)
    eyes, mouth = main[:2].mean(0), main[3:].mean(0)
    down = mouth - eyes
    height = float(np.hypot(*down))
    nose = main[2] - eyes
    beside = abs(float(down[0] * nose[1] - down[1] * nose[0])) / max(height, 1e-6)
    return beside / max(eye_distance(points), height, 1e-6)


def _ramp(x: float, none: float, full: float) -> float:
    return float(np.clip((x - none) / (full - none), 0, 1))
