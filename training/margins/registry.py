"""The losses by name, as configurations and commands say them."""

import inspect
from typing import Any

from engine.errors import ConfigError

from .head import Annealing, Margin
from .softmax import ArcFace, CosFace, LSoftmax, Softmax, SphereFace
from .sphereface2 import SphereFace2
from .sphereface_r import SphereFaceR

LOSSES: dict[str, type[Margin]] = {
    "softmax": Softmax,
    "l-softmax": LSoftmax,
    "sphereface": SphereFace,
    "sphereface-r": SphereFaceR,
    "sphereface2": SphereFace2,
    "cosface": CosFace,
    "arcface": ArcFace,
}


def build(name: str, dim: int, classes: int, **options: Any) -> Margin:
    """The loss called `name`; ConfigError where it or one of its options is not known.

    `annealing` may be given as (base, gamma, power, least).
    """
    if name not in LOSSES:
        raise ConfigError(f"loss '{name}' is not known: choose {', '.join(LOSSES)}")
    known = list(inspect.signature(LOSSES[name]).parameters)[2:]
    for option in options:
        if option not in known:
            raise ConfigError(f"{name} has no '{option}'; it has {', '.join(known) or 'none'}")
    if isinstance(options.get("annealing"), tuple):
        options["annealing"] = Annealing(*options["annealing"])
    return LOSSES[name](dim, classes, **options)
