"""Two small towers into one space: lips and sound of the same moment come close, others do not.

After SyncNet (Chung and Zisserman, ACCV 2016 workshop "Out of time"), with three differences: lips
are a tracker's weights and not pixels; rows of a whole block are compared at once, so that a shift
is judged by all of it; the loss is the cross entropy among shifts of the same sound and sounds of
others, not a contrastive one.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.verify.lips import CHANNELS, MELS, REACH


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of both towers."""

    wide: int = 64
    dim: int = 32
    drop: float = 0.1  # of what is between the layers


class Tower(nn.Module):
    """(b, n, channels) -> unit vectors (b, n / stride, dim)."""

    def __init__(self, channels: int, sizes: Sizes, strides: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for k, stride in enumerate(strides):
            into = channels if k == 0 else sizes.wide
            layers += [nn.Conv1d(into, sizes.wide, 5, stride, 2), nn.BatchNorm1d(sizes.wide),
                       nn.ReLU(), nn.Dropout(sizes.drop)]  # fmt: skip
        self.body = nn.Sequential(*layers, nn.Conv1d(sizes.wide, sizes.dim, 1))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(self.body(x.transpose(1, 2)).transpose(1, 2), dim=-1)


class Synchrony(nn.Module):
    """Both towers; `usual` is each lip channel's spread, by which it is divided first."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sound = Tower(MELS, sizes, (2, 2, 1, 1))
        self.lips = Tower(CHANNELS, sizes, (1, 1, 1))
        self.scale = nn.Parameter(torch.tensor(2.5))  # log of what likeness is multiplied by
        self.register_buffer("usual", torch.ones(CHANNELS))

    def forward(self, lips: Tensor, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Lips (b, n, CHANNELS), levelled sound (b, 4 n, MELS) -> vectors (b, n, dim) of each."""
        centred = (lips - lips.mean(1, keepdim=True)) / self.usual  # type: ignore[operator]
        return self.lips(centred), self.sound(mel)


def shifted(seen: Tensor, heard: Tensor) -> Tensor:
    """(b, n, d) twice -> (b, 2 REACH + 1): mean likeness with the sound shifted by each lag."""
    n = seen.shape[1]
    alike = seen @ heard.transpose(1, 2)
    return torch.stack(
        [alike.diagonal(lag, 1, 2).sum(1) / (n - abs(lag)) for lag in range(-REACH, REACH + 1)], 1
    )


def among(seen: Tensor, heard: Tensor) -> Tensor:
    """(b, b): mean likeness of each one's lips with each one's sound, not shifted."""
    return torch.einsum("btd,ctd->bc", seen, heard) / seen.shape[1]
