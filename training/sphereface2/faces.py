"""Aligned crops, decoded once: faces.npy (n, 112, 112, 3), and faces.json: whose they are."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engine.errors import ConfigError
from engine.faces import Finder, crop
from engine.types import Bytes, FaceCrop, Floats, VideoFrame

from .readers import items

SIDE = 112
TEST, DEV = 0.34, 0.38  # of the people, by the hash of their names: below the first is held out
Rows = NDArray[np.int64]
Part = Literal["train", "dev", "test"]
Align = Callable[[Bytes], Bytes | None]


@dataclass(frozen=True, slots=True)
class Faces:
    """Crops and their people. One person's pictures from several sources are one person's."""

    pixels: Bytes  # (n, s, s, 3) RGB
    person: Rows  # (n,) into people
    people: tuple[str, ...]
    files: tuple[str, ...]  # SOURCE/name of each crop
    teacher: Floats | None = None  # (n, 128), NaN where not made
    chips: Floats | None = None  # (n, 2, 3): a pixel of the teacher's own crop -> the crop's

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: Rows | NDArray[np.bool_]) -> "Faces":
        """Some rows, with the people renumbered to those that are left."""
        kept = np.arange(len(self))[rows]
        ids, person = np.unique(self.person[kept], return_inverse=True)
        return Faces(
            self.pixels[kept], person.astype(np.int64), tuple(self.people[i] for i in ids),
            tuple(self.files[i] for i in kept),
            *(None if x is None else x[kept] for x in (self.teacher, self.chips)),
        )  # fmt: skip

    def part(self, name: Part) -> "Faces":
        mine = np.array([part_of(p) == name for p in self.people])
        return self.take(mine[self.person])

    def at_least(self, pictures: int) -> "Faces":
        """Only people of that many pictures or more."""
        return self.take((self.counts >= pictures)[self.person])

    @property
    def counts(self) -> Rows:
        """(people,) pictures of each."""
        return np.bincount(self.person, minlength=len(self.people)).astype(np.int64)

    def scaled(self, size: int) -> "Faces":
        if self.pixels.shape[1] == size or not len(self):
            return self
        small = [cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA) for p in self.pixels]
        return replace(self, pixels=np.stack(small).astype(np.uint8))


def part_of(name: str) -> Part:
    """By the hash of a name, so that whoever is held out stays held out, whatever is added."""
    place = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
    return "test" if place < TEST else "dev" if place < DEV else "train"


def live() -> Callable[[Bytes], FaceCrop | None]:
    """The engine's own finder and crop; among several faces, the one nearest the middle."""
    finder = Finder("cpu")

    def find(pixels: Bytes) -> FaceCrop | None:
        middle = np.array([pixels.shape[1], pixels.shape[0]]) / 2
        found = finder.find(pixels)
        if not found:
            return None
        best = min(found, key=lambda f: float(np.abs(f.points.mean(0) - middle).sum()))
        return crop(VideoFrame(0.0, pixels), best.points, SIDE)

    return find


def live_align() -> Align:
    """`live` without all but the pixels."""
    find = live()

    def align(pixels: Bytes) -> Bytes | None:
        found = find(pixels)
        return None if found is None else found.pixels

    return align


def middle(pixels: Bytes, share: float = 0.5) -> Bytes:
    """The middle of a picture, for data sets whose faces are all in the same place already."""
    side = round(min(pixels.shape[:2]) * share)
    y, x = ((n - side) // 2 for n in pixels.shape[:2])
    cut = pixels[y : y + side, x : x + side]
    return np.asarray(cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def crop_of(pixels: Bytes | None, align: Align) -> Bytes | None:
    """A picture of 112x112 is a crop already."""
    if pixels is None or min(pixels.shape[:2]) < 8:
        return None
    return pixels if pixels.shape[:2] == (SIDE, SIDE) else align(pixels)


def prepare(sources: Sequence[Path], to: Path, align: Align) -> Faces:
    """Reads, aligns and stores all pictures; what could not be used is listed in faces.json."""
    to.mkdir(parents=True, exist_ok=True)
    crops: list[Bytes] = []
    names: list[str] = []
    files: list[str] = []
    missed: list[str] = []
    for source, item in tqdm([(s, i) for s in sources for i in items(s)], "faces", mininterval=2):
        pixels = crop_of(item.read(), align)
        label = f"{source.name}/{item.name}"
        if pixels is None:
            missed.append(label)
            continue
        crops.append(pixels)
        names.append(item.person)
        files.append(label)
    if not crops:
        raise ConfigError(f"no face found in {', '.join(map(str, sources))}: nothing to train on")
    np.save(to / "faces.npy", np.stack(crops))
    _write_page(to, {"names": names, "files": files, "missed": missed})
    return load(to)


def _write_page(folder: Path, page: dict[str, Any]) -> None:
    (folder / "faces.json").write_text(json.dumps(page, indent=0), encoding="utf-8")


def load(folder: Path) -> Faces:
    """What `prepare` stored, not yet read into memory; ConfigError where it is not there."""
    try:
        page = json.loads((folder / "faces.json").read_text(encoding="utf-8"))
        pixels = np.load(folder / "faces.npy", mmap_mode="r")
    except OSError as e:
        raise ConfigError(
            f"{folder} holds no faces: python -m training.prepare sphereface2 --source FOLDER"
        ) from e
    people, person = np.unique(page["names"], return_inverse=True)
    taught = [folder / "teacher.npy", folder / "chips.npy"]
    return Faces(
        pixels, person.astype(np.int64), tuple(map(str, people)), tuple(page["files"]),
        *(np.load(f) if f.exists() else None for f in taught),
    )  # fmt: skip


def people_in(names: Iterable[str]) -> dict[Part, int]:
    """How many people fall to each part."""
    parts = [part_of(n) for n in names]
    return {"train": parts.count("train"), "dev": parts.count("dev"), "test": parts.count("test")}
