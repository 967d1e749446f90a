"""Heads of training.voice2face's store: reflectances as pictures of their roots."""

from pathlib import Path

import numpy as np

from engine.voices.space import GAMMA
from training.voice2face import people

from . import small


def pack(folder: Path, options: small.Options) -> small.Arrays:
    found = people.load(folder)
    mine = options.mine(found.people)
    roots = np.clip(found.reflectance[mine].astype(np.float32), 0, 1) ** (1 / GAMMA)
    held = small.pictures("roots", np.rint(255 * roots).astype(np.uint8), options.quality)
    identity = found.identity[mine].astype(np.float16)
    return held | {"people": np.array(found.people)[mine], "identity": identity}


def back(held: small.Arrays, to: Path) -> None:
    roots = np.stack(small.pictures_of(held, "roots")) / np.float32(255)
    np.savez(
        to / people.FILE, people=held["people"], identity=held["identity"].astype(np.float32),
        reflectance=(roots**GAMMA).astype(np.float16),
    )  # fmt: skip
