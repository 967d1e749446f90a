"""Where the picture is taken from, and how the head is turned."""

import numpy as np

from engine.types import Floats

DISTANCE = 1150.0  # mm from the face: a portrait lens
AIM = (0.0, 10.0, 40.0)  # mm, head space: below the eyes
HALF_HEIGHT = 171.0  # mm from the picture's middle to its upper edge, at AIM
HALF_WIDTH = 120.0  # mm: no less is shown to either side
FLOOR = -215.0  # mm: above the lower end of the bust


def viewer() -> Floats:
    return np.array([AIM[0], AIM[1] + 18.0, AIM[2] + DISTANCE], np.float32)


def projection(aspect: float) -> Floats:
    """World -> clip space, (4, 4), as GLSL reads it (columns first), for width / height."""
    # Tall pictures show more above and below, for as far down as the bust goes.
    height = max(HALF_HEIGHT, HALF_WIDTH / aspect)
    aim = np.array([AIM[0], max(AIM[1], height + FLOOR), AIM[2]])
    half = height / DISTANCE
    near, far = DISTANCE - 400.0, DISTANCE + 600.0
    lens = np.zeros((4, 4))
    lens[0, 0], lens[1, 1] = 1.0 / (half * aspect), 1.0 / half
    lens[2, 2], lens[2, 3] = (near + far) / (near - far), 2 * near * far / (near - far)
    lens[3, 2] = -1.0
    return np.asarray((lens @ look_at(viewer(), aim)).T, np.float32)


def look_at(eye: Floats, aim: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    z = eye - aim
    z = z / np.linalg.norm(z)
    x = np.cross([0.0, 1.0, 0.0], z)
    x = x / np.linalg.norm(x)
    view = np.eye(4)
    view[:3, :3] = [x, np.cross(z, x), z]
    view[:3, 3] = -view[:3, :3] @ eye
    return view


def turn(angles: Floats) -> Floats:
    """Yaw, pitch, roll in radians -> rotation (3, 3), R = Ry Rx Rz."""
    (cy, cx, cz), (sy, sx, sz) = np.cos(angles), np.sin(angles)
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(y @ x @ z, np.float32)
