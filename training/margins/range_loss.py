"""Range loss (ICCV 2017): the widest pairs of a class together, the nearest classes apart."""

import torch
from torch import Tensor, nn

TINY = 1e-8  # on squared distances, so that equal features have a slope


class RangeLoss(nn.Module):
    """alpha L_intra + beta L_inter, eq. 3 to 5, with squared distances and autograd.

    L_intra: over the batch's classes of three or more, the harmonic mean of the k largest squared
    distances. L_inter: max(M - |c_Q - c_R|^2, 0) of the two nearest class means. (The printed
    gradients differ from the losses in sign and factor; M is not stated in the paper.) To be added
    to any Margin.
    """

    def __init__(
        self, alpha: float = 5e-5, beta: float = 1e-4, margin: float = 2e4, k: int = 2
    ) -> None:
        super().__init__()
        self.alpha, self.beta, self.margin, self.k = alpha, beta, margin, k

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            groups = [features.float()[labels == c] for c in torch.unique(labels)]
            return self.alpha * self.intra(groups) + self.beta * self.inter(groups)

    def intra(self, groups: list[Tensor]) -> Tensor:
        """The sum over classes of k / sum_j (1 / D_j); classes with fewer than k pairs count 0."""
        wide = [self.ranges(g) for g in groups if len(g) * (len(g) - 1) // 2 >= self.k]
        zero = groups[0].sum() * 0
        return sum((self.k / (1 / (d + TINY)).sum() for d in wide), zero)

    def ranges(self, group: Tensor) -> Tensor:
        """(k,) the largest squared distances within a class (n, d)."""
        i, j = torch.triu_indices(len(group), len(group), 1, device=group.device)
        return (group[i] - group[j]).square().sum(1).topk(self.k).values

    def inter(self, groups: list[Tensor]) -> Tensor:
        """max(M - D, 0) with D the squared distance of the two nearest class means."""
        if len(groups) < 2:
            return groups[0].sum() * 0
        means = torch.stack([g.mean(0) for g in groups])
        i, j = torch.triu_indices(len(means), len(means), 1, device=means.device)
        nearest = (means[i] - means[j]).square().sum(1).min()
        return (self.margin - nearest).clamp(min=0)
