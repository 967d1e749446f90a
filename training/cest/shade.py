"""Light: nine spherical harmonics, one colour for all, and how a face looks in it.

Pictures and reflectances are sRGB-like (the square root of light's power, roughly): both are
linear values to the power 1 / GAMMA, so a picture is reflectance times shading to that power.
"""

import torch
from torch import Tensor

GAMMA = 2.2
DARKEST = 0.02  # shading is not less: what a shadow on a lit face leaves
COUNT = 9
FIRST = 0.282095  # the constant harmonic: with 1 / FIRST of it alone shading is 1


def harmonics(normals: Tensor) -> Tensor:
    """The nine real harmonics up to the second order (n, 9) of unit normals (n, 3).

    x to the viewer's right, y up, z to the viewer.
    """
    x, y, z = normals.unbind(-1)
    return torch.stack(
        [
            torch.full_like(x, FIRST),
            0.488603 * y, 0.488603 * z, 0.488603 * x,
            1.092548 * x * y, 1.092548 * y * z, 0.315392 * (3 * z**2 - 1),
            1.092548 * x * z, 0.546274 * (x**2 - y**2),
        ],
        -1,
    )  # fmt: skip


def shading(normals: Tensor, light: Tensor) -> Tensor:
    """(n,) linear shading of normals (n, 3) in light (n, 9), at least DARKEST."""
    bright = (harmonics(normals) * light).sum(-1)
    return bright.clamp(min=DARKEST)


def lit(reflectance: Tensor, bright: Tensor) -> Tensor:
    """Colours (n, c) in the picture's values of reflectances (n, c) under shading (n,)."""
    return reflectance * bright[:, None] ** (1 / GAMMA)
