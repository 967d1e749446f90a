"""What generator and critics want (section 3.2), and three terms that the paper has not.

Sums have unit weights in the paper: critics L_d + L_c, generator -log F_d(f') - log F_c(f')[y].
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from .net import Critic

Judged = tuple[Tensor, Tensor]  # a critic's two answers


def critic_loss(real: Judged, fake: Judged, labels: Tensor, smooth: float = 0.0) -> Tensor:
    """-log F_d(f) - log(1 - F_d(f')) and the classes of real faces; fake ones teach no class."""
    wanted = torch.full_like(real[0], 1 - smooth)
    told = F.binary_cross_entropy_with_logits(real[0], wanted)
    told = told + F.binary_cross_entropy_with_logits(fake[0], torch.zeros_like(fake[0]))
    return told + F.cross_entropy(real[1], labels)


def generator_loss(fake: Judged, labels: Tensor) -> Tensor:
    """To be taken for real, and for one of the voice's class."""
    told = F.binary_cross_entropy_with_logits(fake[0], torch.ones_like(fake[0]))
    return told + F.cross_entropy(fake[1], labels)


def unmoved(critic: Critic, x: Tensor) -> Judged:
    """The critic's answers, through which gradients reach `x` but not the critic."""
    critic.requires_grad_(False)
    told: Judged = critic(x)
    critic.requires_grad_(True)
    return told


def too_alike(fake: Tensor, fakes: Tensor, real: Tensor, reals: Tensor, share: float) -> Tensor:
    """How far what is imagined for one class lacks of the spread of real ones (batch, ...).

    The spread is the mean difference between neighbours of one class in the batch. Without pairs a
    critic alone is content with one face a class; this is what asks for more than one.
    """
    own, theirs = _spread(fake, fakes), _spread(real, reals)
    return F.relu(share - own / theirs.clamp_min(1e-6))


def seen_small(x: Tensor, by: int = 8) -> Tensor:
    """Pictures (b, 3, s, s) at an eighth of their size, where noise of pixels is no difference;
    numbers of heads as they are."""
    return F.avg_pool2d(x, by) if x.ndim == 4 else x


def _spread(x: Tensor, labels: Tensor) -> Tensor:
    order = torch.argsort(labels, stable=True)
    x, labels = x[order], labels[order]
    same = labels[1:] == labels[:-1]
    if not same.any():
        return x.sum() * 0
    return (x[1:] - x[:-1]).abs()[same].mean()
