"""What the shipped recogniser makes of stored faces, kept beside them: it never changes, and it is
most of the time that a face net on its templates would take to train."""

import hashlib
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.errors import ConfigError
from engine.faces.recogniser import SIDE, Recogniser
from engine.types import Floats
from training.sphereface2.faces import Faces


def of(faces: Faces, folder: Path) -> Floats:
    """(n, d) unit, of all of the store in `folder`; made once a recogniser and store. ConfigError
    where its crops are too small for it."""
    if faces.pixels.shape[1] != SIDE:
        raise ConfigError(
            f"{folder} holds faces of {faces.pixels.shape[1]} pixels, and templates are made of "
            f'{SIDE}: pack them whole (no --pixels), or set sizes.sees = "pictures"'
        )
    recogniser = Recogniser()
    file = folder / f"{recogniser.name}-{_sign(faces, folder)}.npy"
    if file.exists():
        return np.asarray(np.load(file))
    bar = tqdm(range(len(faces)), "templates", mininterval=2)
    made = np.concatenate([recogniser.embed(faces.pixels[k : k + 1]) for k in bar])
    beside = file.with_suffix(".new.npy")
    np.save(beside, made)
    beside.replace(file)
    return np.asarray(made)


def _sign(faces: Faces, folder: Path) -> str:
    """Of which pictures the store is, and how they were cut out."""
    some = np.ascontiguousarray(faces.pixels[:: max(1, len(faces) // 100)])
    return hashlib.sha256((folder / "faces.json").read_bytes() + some.tobytes()).hexdigest()[:8]
