"""Hair: ribbons of strands grown from the scalp, combed, weighed down and kept off the head."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.head import Head
from engine.types import Appearance, Floats, Ints

from .surface import Normals

Numbers = NDArray[np.floating[Any]]  # on the way to Floats
Comb = Callable[[Floats, Floats], Floats]  # points (n, 3) mm, side (n,) -> wanted direction (n, 3)


@dataclass(frozen=True, slots=True)
class Style:
    """How hair of one style grows; lengths in mm."""

    comb: Comb
    cards: int
    width: float
    lengths: tuple[float, float, float]  # on top, at the sides, at the back
    steps: int = 8
    rise: float = 0.4  # how steeply it leaves the scalp: 0 flat, 1 upright
    bend: float = 0.35  # how soon it follows the comb, a step
    layers: tuple[float, float] = (2.0, 10.0)  # mm off the head: innermost and outermost
    curl: float = 0.0  # mm of waviness
    part: float = 0.0  # mm from the middle to the parting, towards the person's left
    floor: float = -1e9  # mm: cut off below
    hug: float = 0.6  # how much it lies down on the skull: 0 stands free, 1 is glued
    hairline: float = 0.6  # of the scalp's mask, where roots begin: loose hair hides the rest


@dataclass(frozen=True, slots=True)
class Ribbons:
    """Grown hair as vertices: n cards of k points, two vertices a point, the nearest first."""

    position: Floats  # (n k 2, 3)
    tangent: Floats  # (n k 2, 3)
    normal: Floats  # (n k 2, 3)
    uv: Floats  # (n k 2, 2) across and along, the column of the strand sheet in the whole part
    shade: Floats  # (n k 2,) brightness of its card
    triangles: Ints  # (m, 3)
    count: int  # of cards


def _toward(*columns: Numbers) -> Floats:
    d = np.stack(columns, 1)
    return np.asarray(d / (np.linalg.norm(d, axis=1, keepdims=True) + 1e-6), np.float32)


def _smooth(low: float, high: float, x: Floats) -> Floats:
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _hanging(p: Floats, side: Floats) -> Floats:
    """From a parting sideways over the skull, clear of the face, then straight down."""
    x, y, z = p.T
    top = _smooth(70.0, 135.0, y)
    face = _smooth(20.0, 70.0, z) * (1 - _smooth(66.0, 84.0, np.abs(x)))
    out = side * (1.3 * top + 1.6 * face)
    tuck = side * 0.22 * _smooth(0.0, -70.0, y) * _smooth(50.0, 75.0, np.abs(x))
    return _toward(out - tuck, -0.25 - 1.1 * (1 - top), -0.30 * top - 0.75 * face)


def _cropped(p: Floats, side: Floats) -> Floats:
    """Forward on top and a little to the side, down at the sides and the back."""
    x, y, z = p.T
    top = _smooth(88.0, 125.0, y)
    front = _smooth(10.0, 70.0, z)
    return _toward(
        0.35 * side * top + 0.15 * np.sign(x) * (1 - top), 0.22 * top * front - 1.0 * (1 - top),
        0.85 * top - 0.45 * (1 - top),
    )  # fmt: skip


def _swept(p: Floats, side: Floats) -> Floats:
    """Up from the forehead, over and back."""
    x, y, z = p.T
    top = _smooth(80.0, 115.0, y)
    front = _smooth(20.0, 80.0, z)
    return _toward(
        0.75 * side * top + 0.1 * np.sign(x), 0.75 * top * front - 0.9 * (1 - top) - 0.15,
        -0.65 * top - 0.55 * (1 - top),
    )  # fmt: skip


KNOT = np.array([0.0, 150.0, -42.0], np.float32)  # where a bun sits, mm
KNOT_RADIUS = 29.0  # mm


def _gathered(p: Floats, side: Floats) -> Floats:
    """Everything towards the knot at the back."""
    return _toward(*(KNOT - p).T)


_NONE = 500.0  # mm: a parting beyond the head is none: all hair goes to the same side
STYLES: dict[str, Style] = {
    "short": Style(
        _cropped, 880, 13.5, (32, 17, 19), 4, 0.42, 0.4, (1.5, 6.5), 0.8, part=_NONE, hug=0.5
    ),
    "swept": Style(
        _swept, 740, 13.5, (66, 20, 22), 5, 0.6, 0.3, (3.0, 14.0), 1.2, part=_NONE, hug=0.35
    ),
    "bob": Style(
        _hanging, 560, 15.0, (240, 210, 195), 9, 0.3, 0.5, (3.0, 12.0), 0.8, 22.0, -74.0, 0.8
    ),
    "long": Style(
        _hanging, 520, 16.0, (340, 310, 310), 11, 0.3, 0.5, (3.0, 13.0), 2.0, -18.0, -190.0, 0.8
    ),
    "bun": Style(
        _gathered, 580, 12.5, (175, 140, 120), 8, 0.12, 0.6, (2.5, 5.5), 0.3, hug=0.9, hairline=0.3
    ),
}


def grow(
    head: Head, person: Floats, look: Appearance, solids: tuple[Floats, Floats]
) -> Ribbons | None:
    """The ribbons of the appearance's style on that person; None where the style has none.

    `solids`: points and outward normals that hair may not enter, (n, 3) each.
    """
    if look.hair_style not in STYLES:
        return None
    style = STYLES[look.hair_style]
    rng = np.random.default_rng(11)
    roots, normals, rest = _roots(head, person, style, rng)
    scalp = head.masks["scalp"] > 0.5
    shift = person[scalp].mean(0) - head.neutral[scalp].mean(0)
    volume = look.extra.get("hair_volume", 1.0)
    outward: Numbers
    paths, outward = _paths(style, roots, normals, rest, shift, volume, solids, rng)
    if look.hair_style == "bun":
        knot = _knot(style, rng)
        paths = np.concatenate([paths, (knot + KNOT + shift).astype(np.float32)])
        outward = np.concatenate([outward, knot / KNOT_RADIUS])
    return _ribbons(style, paths, outward, rng)


def _knot(style: Style, rng: np.random.Generator, count: int = 110) -> Floats:
    """(count, k, 3): ribbons wound around a ball, mostly level, as hair is tied."""
    turns = np.linspace(0, 1, style.steps + 1)[None] * rng.uniform(1.6, 2.6, (count, 1))
    start = rng.uniform(0, 2 * np.pi, (count, 1))
    height = rng.uniform(-0.75, 0.92, (count, 1)) + 0.22 * np.sin(turns * 2 + start)
    height = np.clip(height, -0.95, 0.97)
    ring = np.sqrt(1 - height**2)
    radius = KNOT_RADIUS * rng.uniform(0.86, 1.04, (count, 1))
    angle = start + turns
    ball = np.stack([ring * np.sin(angle), 0.82 * height, ring * np.cos(angle)], 2)
    return np.asarray(ball * radius[..., None], np.float32)


def _roots(
    head: Head, person: Floats, style: Style, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Points on the scalp (count, 3), their normals, and where they are on the average head."""
    faces = head.faces[head.parts["skin"]]
    scalp = head.masks["scalp"]
    normals = Normals(head.faces, len(person))(person)
    a, b, c = (person[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) * (scalp[faces].mean(1) > style.hairline)
    # More along the hairline in front and the parting, where gaps would show.
    x, _, z = head.neutral[faces].mean(1).T
    front = _smooth(45.0, 75.0, z)
    parting = np.exp(-(((x - style.part) / 13.0) ** 2)) * _smooth(0.0, 60.0, z)
    area = area * (1.0 + front + 3.0 * parting)
    chosen = faces[rng.choice(len(faces), style.cards, p=area / area.sum())]
    w = rng.dirichlet([1, 1, 1], style.cards).astype(np.float32)

    def at(values: Floats) -> Floats:
        return np.einsum("nk,nkd->nd", w, values[chosen])

    return at(person), _toward(*at(normals).T), at(head.neutral)


def _paths(
    style: Style, roots: Floats, normals: Floats, rest: Floats, shift: Floats, volume: float,
    solids: tuple[Floats, Floats], rng: np.random.Generator,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Where each ribbon runs, from its root, and which way is off the head: (n, k, 3) each."""
    count = len(roots)
    top, sides, back = style.lengths
    high = _smooth(85.0, 115.0, rest[:, 1])
    behind = _smooth(10.0, -50.0, rest[:, 2])
    length = high * top + (1 - high) * (behind * back + (1 - behind) * sides)
    length = length * rng.uniform(0.82, 1.08, count)
    layer = volume * rng.uniform(*style.layers, count)
    left = rest[:, 0] + rng.normal(0, 2.0, count) > style.part
    side = np.where(left, 1.0, -1.0).astype(np.float32)
    lean = rng.normal(0, 0.13, (count, 3))
    direction = _toward(*(normals * style.rise + style.comb(rest, side) * (1 - style.rise)).T)
    points, outward = [roots + 1.3 * normals], [normals]
    step = (length / style.steps)[:, None]
    wave = rng.uniform(0, 2 * np.pi, (count, 3))
    for k in range(1, style.steps + 1):
        wanted = style.comb(points[-1] - shift, side) + lean
        direction = _toward(*(direction * (1 - style.bend) + wanted * style.bend).T)
        new = points[-1] + direction * step
        new = new + style.curl * np.sin(wave + 0.9 * k) * min(1.0, k / 3)
        hug = style.hug * _smooth(-30.0, 30.0, new[:, 1] - shift[1])
        settled, off = _settled(new.astype(np.float32), layer * min(1.0, 0.4 + k / 4), hug, solids)
        direction = _toward(*(0.5 * direction + 0.5 * _toward(*(settled - points[-1]).T)).T)
        points.append(settled)
        outward.append(off)
    paths = _cut(np.stack(points, 1), style.floor + rng.normal(0, 5.0, count))
    return paths, np.stack(outward, 1)


def _settled(
    points: Floats, clearance: Numbers, hug: Floats, solids: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Points moved out to `clearance` mm off the nearest solid, and in towards that by `hug`;
    and that solid's normals."""
    at, normals = solids
    near = np.argmin((at * at).sum(1)[None] - 2 * points @ at.T, axis=1)
    height = np.einsum("nd,nd->n", points - at[near], normals[near])
    lack = clearance - height
    lack = np.where(lack > 0, lack, lack * hug)
    return np.asarray(points + normals[near] * lack[:, None], np.float32), normals[near]


def _cut(paths: Floats, floor: Numbers) -> Floats:
    """Ribbons that go below the floor end there, with as many points as before."""
    count, points, _ = paths.shape
    below = paths[:, :, 1] < floor[:, None]
    last = np.where(below.any(1), below.argmax(1), points - 1).astype(np.float32)
    wanted = np.linspace(0, 1, points, dtype=np.float32)[None] * last[:, None]
    low = np.minimum(wanted.astype(int), points - 2)
    part = (wanted - low)[..., None]
    rows = np.arange(count)[:, None]
    return np.asarray(paths[rows, low] * (1 - part) + paths[rows, low + 1] * part, np.float32)


def _ribbons(style: Style, paths: Floats, outward: Numbers, rng: np.random.Generator) -> Ribbons:
    # Near ones are drawn first, so that the depth test spares the work of those behind.
    order = np.argsort(-paths[:, len(paths[0]) // 2, 2])
    paths, outward = paths[order], outward[order]
    count, points, _ = paths.shape
    tangent: Any = np.gradient(paths, axis=1)
    tangent /= np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-6
    outward = outward + 0.35 * (paths - [0, 40, -10]) / 90.0
    outward = outward + rng.normal(0, 0.22, (count, 1, 3))
    across: Any = np.cross(tangent, outward)
    across /= np.linalg.norm(across, axis=2, keepdims=True) + 1e-6
    facing = np.cross(across, tangent)
    along = np.linspace(0, 1, points)
    taper = np.interp(along, [0, 0.12, 0.7, 1.0], [0.75, 1.0, 1.0, 0.55])
    half = style.width / 2 * rng.uniform(0.75, 1.25, (count, 1)) * taper
    corners = paths[:, :, None] + across[:, :, None] * half[:, :, None, None] * [[-1], [1]]
    column = rng.integers(0, 4, (count, 1, 1)) + np.array([0.02, 0.98])
    uv = np.stack(np.broadcast_arrays(column, along[None, :, None]), -1)
    shade = np.broadcast_to(rng.uniform(0.84, 1.14, (count, 1, 1)), uv.shape[:3])
    twice = count, points, 2, 3
    return Ribbons(
        corners.reshape(-1, 3).astype(np.float32),
        np.broadcast_to(tangent[:, :, None], twice).reshape(-1, 3).astype(np.float32),
        np.broadcast_to(facing[:, :, None], twice).reshape(-1, 3).astype(np.float32),
        uv.reshape(-1, 2).astype(np.float32),
        shade.reshape(-1).astype(np.float32),
        _strips(count, points),
        count,
    )


def kept(ribbons: Ribbons, numbers: Ints) -> Ribbons:
    """Only the cards with those numbers, counted from 0."""
    per = len(ribbons.position) // ribbons.count
    rows = (numbers[:, None] * per + np.arange(per)).ravel()
    r = ribbons
    return Ribbons(
        r.position[rows], r.tangent[rows], r.normal[rows], r.uv[rows], r.shade[rows],
        _strips(len(numbers), per // 2), len(numbers),
    )  # fmt: skip


def _strips(count: int, points: int) -> Ints:
    base = (np.arange(count)[:, None] * points + np.arange(points - 1)) * 2
    quads = base.reshape(-1, 1, 1) + np.array([[0, 1, 2], [1, 3, 2]])
    return quads.reshape(-1, 3).astype(np.int32)
