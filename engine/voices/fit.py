"""Whether a voice fits a face: how alike their embeddings are, and what that is evidence of."""

from dataclasses import dataclass

import numpy as np

from ..types import Floats
from .model import Model, unit


@dataclass(frozen=True, slots=True)
class Fit:
    """`llr` is what the covariates say for one person rather than two: log likelihood ratio in
    nats, by their calibrated probabilities and even priors. With gender alone it can hardly pass
    ln 2: half of all strangers fit as well."""

    similarity: float  # cosine
    llr: float


def fit(model: Model, voice: Floats, seconds: float, face: Floats) -> Fit:
    """Mean embeddings (d,) of a voice heard for `seconds` and of a face, neither normalised."""
    llr = 0.0
    for c in model.heads:
        heard = model.probabilities(c, voice, "voice", seconds)
        seen = model.probabilities(c, face, "face")
        llr += float(np.log((heard * seen / model.prior(c)).sum()))
    return Fit(float(unit(voice) @ unit(face)), llr)
