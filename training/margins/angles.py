"""Cosines, angles and the angular functions psi and eta that margins are made of.

All of it runs in float32 whatever comes in: near 0 and pi the arc cosine's slope passes what half
precision can hold. Angles are kept 1e-5 (of the cosine) away from both, so the slope ends at 224.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

EDGE = 1e-5  # of the cosine: how near to 0 or pi an angle may come
SHORTEST = 1e-2  # a feature's norm below which its direction counts for less


def unit(x: Tensor) -> Tensor:
    """Rows of norm 1, in float32; rows shorter than SHORTEST stay below 1, so no slope explodes."""
    return F.normalize(x.float(), dim=-1, eps=SHORTEST)


def angle(cos: Tensor) -> Tensor:
    """The angle in [0, pi] of a cosine, with a finite slope everywhere."""
    return torch.acos(cos.clamp(-1 + EDGE, 1 - EDGE))


def cos_multiple(cos: Tensor, m: float) -> Tensor:
    """cos(m theta): for whole m by Chebyshev's recurrence, which needs no arc cosine."""
    if m != int(m):
        return torch.cos(m * angle(cos))
    before, now = torch.ones_like(cos), cos
    for _ in range(int(m) - 1):
        before, now = now, 2 * cos * now - before
    return now


def psi(cos: Tensor, m: float) -> Tensor:
    """(-1)^k cos(m theta) - 2k on [k pi/m, (k+1) pi/m]: SphereFace eq. 6, L-Softmax eq. 6."""
    with torch.no_grad():
        k = torch.floor(m * torch.acos(cos.clamp(-1, 1)) / math.pi).clamp(max=math.ceil(m) - 1)
    sign = 1 - 2 * (k % 2)
    return sign * cos_multiple(cos, m) - 2 * k


def psi_clipped(cos: Tensor, m: float) -> Tensor:
    """cos(min(pi, m theta)): SphereFace-R v1."""
    return torch.cos((m * angle(cos)).clamp(max=math.pi))


def psi_added(cos: Tensor, m: float) -> Tensor:
    """cos(min(pi, theta + m)): ArcFace, and SphereFace2's type A."""
    return torch.cos((angle(cos) + m).clamp(max=math.pi))


def eta_divided(cos: Tensor, m: float) -> Tensor:
    """cos(theta / m): SphereFace-R v2, for the classes that are not the target."""
    return torch.cos(angle(cos) / m)


def detached(cos: Tensor, margined: Tensor) -> Tensor:
    """Characteristic gradient detachment: the margined value forward, the plain cosine backward."""
    return cos + (margined - cos).detach()
