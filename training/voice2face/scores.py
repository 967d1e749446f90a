"""Scores of listed trials: columns voice,face in; similarity added.

The similarity is the face recogniser's, between the face that is imagined for the voice and the
face that is shown.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from engine.faces.recogniser import SIDE, Recogniser
from engine.types import Bytes, Floats
from engine.voices import Model
from engine.voices.imagine import Imagination
from training.dimnet.scores import readers, write_scores


def score(folder: Path | None, trials: Path, root: Path, to: Path) -> int:
    """How many pairs have no score, for want of speech, of a face or of a readable file."""
    ears, recogniser = Model.load(), Recogniser()
    imagination = Imagination.load(ears, folder)
    hear, see = readers(ears, root, lambda crop: recogniser.embed(crop[None])[0])
    imagined = _imagined(imagination, recogniser)

    def compare(voice: tuple[str, Floats], face: Floats) -> list[float]:
        return [float(imagined(*voice) @ face)]

    def listen(name: str) -> tuple[str, Floats] | None:
        heard = hear(name)
        return None if heard is None else (name, heard.embedding)

    return write_scores(trials, to, ("similarity",), listen, see, compare)


def _imagined(imagination: Imagination, recogniser: Recogniser) -> Callable[[str, Floats], Floats]:
    """Templates of imagined faces, each made once."""
    known: dict[str, Floats] = {}

    def imagined(name: str, embedding: Floats) -> Floats:
        if name not in known:
            face = imagination.faces(embedding[None])[0]
            known[name] = recogniser.embed(_large(face)[None])[0]
        return known[name]

    return imagined


def _large(face: Bytes) -> Bytes:
    return np.asarray(cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.uint8)
