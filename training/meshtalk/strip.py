"""A strip to look at: frames of held-out videos, and below each the head that heard the sound."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from engine.head import Solver
from engine.render.__main__ import Studio
from engine.types import Floats
from training.data import store
from training.talking.sheet import drawer, strip

from .recorded import Held
from .speakers import Speaker


def strips(
    dataset: Path, chosen: Sequence[Held], speaker: Speaker, avatar: str, file: Path, frames: int
) -> None:
    """Writes FILE: two lines of pictures for each clip, `frames` of them, the most likely motion
    on the avatar."""
    studio = drawer(avatar)
    page = store.read_page(dataset)["clips"]
    rows = [
        strip(dataset, held.name, page[held.name], studio, frames, spoken(studio, speaker, held))
        for held in chosen
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])


def spoken(studio: Studio, speaker: Speaker, held: Held) -> Floats:
    """(n, 52) what the avatar does at a clip's sound."""
    clip, solver = held.clip, Solver(studio.head, studio.person)
    faces = speaker.speak(clip.samples, studio.person, len(clip.weights), None)
    return np.stack([solver.weights(face) for face in faces])
