"""Live Link Face's datagram, version 6, as Unreal Engine's plug-in takes it.

Little-endian: version, uint32. Then, big-endian: the device's id, 37 bytes that begin with `$`;
the subject's name, its length as int32 before it; frame int32, sub-frame float32, frames a second
int32 and its denominator int32; the number of values as one byte, 61; the values, float32.
"""

import struct
import uuid

from ..head.arkit import INDEX
from ..types import Floats, Motion

PORT = 11111
VERSION = 6
_GAZE_YAW, _GAZE_PITCH = 0.436, 0.366  # radians that a weight of 1 turns an eye
# Apple's app puts right before left where ARKit's own list has left first.
_PAIRS = {"jawLeft": "jawRight", "mouthLeft": "mouthRight"}
_SWAPPED = _PAIRS | {right: left for left, right in _PAIRS.items()}
SHAPES = tuple(_SWAPPED.get(name, name) for name in INDEX)
ANGLES = ("HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll",
          "RightEyeYaw", "RightEyePitch", "RightEyeRoll")  # fmt: skip
NAMES = tuple(name[0].upper() + name[1:] for name in SHAPES) + ANGLES
_ORDER = [INDEX[name] for name in SHAPES]


class LiveLink:
    """Packets of one subject. The frame counts session time, so a dropped packet shows."""

    def __init__(self, subject: str, fps: int) -> None:
        """`subject` is the name that Unreal shows."""
        name = subject.encode()
        self._fps = fps
        device = "$" + str(uuid.uuid5(uuid.NAMESPACE_DNS, f"likeness {subject}"))
        self._head = struct.pack("<I", VERSION) + device.encode("ascii")
        self._head += struct.pack("!i", len(name)) + name

    def packet(self, motion: Motion) -> bytes:
        frame, sub = divmod(motion.t * self._fps, 1.0)
        values = [*motion.weights[_ORDER].tolist(), *motion.head.tolist(), *gaze(motion.weights)]
        body = struct.pack("!if2iB61f", int(frame), sub, self._fps, 1, len(values), *values)
        return self._head + body


def gaze(weights: Floats) -> tuple[float, float, float, float, float, float]:
    """Yaw (+ to the person's left), pitch (+ down) and roll of both eyes, radians."""

    def of(name: str) -> float:
        return float(weights[INDEX[name]])

    left = of("eyeLookOutLeft") - of("eyeLookInLeft"), of("eyeLookDownLeft") - of("eyeLookUpLeft")
    right = (
        of("eyeLookInRight") - of("eyeLookOutRight"),
        of("eyeLookDownRight") - of("eyeLookUpRight"),
    )
    return (
        _GAZE_YAW * left[0], _GAZE_PITCH * left[1], 0.0,
        _GAZE_YAW * right[0], _GAZE_PITCH * right[1], 0.0,
    )  # fmt: skip
