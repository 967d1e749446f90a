"""The space of heads, fitted to people: principal components of their reflectances."""

import numpy as np

from engine.types import Floats
from engine.voices.space import GAMMA, Space

from .people import Heads


def fit_space(heads: Heads, shades: int) -> Space:
    """With `shades` parts of the reflectance, or as many as there are people less one."""
    roots = _roots(heads)
    mean = roots.mean(0)
    away = (roots - mean).reshape(len(roots), -1)
    count = min(shades, len(roots) - 1)
    sizes, sides = np.linalg.eigh(away @ away.T)  # there are fewer people than texels
    sizes, sides = sizes[-count:][::-1], sides[:, -count:][:, ::-1]
    basis = sides.T @ away / np.sqrt(len(roots))
    largest = basis[np.arange(count), np.abs(basis).argmax(1)]
    basis *= np.sign(largest)[:, None]  # or every machine would choose its own
    scale = np.maximum(heads.identity.std(0), 1e-3)
    nobody = np.zeros(len(scale) + count)
    shapes = (heads.identity.mean(0), scale, mean, basis.reshape(count, *mean.shape), nobody)
    return Space(*(np.asarray(v, np.float32) for v in shapes))


def numbers_of(space: Space, heads: Heads) -> Floats:
    """(n, k + m) of about unit spread."""
    shape = (heads.identity - space.identity_mean) / space.identity_scale
    away = (_roots(heads) - space.shade_mean).reshape(len(heads), -1)
    flat = space.shade_basis.reshape(len(space.shade_basis), -1)
    shade = away @ flat.T / np.maximum((flat**2).sum(1), 1e-9)
    return np.concatenate([shape, shade], 1).astype(np.float32)


def _roots(heads: Heads) -> Floats:
    seen = np.clip(heads.reflectance.astype(np.float32), 0, 1)
    return np.asarray(seen ** (1 / GAMMA), np.float32)
