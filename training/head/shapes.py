"""The 52 ARKit shapes on the cut head, mended where the target files fall short."""

import numpy as np
from numpy.typing import NDArray

from engine.head.arkit import ARKIT

from .cut import Cut
from .rims import Openings, close_lips
from .source import Doubles, Indices, Source

UNITS = "faceunits01/targets/faceunits/"
LASH_TIP = 1.3  # how far lashes tip over in a blink, of their height above the lid's edge
OVERLAP = 0.003  # decimetres by which a shut lid covers the lower one
# How far the eyes turn at weight 1, degrees. The target files reach 11 upwards, too little to read.
GAZE = {"Up": 20.0, "Down": 22.0, "In": 25.0, "Out": 25.0}


def expressions(source: Source, cut: Cut, openings: Openings, mean: Doubles) -> Doubles:
    """(52, v, 3) millimetres at weight 1, in ARKit order; `mean` is the mean person, base space."""
    base = {n: source.target(f"{UNITS}{n}.target", len(mean)).astype(np.float64) for n in ARKIT}
    # Whatever the jaw opens, mouthClose closes.
    both = base["jawOpen"] + base["mouthClose"]
    base["mouthClose"] = close_lips(openings.lips, both) - base["jawOpen"]
    for side in ("Left", "Right"):
        _blink(base[f"eyeBlink{side}"], openings, side, mean)
    return np.stack([cut.apply(base[n]) for n in ARKIT])


def _blink(blink: Doubles, openings: Openings, side: str, mean: Doubles) -> None:
    """In place: the upper lid comes down to the lower one, neither short of it nor past it."""
    rings, table = openings.lids[side], openings.tables[side]
    upper, lower = rings.upper[rings.rim], rings.lower[rings.rim]
    shut = mean + blink
    wanted = np.interp(shut[upper, 0], shut[lower, 0], shut[lower, 1])
    ends = np.interp(np.arange(len(upper)), [0, 2, len(upper) - 3, len(upper) - 1], [0, 1, 1, 0])
    change = wanted - OVERLAP * ends - shut[upper, 1]
    change[1:-1] = (change[:-2] + 2 * change[1:-1] + change[2:]) / 4
    along = np.interp(table.place, rings.places[rings.rim][0], change)
    blink[table.vertex, 1] += table.follow * along
    _lower_lashes(blink, mean, upper, openings.lashes[side])


def _lower_lashes(blink: Doubles, mean: Doubles, rim: Indices, lashes: Indices) -> None:
    """In place: upper lashes ride on the lid's edge and tip from upwards to slightly down."""
    x = mean[lashes, 0]
    ride = [np.interp(x, mean[rim, 0], blink[rim, axis]) for axis in range(3)]
    height = mean[lashes, 1] - np.interp(x, mean[rim, 0], mean[rim, 1])
    blink[lashes] = np.stack(ride, 1)
    blink[lashes, 1] -= LASH_TIP * height


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
