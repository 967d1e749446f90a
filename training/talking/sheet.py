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
from training.head.landmarks import BROWS, EYES, INNER_LIPS, JAW, NOSE, OUTER_LIPS

SIDE = 160  # pixels of one picture
DRAWN = 400  # pixels of the whole drawing, and where its face is
INK = (38, 42, 48), (222, 226, 232)  # behind the outlines, and of them
CONTOURS = (
    (JAW, False), (BROWS[:5], False), (BROWS[5:], False), (NOSE[:4], False), (NOSE[4:], False),
    (EYES[:6], True), (EYES[6:], True), (OUTER_LIPS, True), (INNER_LIPS, True),
)  # fmt: skip
FACE = slice(126, 126 + SIDE), slice(DRAWN // 2 - SIDE // 2, DRAWN // 2 + SIDE // 2)


def sheet(dataset: Path, file: Path, clips: int = 8, frames: int = 9) -> None:
    """Writes FILE: `clips` of the data set, spread over its people, `frames` of each."""
    page = store.read_page(dataset)["clips"]
    studio = drawer("ines")
    rows = [strip(dataset, name, page[name], studio, frames) for name in _spread(page, clips)]
    cv2.imwrite(str(file), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def drawer(avatar: str) -> Studio:
    return Studio(Head.load(), avatar, RenderConfig(size=f"{DRAWN}x{DRAWN}", quality="medium"))


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
    weights: Floats | None = None, outline: bool = False,
) -> Bytes:  # fmt: skip
    """(2 SIDE, frames SIDE, 3): the video above, or its landmarks' `outline`, the head below, moved
    by `weights` (n, 52) or by the clip's own motion."""
    clip = store.load(dataset / f"{name}.npz")
    moved = clip.weights if weights is None else weights
    chosen = np.linspace(0.08 * len(moved), 0.92 * len(moved), frames).astype(int)
    seen, times = dataset / "seen" / f"{name}.npz", [about["begin"] + k / FPS for k in chosen]
    above = _outlines(seen, times) if outline else _pictures(Path(about["file"]), seen, times)
    below = [draw(studio, moved[k], clip.head[k]) for k in chosen]
    return np.vstack([np.hstack(above), np.hstack(below)])


def draw(studio: Studio, weights: Floats, angles: Floats) -> Bytes:
    face = FaceMesh(0.0, studio.head.pose(studio.person, weights))
    studio.canvas.begin()
    studio.scene.draw(World(0.0, face, Motion(0.0, weights, angles)))
    return studio.canvas.read()[FACE][..., :3].copy()


def _pictures(video: Path, seen: Path, times: Sequence[float]) -> list[Bytes]:
    """The face at each of some times from the first picture on."""
    pixels = [frame.pixels for frame in VideoFile(video).frames()]
    return [_face(pixels[k], points) for k, points in _points(seen, times)]


def _points(seen: Path, times: Sequence[float]) -> list[tuple[int, Floats]]:
    """The picture nearest to each time, and the landmarks (468, 2) found in it."""
    with np.load(seen) as kept:
        points, there = kept["points"], kept["times"]
    nearest = [int(np.abs(there - t).argmin()) for t in times]
    return [(k, points[k]) for k in nearest]


def _face(pixels: Bytes, points: Floats) -> Bytes:
    if not np.isfinite(points).all():
        return np.zeros((SIDE, SIDE, 3), np.uint8)
    return np.asarray(cv2.warpAffine(pixels, _close(points), (SIDE, SIDE)), np.uint8)


def _close(points: Floats) -> Floats:
    """(2, 3) from the video's pixels to the tile's, the face as large as the tile."""
    low, high = points.min(0), points.max(0)
    scale = SIDE / (1.08 * float((high - low).max()))
    shift = SIDE / 2 - scale * (low + high) / 2
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)


def _outlines(seen: Path, times: Sequence[float]) -> list[Bytes]:
    """The lines of the face's landmarks: where a recording itself should not be shown."""
    return [_lines(points) for _, points in _points(seen, times)]


def _lines(points: Floats) -> Bytes:
    tile = np.full((SIDE, SIDE, 3), INK[0], np.uint8)
    if np.isfinite(points).all():
        matrix = _close(points)
        placed = (points @ matrix[:, :2].T + matrix[:, 2]) * 16  # sixteenths of a pixel
        for line, closed in CONTOURS:
            chain = placed[list(line)].round().astype(np.int32)
            cv2.polylines(tile, [chain], closed, INK[1], 1, cv2.LINE_AA, shift=4)
    return tile
