"""Packs on disk -> batches: clips as groups of frames, photographs alone, all shifted about.

Everything random comes from the generator that is handed in, so step k is the same step again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import ConfigError
from engine.head import Head
from engine.types import Bytes, Floats, Ints
from training.head.landmarks import mirror_numbers

from .place import apply
from .prepare import PAGE
from .sources import Part, part_of

KNOWN = ("rotation", "expression", "light")  # of each render
KNOWN_OF_CLIP = ("identity", "albedo")


@dataclass(frozen=True, slots=True)
class Mix:
    """A batch: groups of `frames` of one clip, real and rendered, and photographs."""

    real: int = 3  # clips of people
    synthetic: int = 2  # clips of renders
    frames: int = 2  # of each clip
    photographs: int = 6

    @property
    def pictures(self) -> int:
        return (self.real + self.synthetic) * self.frames + self.photographs


@dataclass(frozen=True, slots=True)
class Shake:
    """How far a picture is moved at random from the standard place."""

    turn: float = 12.0  # degrees, one standard deviation held to twice that
    scale: float = 0.1
    shift: float = 0.05  # of the side
    gain: float = 0.15  # of brightness, the same for a clip's frames


STILL = Shake(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames of one person in one recording; a photograph is a clip of one frame."""

    name: str
    person: str
    source: str
    pixels: Bytes  # (n, s, s, 3)
    points: Floats  # (n, 468, 2) in pixels of the stored crop
    known: dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures in [0, 1], landmarks in [-1, 1] with y up, and which frames belong together."""

    pictures: Tensor  # (b, 3, s, s)
    landmarks: Tensor  # (b, 468, 2)
    group: Tensor  # (b,) the clip of each frame, from 0
    partner: Tensor  # (b,) another frame of the same clip; of a photograph, itself

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(getattr(self, name).to(device) for name in self.__slots__))


@dataclass(frozen=True)
class Faces:
    """One side of the split."""

    clips: list[Clip]
    room: float

    @cached_property
    def photographs(self) -> list[Clip]:
        return [c for c in self.clips if len(c.pixels) == 1 and c.source != "synthetic"]

    @cached_property
    def people(self) -> list[list[Clip]]:
        """Real clips of two frames or more, by person: everybody counts alike."""
        found: dict[str, list[Clip]] = {}
        for clip in self.clips:
            if len(clip.pixels) > 1 and clip.source != "synthetic":
                found.setdefault(clip.person, []).append(clip)
        return list(found.values())

    @cached_property
    def renders(self) -> list[Clip]:
        return [c for c in self.clips if c.source == "synthetic" and len(c.pixels) > 1]


def load(folder: Path, part: Part, most: int | None = None) -> Faces:
    """Reads the packs of `part`, at most `most` files of each kind; ConfigError without any."""
    page = folder / PAGE
    if not page.exists():
        raise ConfigError(f"no faces in {folder}: make them with python -m training.prepare cest")
    room = float(json.loads(page.read_text(encoding="utf-8"))["room"])
    clips: list[Clip] = []
    for kind in ("clip-*", "photos-*", f"synthetic-{part}-*"):
        read = 0
        for file in sorted(folder.glob(f"{kind}.npz")):
            found = [c for c in _read(file) if c.source == "synthetic" or part_of(c.person) == part]
            clips += found
            read += bool(found)
            if most is not None and read >= most:
                break
    if not clips:
        raise ConfigError(f"nobody in {folder} is on the {part} side: prepare more of it")
    return Faces(clips, room)


def _read(file: Path) -> list[Clip]:
    """A file's clips: runs of frames with one name."""
    with np.load(file) as saved:
        said = json.loads(str(saved["said"]))
        if not said:
            return []
        pixels, points = saved["pixels"], saved["points"]
        known = {name: saved[name] for name in (*KNOWN, *KNOWN_OF_CLIP) if name in saved.files}
    names = [s["name"] for s in said]
    begins = [k for k in range(len(names)) if k == 0 or names[k] != names[k - 1]]
    return [
        Clip(said[a]["name"], said[a]["person"], said[a]["source"], pixels[a:b], points[a:b], known)
        for a, b in zip(begins, [*begins[1:], len(names)], strict=True)
    ]


class Batches:
    """Makes batches of one size from faces."""

    def __init__(self, faces: Faces, size: int, mix: Mix, shake: Shake) -> None:
        self._faces, self._size, self._mix, self._shake = faces, size, mix, shake
        head = Head.load()
        self._flip = np.array([[-1, 0, size - 1], [0, 1, 0]], np.float32)
        self._mirror = mirror_numbers(head.landmarks(head.neutral, 468))
        wanted = (
            ("people", mix.real),
            ("renders", mix.synthetic),
            ("photographs", mix.photographs),
        )
        missing = [name for name, count in wanted if count and not getattr(faces, name)]
        if missing:
            raise ConfigError(f"no {', '.join(missing)} in the data; prepare them, or set mix to 0")

    def draw(self, rng: np.random.Generator) -> Batch:
        """A random batch."""
        mix, faces = self._mix, self._faces
        people = [faces.people[k] for k in rng.integers(len(faces.people or [0]), size=mix.real)]
        chosen = [own[rng.integers(len(own))] for own in people]
        chosen += [faces.renders[k] for k in
                   rng.integers(len(faces.renders or [0]), size=mix.synthetic)]  # fmt: skip
        groups = [(c, rng.choice(len(c.pixels), mix.frames, len(c.pixels) < mix.frames))
                  for c in chosen]  # fmt: skip
        for k in rng.integers(len(faces.photographs or [0]), size=mix.photographs):
            groups.append((faces.photographs[k], np.zeros(1, np.int64)))
        return self.assemble(groups, rng)

    def assemble(
        self, groups: Sequence[tuple[Clip, NDArray[np.integer]]], rng: np.random.Generator
    ) -> Batch:
        """These frames of these clips, each clip flipped and dimmed alike."""
        pictures: list[Floats] = []
        landmarks: list[Floats] = []
        group: list[int] = []
        partner: list[int] = []
        for number, (clip, frames) in enumerate(groups):
            flip = self._shake.turn > 0 and bool(rng.random() < 0.5)
            gain = 1 + self._shake.gain * rng.uniform(-1, 1)
            begin = len(group)
            for k in frames:
                picture, points = self._moved(clip.pixels[k], clip.points[k], rng)
                if flip:
                    picture = picture[:, ::-1]
                    points = apply(self._flip, points)[self._mirror]
                pictures.append(np.clip(picture * np.float32(gain / 255), 0, 1))
                landmarks.append(points)
                group.append(number)
            partner += [begin + (k + 1) % len(frames) for k in range(len(frames))]
        shown = torch.from_numpy(np.array(pictures, np.float32)).permute(0, 3, 1, 2)
        marks = (np.array(landmarks, np.float32) + 0.5) * (2 / self._size) - 1
        return Batch(
            shown.contiguous(memory_format=torch.channels_last),
            torch.from_numpy((marks * [1, -1]).astype(np.float32)),
            torch.tensor(group), torch.tensor(partner),
        )  # fmt: skip

    def _moved(
        self, pixels: Bytes, points: Floats, rng: np.random.Generator
    ) -> tuple[Bytes, Floats]:
        """The middle of a stored crop at the nets' size, moved at random."""
        dice = np.clip(rng.standard_normal(4), -2, 2)
        stored, shake = len(pixels), self._shake
        scale = self._size * self._faces.room / stored * float(np.exp(shake.scale * dice[1]))
        angle = np.radians(shake.turn * dice[0])
        c, s = np.cos(angle) * scale, np.sin(angle) * scale
        to_crop = np.array([[c, -s, 0], [s, c, 0]])
        middle = np.full(2, (stored - 1) / 2)
        to_crop[:, 2] = (self._size - 1) / 2 + dice[2:] * shake.shift * self._size
        to_crop[:, 2] -= to_crop[:, :2] @ middle
        moved = cv2.warpAffine(
            pixels, to_crop, (self._size,) * 2, flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return np.asarray(moved, np.uint8), apply(to_crop.astype(np.float32), points)


def in_order(faces: Faces, size: int, clip: Clip, frames: Ints) -> Batch:
    """Frames of a clip at the standard place, none of them moved."""
    batches = Batches(faces, size, Mix(0, 0, 2, 0), STILL)
    return batches.assemble([(clip, frames)], np.random.default_rng(0))
