"""The 52 ARKit shapes on the cut head, mended where the target files fall short."""

import numpy as np
from numpy.typing import NDArray

from engine.head.arkit import ARKIT

from .cut import Cut
from .source import Doubles, Source

UNITS = "faceunits01/targets/faceunits/"
# How far the eyes turn at weight 1, degrees. The target files reach 11 upwards, too little to read.
GAZE = {"Up": 20.0, "Down": 22.0, "In": 25.0, "Out": 25.0}


def expressions(source: Source, cut: Cut, count: int) -> Doubles:
    """(52, v, 3) millimetres at weight 1, in ARKit order; `count` vertices in the base mesh."""
    return np.stack([cut.apply(source.target(f"{UNITS}{n}.target", count)) for n in ARKIT])


def part_vertices(cut: Cut, *parts: str) -> NDArray[np.int64]:
    return np.unique(np.concatenate([cut.faces[cut.parts[p]].ravel() for p in parts]))


def turn_eyes(shapes: Doubles, cut: Cut, neutral: Doubles) -> None:
    """In place: eyeballs turn rigidly about their centres (exact at weight 1, a chord between)."""
    for k, name in enumerate(ARKIT):
        if not name.startswith("eyeLook"):
            continue
        side = "left" if name.endswith("Left") else "right"
        way = name.removeprefix("eyeLook").removesuffix(side.capitalize())
        ball = part_vertices(cut, f"eye_{side}")
        centre = eye_centre(neutral, cut, side)
        rotation = _gaze(way, side)
        shapes[k, ball] = (neutral[ball] - centre) @ (rotation - np.eye(3)).T


def eye_centre(neutral: Doubles, cut: Cut, side: str) -> Doubles:
    """The middle of an eyeball, (3,) mm: the centre of the sphere through its vertices."""
    points = neutral[part_vertices(cut, f"eye_{side}")]
    system = np.c_[2 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    return np.asarray(solution[:3])


def _gaze(way: str, side: str) -> Doubles:
    angle = np.radians(GAZE[way])
    c, s = np.cos(angle), np.sin(angle)
    if way in ("Up", "Down"):
        s = -s if way == "Up" else s
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    to_left = (way == "Out") == (side == "left")
    s = s if to_left else -s
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
