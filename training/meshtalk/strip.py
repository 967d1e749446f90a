"""A strip to look at: frames of held-out videos, and below each the head that heard the sound."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from engine.errors import ConfigError
from engine.head import Solver
from engine.render.__main__ import Studio
from engine.types import Floats
from training.data import store
from training.talking.sheet import drawer, strip

from .recorded import Held
from .speakers import Speaker


def strips(
    dataset: Path, chosen: Sequence[Held], speaker: Speaker, avatar: str, file: Path, frames: int,
    outline: bool,
) -> None:  # fmt: skip
    """Writes FILE: two lines of pictures for each clip, `frames` of them: the video, or the outline
    of the face in it; the most likely motion on the avatar."""
    studio = drawer(avatar)
    page = store.read_page(dataset)["clips"]
    rows = [
        strip(
            dataset, one.name, page[one.name], studio, frames, spoken(studio, speaker, one), outline
        )
        for one in chosen
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(file), np.vstack(rows)[..., ::-1]):
        raise ConfigError(f"{file} cannot be written: give a name that ends in .jpg or .png")


def spoken(studio: Studio, speaker: Speaker, held: Held) -> Floats:
    """(n, 52) what the avatar does at a clip's sound."""
    clip, solver = held.clip, Solver(studio.head, studio.person)
    faces = speaker.speak(clip.samples, studio.person, len(clip.weights), None)
    return np.stack([solver.weights(face) for face in faces])
