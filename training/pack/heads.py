"""Heads of training.voice2face's store: reflectances as pictures of their roots."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.voices.space import GAMMA
from training.voice2face import people

from . import webp

FILE = "heads.npz"


def pack(folder: Path, to: Path, kept: Callable[[str], bool], quality: int) -> None:
    found = people.load(folder)
    mine = np.array([kept(p) for p in found.people])
    roots = np.clip(found.reflectance[mine].astype(np.float32), 0, 1) ** (1 / GAMMA)
    data, sizes = webp.pack(np.rint(255 * roots).astype(np.uint8), quality)
    np.savez_compressed(
        to / FILE, data=data, sizes=sizes, people=np.array(found.people)[mine],
        identity=found.identity[mine].astype(np.float16),
    )  # fmt: skip


def back(file: Path, to: Path) -> None:
    """Into `to`/heads."""
    folder = to / "heads"
    folder.mkdir(parents=True, exist_ok=True)
    with np.load(file) as found:
        shown = np.stack(list(webp.unpack((found["data"], found["sizes"]))))
        np.savez(
            folder / people.FILE, people=found["people"],
            identity=found["identity"].astype(np.float32),
            reflectance=((shown / np.float32(255)) ** GAMMA).astype(np.float16),
        )  # fmt: skip
