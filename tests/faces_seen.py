"""Pictures with a known face in them: our own drawn heads, at any place of any background."""

from pathlib import Path

import cv2
import numpy as np

from engine.types import Bytes, Floats

_GOLDEN = Path(__file__).parent / "pictures" / "golden"
NORA = "nora"


def head(name: str = NORA) -> Bytes:
    """(256, 256, 3) RGB: the golden picture of an avatar, its face looking at us."""
    picture = cv2.imread(str(_GOLDEN / f"{name}.png"), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.ascontiguousarray(picture[..., ::-1])


def scene(width: int, height: int, seed: int = 0) -> Bytes:
    """A smooth background in which there is nothing to be found."""
    coarse = np.random.default_rng(seed).integers(60, 180, (4, 5, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def place(background: Bytes, face: Bytes, to_picture: Floats) -> Bytes:
    """`background` with a head moved onto it by a matrix (2, 3), its edge softened."""
    h, w = background.shape[:2]
    window = np.zeros(face.shape[:2], np.float32)
    cv2.ellipse(window, (127, 130), (80, 105), 0, 0, 360, 1.0, -1)
    window = cv2.GaussianBlur(window, (0, 0), 6)
    moved = cv2.warpAffine(face, to_picture, (w, h), flags=cv2.INTER_AREA)
    share = cv2.warpAffine(window, to_picture, (w, h))[..., None]
    return np.asarray(moved * share + background * (1 - share) + 0.5).astype(np.uint8)


def at(x: float, y: float, scale: float, degrees: float = 0.0) -> Floats:
    """The matrix (2, 3) that brings a head's middle to (x, y), `scale` times as large."""
    turn = cv2.getRotationMatrix2D((128, 128), degrees, scale)
    turn[:, 2] += (x - 128, y - 128)
    return np.asarray(turn, np.float32)
