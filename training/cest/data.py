"""Packs on disk -> batches: clips as groups of frames, photographs alone, all shifted about.

Everything random comes from the generator that is handed in, so step k is the same step again.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.errors import ConfigError
from engine.head import Head
from engine.types import Bytes, Floats, Ints
from training.head.landmarks import mirror_numbers

from .sources import PAGE, Part, part_of
from .supervised import Answers, Truth

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


Groups = list[tuple[Clip, NDArray[np.integer]]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures in [0, 1], landmarks in [-1, 1] with y up, and which frames belong together."""

    pictures: Tensor  # (b, 3, s, s)
    landmarks: Tensor  # (b, 468, 2)
    group: Tensor  # (b,) the clip of each frame, from 0
    partner: Tensor  # (b,) another frame of the same clip; of a photograph, itself
    truth: Truth | None = None  # of its renders, where that is asked for


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


def load(folder: Path, part: Part, most: int | None = None, more: Path | None = None) -> Faces:
    """Reads the packs of `part`, at most `most` files of each kind, and the renders of `more` in
    place of the folder's own; ConfigError without any."""
    page = folder / PAGE
    if not page.exists():
        raise ConfigError(f"no faces in {folder}: make them with python -m training.prepare cest")
    room = float(json.loads(page.read_text(encoding="utf-8"))["room"])
    clips: list[Clip] = []
    for kind in ("clip-*", "photos-*", f"synthetic-{part}-*"):
        read = 0
        where = more if more is not None and kind.startswith("synthetic") else folder
        whole = (f for f in where.glob(f"{kind}.npz") if not f.stem.endswith(".new"))
        for file in sorted(whole):
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
        held = {name: saved[name] for name in saved.files}
    pixels, points = held["pixels"], held["points"]
    known = {name: held[name] for name in (*KNOWN, *KNOWN_OF_CLIP) if name in held}
    names = [s["name"] for s in said]
    begins = [k for k in range(len(names)) if k == 0 or names[k] != names[k - 1]]
    return [
        Clip(said[a]["name"], said[a]["person"], said[a]["source"], pixels[a:b], points[a:b], known)
        for a, b in zip(begins, [*begins[1:], len(names)], strict=True)
    ]


class Batches:
    """Makes batches of one size from faces; all their pictures are kept on the device."""

    def __init__(
        self, faces: Faces, size: int, mix: Mix, shake: Shake, device: torch.device | None = None,
        told: bool = False,
    ) -> None:  # fmt: skip
        self._faces, self._size, self._mix, self._shake = faces, size, mix, shake
        self.device = device or torch.device("cpu")
        head = Head.load()
        mirror = mirror_numbers(head.landmarks(head.neutral, 468))
        self._left, self._up = (torch.tensor(s, device=self.device) for s in ([-1, 1], [1, -1]))
        self._mirror = torch.from_numpy(np.asarray(mirror, np.int64)).to(self.device)
        wanted = (
            ("people", mix.real),
            ("renders", mix.synthetic),
            ("photographs", mix.photographs),
        )
        missing = [name for name, count in wanted if count and not getattr(faces, name)]
        if missing:
            raise ConfigError(f"no {', '.join(missing)} in the data; prepare them, or set mix to 0")
        clips = faces.clips
        ends = np.cumsum([len(c.pixels) for c in clips])
        self._begin = {id(c): int(end) - len(c.pixels) for c, end in zip(clips, ends, strict=True)}
        self._pixels = torch.from_numpy(np.concatenate([c.pixels for c in clips])).to(self.device)
        self._points = torch.from_numpy(np.concatenate([c.points for c in clips])).to(self.device)
        self._answers = Answers([c.known for c in faces.renders], self.device) if told else None
        begins: list[int] = self._answers.begin.tolist() if self._answers else []
        self._told = {id(c): b for c, b in zip(faces.renders, begins, strict=False)}

    def draw(self, rng: np.random.Generator) -> Batch:
        """A random batch."""
        return self.assemble(choose(self._faces, self._mix, rng), rng)

    def assemble(self, groups: Groups, rng: np.random.Generator) -> Batch:
        """These frames of these clips, each clip flipped and dimmed alike."""
        counts = [len(frames) for _, frames in groups]
        index = np.concatenate([self._begin[id(clip)] + frames for clip, frames in groups])
        group = np.repeat(np.arange(len(groups)), counts)
        begins = np.repeat(np.cumsum(counts) - counts, counts)
        turns = np.arange(len(index)) - begins
        partner = begins + (turns + 1) % np.repeat(counts, counts)
        told = np.array([id(clip) in self._told for clip, _ in groups])
        flip = ((rng.random(len(groups)) < 0.5 * (self._shake.turn > 0)) & ~told)[group]
        gain = (1 + self._shake.gain * rng.uniform(-1, 1, len(groups)))[group]
        linear, shift = _moves(self._shake, self._faces.room, len(index), rng)
        at = self._to(index)
        pictures = (
            self._moved(at, linear, shift, flip) * (self._to(gain) / 255)[:, None, None, None]
        )
        marks = (self._points.index_select(0, at) + 0.5) * (2 / self._pixels.shape[1]) - 1
        marks = marks @ self._to(linear).transpose(1, 2) + self._to(shift)[:, None]
        flipped = marks.index_select(1, self._mirror) * self._left
        marks = torch.where(self._to(flip)[:, None, None], flipped, marks)
        return Batch(
            pictures.clamp(0, 1).contiguous(memory_format=torch.channels_last),
            marks * self._up, self._to(group), self._to(partner),
            self._truth(groups, np.flatnonzero(told[group]), linear),
        )  # fmt: skip

    def _truth(
        self, groups: Groups, rows: NDArray[np.integer], linear: NDArray[np.floating]
    ) -> Truth | None:
        """What is known of a batch's renders; a picture turned with y down turns back with y up."""
        if self._answers is None or not len(rows):
            return None
        frames = np.concatenate([self._told[id(clip)] + chosen for clip, chosen in groups
                                 if id(clip) in self._told])  # fmt: skip
        turn = np.tile(np.eye(3), (len(rows), 1, 1))
        cs = linear[rows] / np.sqrt(np.linalg.det(linear[rows]))[:, None, None]
        turn[:, :2, :2] = cs.transpose(0, 2, 1)
        return self._answers.of(self._to(rows), self._to(frames), self._to(turn))

    def _to(self, values: NDArray[np.generic]) -> Tensor:
        """On the device, numbers as floats of single precision."""
        if values.dtype == np.float64:
            values = values.astype(np.float32)
        return torch.from_numpy(values).to(self.device, non_blocking=True)

    def _moved(
        self, at: Tensor, linear: NDArray[np.floating], shift: NDArray[np.floating],
        flip: NDArray[np.bool_],
    ) -> Tensor:  # fmt: skip
        """(n, 3, s, s) the middles of stored crops at the nets' size, in [0, 255]."""
        back = np.linalg.inv(linear)
        theta = np.concatenate([back, -(back @ shift[:, :, None])], 2)
        theta[flip, :, 0] *= -1  # a flipped picture is read from right to left
        side = [len(at), 3, self._size, self._size]
        grid = functional.affine_grid(self._to(theta), side, align_corners=False)
        stored = self._pixels.index_select(0, at).permute(0, 3, 1, 2).float()
        return functional.grid_sample(stored, grid, padding_mode="border", align_corners=False)


def _moves(
    shake: Shake, room: float, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """(n, 2, 2) and (n, 2): places on the stored crop to the picture's, both in [-1, 1]."""
    dice = np.clip(rng.standard_normal((count, 4)), -2, 2)
    scale = room * np.exp(shake.scale * dice[:, 1])
    angle = np.radians(shake.turn * dice[:, 0])
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.stack([c, -s, s, c], 1).reshape(-1, 2, 2), 2 * shake.shift * dice[:, 2:]


def choose(faces: Faces, mix: Mix, rng: np.random.Generator) -> Groups:
    """Frames of clips of people, each as likely as another, then of renders, then photographs."""
    people = [faces.people[k] for k in rng.integers(len(faces.people or [0]), size=mix.real)]
    clips = [own[rng.integers(len(own))] for own in people]
    clips += [faces.renders[k] for k in
              rng.integers(len(faces.renders or [0]), size=mix.synthetic)]  # fmt: skip
    groups: Groups = [(c, rng.choice(len(c.pixels), mix.frames, len(c.pixels) < mix.frames))
                      for c in clips]  # fmt: skip
    for k in rng.integers(len(faces.photographs or [0]), size=mix.photographs):
        groups.append((faces.photographs[k], np.zeros(1, np.int64)))
    return groups


def in_order(
    faces: Faces, size: int, clip: Clip, frames: Ints, device: torch.device | None = None
) -> Batch:
    """Frames of a clip at the standard place, none of them moved."""
    batches = Batches(Faces([clip], faces.room), size, Mix(0, 0, 2, 0), STILL, device)
    return batches.assemble([(clip, frames)], np.random.default_rng(0))
