"""Spoken mel frames of many recordings: frames.npy, and voices.json, whose they are."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError
from engine.types import Floats

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Voices:
    """Recordings, each as the frames in which somebody speaks."""

    frames: NDArray[np.float16]  # (frames, 64), one recording after another
    start: Rows  # (n + 1,) where each begins
    people: tuple[str, ...]  # (n,) whose each is
    files: tuple[str, ...]  # (n,)
    how: tuple[str, ...]  # (n,) clean, or what was done to the sound

    def __len__(self) -> int:
        return len(self.people)

    def of(self, row: int) -> Floats:
        """Recording `row` (frames, 64)."""
        return np.asarray(self.frames[self.start[row] : self.start[row + 1]], np.float32)

    def seconds(self, rows: Rows) -> float:
        return float((self.start[rows + 1] - self.start[rows]).sum()) / 100


def load(folder: Path) -> Voices:
    """What `prepare` stored; ConfigError where it is not there."""
    try:
        page = json.loads((folder / "voices.json").read_text(encoding="utf-8"))
        frames = np.load(folder / "frames.npy", mmap_mode="r")
    except OSError as e:
        raise ConfigError(
            f"{folder} holds no voices: python -m training.prepare voices --source FOLDER"
        ) from e
    people, files, how = (tuple(page[k]) for k in ("people", "files", "how"))
    return Voices(frames, np.array(page["start"], np.int64), people, files, how)
