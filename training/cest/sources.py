"""Where pictures of real faces come from, whose they are, and who is held out.

A source item is a photograph or a clip of one person; the folder is laid out as the one that
holds LFW, glint24 and the talking clips (see docs/cest.md).
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.errors import ConfigError

HELD_OUT = 5  # one person in so many is held out
PAGE = "dataset.json"  # in a folder of prepared faces
SALT = "a"  # with it photographs, portraits and interviews have people on both sides

Part = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class Item:
    """A file with one person's face in it."""

    person: str
    source: str
    file: Path

    @property
    def name(self) -> str:
        return f"{self.source}/{self.person}/{self.file.stem}"

    @property
    def moves(self) -> bool:
        return self.file.suffix == ".mp4"


def part_of(person: str) -> Part:
    """Which side of the split a person is on: by the name's hash, so the same for all sources."""
    digest = hashlib.sha256(f"{SALT}{person}".encode()).hexdigest()
    return "test" if int(digest, 16) % HELD_OUT == 0 else "train"


def data_root(given: Path | None = None) -> Path:
    """The folder of recordings: as given, else LIKENESS_DATA, else ../shared/data."""
    root = given or Path(os.environ.get("LIKENESS_DATA", "../shared/data"))
    if not (root / "faces").is_dir() and not (root / "talking").is_dir():
        raise ConfigError(f"no faces/ or talking/ in {root}: give --source FOLDER")
    return root


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of each source is taken."""

    lfw: int = 6  # photographs a person
    lfw_one: int = 4000  # people
    glint24: int = 20  # photographs a person
    grid: int = 120  # clips


def photographs(root: Path, amounts: Amounts) -> Iterator[Item]:
    """LFW and glint24 have folders of people, LFW's rest one picture a person."""
    for source, most in (("lfw", amounts.lfw), ("glint24", amounts.glint24)):
        for folder in sorted(root.glob(f"faces/{source}/*/")):
            for file in sorted(folder.glob("*.webp"))[:most]:
                yield Item(folder.name, source, file)
    for file in sorted(root.glob("faces/lfw_one/*.webp"))[: amounts.lfw_one]:
        yield Item(file.stem, "lfw_one", file)


def clips(root: Path, amounts: Amounts) -> Iterator[Item]:
    """Interviews, portraits and an even choice of one man's sentences."""
    for file in sorted(root.glob("talking/voxceleb/*/*/*.mp4")):
        yield Item(file.parents[1].name, "voxceleb", file)
    for file in sorted(root.glob("talking/portraits/*.mp4")):
        yield Item(file.stem, "portraits", file)
    grid = sorted(root.glob("talking/grid_s1/*.mp4"))
    every = max(1, len(grid) // max(1, amounts.grid))
    for file in grid[::every][: amounts.grid]:
        yield Item("grid_s1", "grid", file)
