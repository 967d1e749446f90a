"""What the shipped recogniser makes of stored faces, kept beside them: it never changes, and it is
most of the time that a face net on its templates would take to train."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.faces.recogniser import Recogniser
from engine.types import Floats
from training.sphereface2.faces import Faces


def of(faces: Faces, folder: Path) -> Floats:
    """(n, d) unit, of all of the store in `folder`; made once a recogniser."""
    recogniser = Recogniser()
    file = folder / f"{recogniser.name}.npy"
    if file.exists() and len(made := np.load(file)) == len(faces):
        return np.asarray(made)
    bar = tqdm(range(len(faces)), "templates", mininterval=2)
    made = np.concatenate([recogniser.embed(faces.pixels[k : k + 1]) for k in bar])
    np.save(file, made)
    return np.asarray(made)
