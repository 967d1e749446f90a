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
    blocks: int = 2  # that see further and further: 1, 2, 4 ... rows between what they look at
    drop: float = 0.1  # of what is between the layers


class Block(nn.Module):
    """(b, wide, n) -> the same, with what two convolutions add."""

    def __init__(self, wide: int, apart: int, drop: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(wide, wide, 5, 1, 2 * apart, apart), nn.BatchNorm1d(wide), nn.ReLU(),
            nn.Dropout(drop), nn.Conv1d(wide, wide, 1), nn.BatchNorm1d(wide),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(x + self.body(x))


class Tower(nn.Module):
    """(b, n, channels) -> vectors (b, n / stride, dim) no longer than 1: the shorter, the less a
    row tells."""

    def __init__(self, channels: int, sizes: Sizes, strides: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for k, stride in enumerate(strides):
            into = channels if k == 0 else sizes.wide
            layers += [nn.Conv1d(into, sizes.wide, 5, stride, 2), nn.BatchNorm1d(sizes.wide),
                       nn.ReLU(), nn.Dropout(sizes.drop)]  # fmt: skip
        layers += [Block(sizes.wide, 2**k, sizes.drop) for k in range(sizes.blocks)]
        self.body = nn.Sequential(*layers, nn.Conv1d(sizes.wide, sizes.dim, 1))

    def forward(self, x: Tensor) -> Tensor:
        made = self.body(x.transpose(1, 2)).transpose(1, 2)
        return made / (1 + made.square().sum(-1, keepdim=True)).sqrt()


class Synchrony(nn.Module):
    """Both towers; `usual` is each lip channel's spread, by which it is divided first."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sound = Tower(MELS, sizes, (2, 2))
        self.lips = Tower(CHANNELS, sizes, (1,))
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


def among(seen: Tensor, heard: Tensor, lag: int = 0) -> Tensor:
    """(b, b): mean likeness of each one's lips with each one's sound, shifted by `lag`."""
    n = seen.shape[1] - abs(lag)
    return (
        seen.narrow(1, max(-lag, 0), n).flatten(1)
        @ heard.narrow(1, max(lag, 0), n).flatten(1).T
        / n
    )
