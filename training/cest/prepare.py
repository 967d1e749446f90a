"""python -m training.prepare cest: crops of real faces with a teacher's 468 landmarks.

Each clip goes into a pack of its own, photographs into packs of some hundred; what is there
already is kept, so a stopped run goes on where it was.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from engine.capture.video import VideoFile
from engine.errors import ConfigError
from engine.faces import Finder
from engine.types import Bytes, Floats
from training.head.teacher import Teacher
from training.loop import tell

from . import place
from .render_synthetic import render, render_told
from .sources import PAGE, Amounts, Item, clips, data_root, part_of, photographs

PACK = 256  # photographs in one file
SURE = 0.6  # the teacher must be so sure that it sees a face
EVERY = {"train": {"grid": 9, "voxceleb": 5, "portraits": 3}, "test": {"grid": 3}}
EVERY_OTHER = {"train": 5, "test": 2}  # frames, where the source is not named above
MOST = 160  # frames of a clip
LOOK = 256  # pixels of the crop that the teacher sees
LOOK_ROOM = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One face: the crop and the points on it, in pixels of the crop."""

    pixels: Bytes  # (s, s, 3)
    points: Floats  # (468, 2)
    t: float  # seconds from the clip's first frame


class Looker:
    """Finds the face in a picture and its landmarks; follows it through a clip."""

    def __init__(self, teachers: Path | None, size: int) -> None:
        self._finder, self._teacher = Finder("cpu"), Teacher(teachers)
        self._size = size
        self._last: Floats | None = None

    def forget(self) -> None:
        """A new clip begins."""
        self._last = None

    def look(self, pixels: Bytes, t: float = 0.0) -> Seen | None:
        """The largest face of the picture, or where the last one was; None where there is none."""
        points = self._last
        if points is not None:
            points = self._landmarks(pixels, place.placement(points, LOOK, LOOK_ROOM))
        if points is None:
            where = self._find(pixels)
            points = None if where is None else self._landmarks(pixels, where)
        if points is not None:  # the second pass: from a crop made by the landmarks themselves
            points = self._landmarks(pixels, place.placement(points, LOOK, LOOK_ROOM))
        self._last = points
        return None if points is None else self._seen(pixels, points, t)

    def _find(self, pixels: Bytes) -> Floats | None:
        """(2, 3) a crop for the teacher; faces that fill the picture are found with a border."""
        for border in (0, max(pixels.shape[:2]) // 3):
            wide = cv2.copyMakeBorder(pixels, border, border, border, border, cv2.BORDER_REPLICATE)
            found = self._finder.find(np.asarray(wide, np.uint8))
            if found:
                largest = max(found, key=lambda f: float(f.box[2] - f.box[0]))
                return _rough(largest.box - border, largest.points - border)
        return None

    def _landmarks(self, pixels: Bytes, to_frame: Floats) -> Floats | None:
        crop = place.cut(pixels, to_frame, LOOK)
        points, sure = self._teacher.points(crop)
        return place.apply(to_frame, points) if sure > SURE else None

    def _seen(self, pixels: Bytes, points: Floats, t: float) -> Seen | None:
        to_frame = place.placement(points, self._size)
        on_crop = place.apply(place.inverse(to_frame), points)
        if on_crop.min() < 0 or on_crop.max() > self._size:
            return None
        return Seen(place.cut(pixels, to_frame, self._size), on_crop, t)


def _rough(box: Floats, points: Floats) -> Floats:
    """(2, 3) an upright square for the teacher, from BlazeFace's box and eyes."""
    across = points[1] - points[0]  # from the person's right eye to the left
    turn = float(np.arctan2(across[1], across[0]))
    scale = float((box[2:] - box[:2]).max()) * 1.6 / LOOK
    c, s = np.cos(turn) * scale, np.sin(turn) * scale
    to_frame = np.array([[c, -s, 0], [s, c, 0]], np.float32)
    to_frame[:, 2] = (box[:2] + box[2:]) / 2 - to_frame[:, :2] @ [LOOK / 2, LOOK / 2]
    return to_frame


def _read(item: Item) -> Iterator[tuple[Bytes, float]]:
    """The pictures of an item that are looked at, with their times."""
    if not item.moves:
        picture = cv2.imread(str(item.file))
        if picture is not None:
            yield np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8), 0.0
        return
    part = part_of(item.person)
    every = EVERY[part].get(item.source, EVERY_OTHER[part])
    for number, frame in enumerate(VideoFile(item.file).frames()):
        if number % every == 0 and number < MOST * every:
            yield frame.pixels, frame.t


def write_pack(file: Path, faces: Sequence[tuple[Item, Seen]]) -> None:
    """Pictures, points, times and a page of whose they are; moved into place when whole."""
    said = [{"name": i.name, "person": i.person, "source": i.source} for i, _ in faces]
    beside = file.with_suffix(".new.npz")
    np.savez(
        beside,
        pixels=np.array([s.pixels for _, s in faces], np.uint8),
        points=np.array([s.points for _, s in faces], np.float32),
        times=np.array([s.t for _, s in faces], np.float32),
        said=json.dumps(said),
    )
    beside.replace(file)


def prepare(root: Path, to: Path, size: int, teachers: Path | None, amounts: Amounts) -> None:
    """Makes every pack that is not there yet."""
    to.mkdir(parents=True, exist_ok=True)
    looker = Looker(teachers, size)
    pictures = list(photographs(root, amounts))
    packs = {f"clip-{i.source}-{i.file.stem}": [i] for i in clips(root, amounts)}
    packs |= {f"photos-{k // PACK:03d}": pictures[k : k + PACK] for k in
              range(0, len(pictures), PACK)}  # fmt: skip
    for name, items in tqdm(packs.items(), "faces", mininterval=2):
        file = to / f"{name}.npz"
        if not file.exists():
            write_pack(file, list(_faces(looker, items)))
    (to / PAGE).write_text(json.dumps({"size": size, "room": place.ROOM}), encoding="utf-8")


def _faces(looker: Looker, items: Sequence[Item]) -> Iterator[tuple[Item, Seen]]:
    for item in items:
        looker.forget()
        for pixels, t in _read(item):
            if not item.moves:
                looker.forget()
            seen = looker.look(pixels, t)
            if seen is not None:
                yield item, seen


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.prepare cest", description=__doc__)
    parser.add_argument("--source", type=Path, help="recordings; ../shared/data if not given")
    parser.add_argument("--to", type=Path, default=Path("runs/cest-data"))
    parser.add_argument("--size", type=int, default=160, help="pixels; 1.25 of what a net sees")
    parser.add_argument("--renders", type=int, default=240, help="made-up people to draw")
    parser.add_argument("--teachers", type=Path, help="the landmark teacher's folder")
    parser.add_argument("--told", type=int, metavar="N", help="draw N people for the row that is "
                        "told what renders hold, and nothing else")  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="processes that draw them")
    args = parser.parse_args(argv)
    if args.told is not None:
        render_told(args.to, args.size, args.told, args.workers)
        return tell(str(args.to))
    if not 32 <= args.size <= 1024:
        raise ConfigError(f"--size {args.size}: choose 32 to 1024 pixels")
    cv2.setNumThreads(1)
    prepare(data_root(args.source), args.to, args.size, args.teachers, Amounts())
    render(args.to, args.size, args.teachers, args.renders)
    tell(str(args.to))
