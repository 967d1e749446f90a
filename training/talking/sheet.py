"""A sheet to look at: frames of some clips, and below each the head with the motion found there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engine.capture.video import VideoFile
from engine.head import Head
from engine.render.__main__ import Studio
from engine.render.config import RenderConfig
from engine.types import Bytes, FaceMesh, Floats, Motion, World
from training.data import store
from training.data.clips import FPS

SIDE = 160  # pixels of one picture
DRAWN = 400  # pixels of the whole drawing, and where its face is
FACE = slice(126, 126 + SIDE), slice(DRAWN // 2 - SIDE // 2, DRAWN // 2 + SIDE // 2)


def sheet(dataset: Path, file: Path, clips: int = 8, frames: int = 9) -> None:
    """Writes FILE: `clips` of the data set, spread over its people, `frames` of each."""
    page = store.read_page(dataset)["clips"]
    studio = drawer("ines")
    rows = [strip(dataset, name, page[name], studio, frames) for name in _spread(page, clips)]
    cv2.imwrite(str(file), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def drawer(avatar: str) -> Studio:
    return Studio(Head.load(), avatar, RenderConfig(size=f"{DRAWN}x{DRAWN}"))


def _spread(page: dict[str, Any], count: int) -> list[str]:
    """Names from all people in turn."""
    people: dict[str, list[str]] = {}
    for name in sorted(page):
        people.setdefault(page[name]["person"], []).append(name)
    turns = [n for row in zip(*(_stretched(v, count) for v in people.values()), strict=True)
             for n in row]  # fmt: skip
    return sorted(dict.fromkeys(turns[: max(count, len(people))]))


def _stretched(names: list[str], count: int) -> list[str]:
    return [names[i] for i in np.linspace(0, len(names) - 1, count).astype(int)]


def strip(
    dataset: Path, name: str, about: dict[str, Any], studio: Studio, frames: int,
    weights: Floats | None = None,
) -> Bytes:  # fmt: skip
    """(2 SIDE, frames SIDE, 3): the video above, the head below, moved by `weights` (n, 52) or by
    the clip's own motion."""
    clip = store.load(dataset / f"{name}.npz")
    moved = clip.weights if weights is None else weights
    chosen = np.linspace(0.08 * len(moved), 0.92 * len(moved), frames).astype(int)
    above = _pictures(Path(about["file"]), dataset / "seen" / f"{name}.npz",
                      [about["begin"] + k / FPS for k in chosen])  # fmt: skip
    below = [draw(studio, moved[k], clip.head[k]) for k in chosen]
    return np.vstack([np.hstack(above), np.hstack(below)])


def draw(studio: Studio, weights: Floats, angles: Floats) -> Bytes:
    face = FaceMesh(0.0, studio.head.pose(studio.person, weights))
    studio.canvas.begin()
    studio.scene.draw(World(0.0, face, Motion(0.0, weights, angles)))
    return studio.canvas.read()[FACE][..., :3].copy()


def _pictures(video: Path, seen: Path, times: Sequence[float]) -> list[Bytes]:
    """The face at each of some times from the first picture on."""
    with np.load(seen) as kept:
        points, there = kept["points"], kept["times"]
    pixels = [frame.pixels for frame in VideoFile(video).frames()]
    out = []
    for t in times:
        k = int(np.abs(there - t).argmin())
        out.append(_face(pixels[k], points[k]))
    return out


def _face(pixels: Bytes, points: Floats) -> Bytes:
    if not np.isfinite(points).all():
        return np.zeros((SIDE, SIDE, 3), np.uint8)
    low, high = points.min(0), points.max(0)
    half = 0.54 * float((high - low).max())
    middle = (low + high) / 2
    scale = SIDE / (2 * half)
    matrix = np.array([[scale, 0, SIDE / 2 - scale * middle[0]],
                       [0, scale, SIDE / 2 - scale * middle[1]]], np.float32)  # fmt: skip
    return np.asarray(cv2.warpAffine(pixels, matrix, (SIDE, SIDE)), np.uint8)
