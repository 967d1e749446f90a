"""SphereFace2 with its classes spread over processes; no normaliser is shared.

A softmax over shards needs the maximum and the sum of all classes before any gradient exists; here
each classifier's loss is its own, so the shards meet only in the sum that is the loss.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F

from .sphereface2 import SphereFace2


class ShardedSphereFace2(SphereFace2):
    """Classes [first, first + share) of `classes` on this rank; features and labels of all ranks.

    forward takes this rank's part of the batch (equal parts) and returns the whole batch's loss,
    the same on each rank, with gradients of that loss: for features the full ones, for the bias
    summed over ranks (so the one bias stays one), for the class weights those of the shard. A
    wrapper that averages gradients over ranks wants the features' multiplied by the number of
    ranks.
    """

    def __init__(self, dim: int, classes: int, **options: Any) -> None:
        rank, world = dist.get_rank(), dist.get_world_size()
        self.first = classes * rank // world
        super().__init__(dim, classes, **options)  # the bias is that of all classes
        mine = self.weight[self.first : classes * (rank + 1) // world]
        self.weight = torch.nn.Parameter(mine.detach().clone())

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        features, labels = _Gathered.apply(features), _gathered(labels)
        cos = self.cosines(features)
        local = labels - self.first
        here = (local >= 0) & (local < len(self.weight))
        mine = F.one_hot(local.clamp(0, len(self.weight) - 1), len(self.weight)).bool()
        parts = self.binary(cos, mine & here[:, None], _Shared.apply(self.bias))
        return _Summed.apply(self.lw / self.r * parts.sum() / len(features))


def _gathered(x: Tensor) -> Tensor:
    parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, x.contiguous())
    return torch.cat(parts)


class _Gathered(torch.autograd.Function):
    """All ranks' rows; backward, the own rows of the gradients summed over ranks."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.rows = len(x)
        return _gathered(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        total = grad.contiguous().clone()
        dist.all_reduce(total)
        start = dist.get_rank() * ctx.rows
        return total[start : start + ctx.rows]


class _Shared(torch.autograd.Function):
    """A value that all ranks hold; backward, its gradients summed over them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        total = grad.contiguous().clone()
        dist.all_reduce(total)
        return total


class _Summed(torch.autograd.Function):
    """The sum over ranks; backward, each rank's own part of it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad
