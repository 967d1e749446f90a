"""The identity basis: principal components of random adults, exact in the space of targets.

Everybody is `base + coefficients @ targets`, so the covariance of thousands of people needs only
the covariance of their coefficients; no mesh per person is ever made.
"""

from dataclasses import dataclass

import numpy as np

from .people import Coefficients, Macro, Targets
from .source import Doubles

PEOPLE = 20000
MODES = 100
SHOULDER_SHARE = 0.05  # of a face vertex's say: modes are for faces, not for shoulders
PRESET_LIMIT = 3.0


@dataclass(frozen=True, slots=True)
class Identity:
    """The mean person, the modes in units of one standard deviation, and how much they explain."""

    mean: Coefficients  # (targets,)
    basis: Doubles  # (k, v, 3) millimetres
    explained: Doubles  # (k,) share of the head's variance, cumulative
    importance: Doubles  # (v,) the metric the modes are orthogonal in

    def coefficients(self, offsets: Doubles) -> Doubles:
        """Offsets from the mean (v, 3) -> (k,) coefficients."""
        flat = self.basis * self.importance[:, None]
        along = np.einsum("kvd,vd->k", flat, offsets)
        return np.asarray(along / np.einsum("kvd,kvd->k", flat, self.basis))


def identity(
    targets: Targets, shapes: Doubles, turning: Doubles, rng: np.random.Generator
) -> Identity:
    """Principal components; `shapes` (targets, v, 3), `turning` the head weight (v,)."""
    people = np.stack([targets.sample(rng) for _ in range(PEOPLE)]).astype(np.float64)
    mean = people.mean(0)
    spread: Doubles = np.linalg.qr((people - mean) / np.sqrt(PEOPLE)).R
    importance = SHOULDER_SHARE + (1 - SHOULDER_SHARE) * turning
    scaled = (shapes * np.sqrt(importance)[:, None]).reshape(len(shapes), -1)
    gram = spread @ (scaled @ scaled.T) @ spread.T
    values, vectors = np.linalg.eigh(gram)
    values, vectors = values[::-1][:MODES], vectors[:, ::-1][:, :MODES]
    basis = np.tensordot(vectors.T @ spread, shapes, 1)
    signs = np.sign(basis[:, :, 2].sum(1))
    basis *= signs[:, None, None]
    return Identity(mean, basis, np.cumsum(values) / np.trace(gram), importance)


KINDS = {"african": (1.0, 0.0, 0.0), "asian": (0.0, 1.0, 0.0), "caucasian": (0.0, 0.0, 1.0)}
EVEN = (1 / 3, 1 / 3, 1 / 3)


def kinds() -> dict[str, Macro]:
    """The people that avatars start from, by name."""
    found = {
        "female": Macro(0.0, 32, EVEN),
        "male": Macro(1.0, 32, EVEN),
        "young": Macro(0.5, 20, EVEN),
        "old": Macro(0.5, 72, EVEN),
        "slim": Macro(0.5, 32, EVEN, weight=0.2),
        "heavy": Macro(0.5, 40, EVEN, weight=0.9),
    }
    for name, mix in KINDS.items():
        found[name] = Macro(0.5, 32, mix)
        for sex, male in (("female", 0.0), ("male", 1.0)):
            for age, years in (("young", 22), ("adult", 36), ("old", 68)):
                found[f"{sex}_{name}_{age}"] = Macro(male, years, mix)
    return found


def presets(found: Identity, targets: Targets, shapes: Doubles) -> dict[str, Doubles]:
    """Identity coefficients of each kind of person."""
    made = {}
    for name, macro in kinds().items():
        offsets = np.tensordot(targets.macro(macro) - found.mean, shapes, 1)
        made[name] = found.coefficients(offsets)
    return made
