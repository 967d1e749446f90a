"""Virtual Motion Capture protocol: the face as OSC 1.0 bundles over UDP, for VTuber tools.

Unity's space: left-handed, +X to the avatar's own right, +Y up, +Z out of the face, so a
rotation about +X keeps its sign and those about Y and Z change it. Bundles are cut so that each
fits in one datagram; the blend values take hold at their Apply, which comes last.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from ..head.arkit import ARKIT, INDEX
from ..types import Floats, Motion
from .visemes import visemes

Case = Literal["lowerCamel", "UpperCamel"]
PORT = 39539
_MOST = 1400  # bytes of a datagram: what an Ethernet frame holds, and some to spare
_BUNDLE = b"#bundle\0" + struct.pack(">Q", 1)  # time tag 1: immediately
_VOWELS = {"A": "aa", "I": "I", "U": "U", "E": "E", "O": "O"}  # VRM's shape: Oculus' viseme
_BLINKS = {"Blink_L": "eyeBlinkLeft", "Blink_R": "eyeBlinkRight"}


def packets(motion: Motion, case: Case = "lowerCamel") -> list[bytes]:
    """The datagrams of one frame: state, time, head bone, VRM's shapes and the 52."""
    messages = [
        osc("/VMC/Ext/OK", 1),
        osc("/VMC/Ext/T", motion.t),
        osc("/VMC/Ext/Bone/Pos", "Head", 0.0, 0.0, 0.0, *unity(motion.head)),
        *(osc("/VMC/Ext/Blend/Val", name, value) for name, value in _values(motion, case)),
        osc("/VMC/Ext/Blend/Apply"),
    ]
    return list(_bundles(messages))


def _values(motion: Motion, case: Case) -> Iterator[tuple[str, float]]:
    spoken = visemes(motion.weights)
    for name, viseme in _VOWELS.items():
        yield name, spoken[viseme]
    for name, shape in _BLINKS.items():
        yield name, float(motion.weights[INDEX[shape]])
    for name, weight in zip(ARKIT, motion.weights, strict=True):
        yield (name if case == "lowerCamel" else name[0].upper() + name[1:]), float(weight)


def osc(address: str, *values: str | float | int) -> bytes:
    """One OSC message; ints, floats and strings, big-endian, padded to four bytes."""
    tags, data = ",", b""
    for value in values:
        if isinstance(value, str):
            tags, data = tags + "s", data + _text(value)
        elif isinstance(value, int):
            tags, data = tags + "i", data + struct.pack(">i", value)
        else:
            tags, data = tags + "f", data + struct.pack(">f", value)
    return _text(address) + _text(tags) + data


def _text(text: str) -> bytes:
    raw = text.encode("ascii")
    return raw + bytes(4 - len(raw) % 4)


def _bundles(messages: Sequence[bytes]) -> Iterator[bytes]:
    bundle = _BUNDLE
    for message in messages:
        part = struct.pack(">i", len(message)) + message
        if len(bundle) + len(part) > _MOST:
            yield bundle
            bundle = _BUNDLE
        bundle += part
    yield bundle


def unity(head: Floats) -> tuple[float, float, float, float]:
    """Yaw, pitch, roll (radians, order Y X Z) as Unity's quaternion x, y, z, w."""
    x, y, z, w = quaternion(head)
    return x, -y, -z, w


def quaternion(head: Floats) -> tuple[float, float, float, float]:
    """The head's turn as x, y, z, w in its own right-handed space: Ry(yaw) Rx(pitch) Rz(roll)."""
    half = 0.5 * np.asarray(head, np.float64)
    (cy, cx, cz), (sy, sx, sz) = np.cos(half), np.sin(half)
    return (
        float(cy * sx * cz + sy * cx * sz),
        float(sy * cx * cz - cy * sx * sz),
        float(cy * cx * sz - sy * sx * cz),
        float(cy * cx * cz + sy * sx * sz),
    )
