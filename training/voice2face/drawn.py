"""Imagined heads as pictures, by the painter that made the made-up people (training.pairs)."""

import numpy as np

from engine.types import Bytes, Floats
from engine.voices.space import GAMMA, Space
from training.pairs.faces import Sitter


def drawn(space: Space, numbers: Floats) -> Bytes:
    """Heads (n, k + m) -> (n, 64, 64, 3): from the front, at rest, evenly lit."""
    sitter = Sitter()
    people = (sitter.coloured(space.identity(n), space.reflectance(n) ** (1 / GAMMA))
              for n in numbers)  # fmt: skip
    return np.stack([sitter.portrait(p) for p in people])
