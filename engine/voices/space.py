"""Heads as plain numbers of about unit spread: identity, then the main parts of the reflectance."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..types import Floats

GAMMA = 2.2  # the reflectance's parts are of its root, as it looks


@dataclass(frozen=True, slots=True)
class Space:
    """What the numbers of an imagined head mean; stored with its model as space.npz."""

    identity_mean: Floats  # (k,) standard deviations of the head's modes
    identity_scale: Floats  # (k,)
    shade_mean: Floats  # (s, s, 3) roots of reflectance on the face's map
    shade_basis: Floats  # (m, s, s, 3) for one standard deviation each
    middle: Floats  # (k + m,) numbers of nobody in particular

    @property
    def numbers(self) -> int:
        return len(self.identity_mean) + len(self.shade_basis)

    def identity(self, numbers: Floats) -> Floats:
        """(k + m,) -> (k,) coefficients of the head's identity basis."""
        count = len(self.identity_mean)
        return np.asarray(self.identity_mean + self.identity_scale * numbers[:count], np.float32)

    def reflectance(self, numbers: Floats) -> Floats:
        """(k + m,) -> (s, s, 3) linear RGB in [0, 1] on the face's map (see engine.head.uv)."""
        flat = self.shade_basis.reshape(len(self.shade_basis), -1)
        away = numbers[len(self.identity_mean) :] @ flat
        root = np.clip(self.shade_mean + away.reshape(self.shade_mean.shape), 0, 1)
        return np.asarray(root**GAMMA, np.float32)

    def save(self, file: Path) -> None:
        """Halves are enough: a shade's step is then 1/2000."""
        parts = {name: getattr(self, name).astype(np.float16) for name in self.__slots__}
        np.savez(file, **parts)

    @classmethod
    def load(cls, file: Path) -> "Space":
        with np.load(file) as parts:
            return cls(*(parts[name].astype(np.float32) for name in cls.__slots__))
