"""The nets of DIMNet, section 4.2: a 1-D one for voices, a 2-D one for faces, shared classifiers.

Differences from the paper: widths are a share of its own (0.5 as shipped), faces are 64 pixels (128
there), and the last convolution ends without ReLU, as in the authors' later code (Voice2Face).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.voices.features import MELS

VOICE, FACE = (256, 384, 576, 864), (64, 128, 256, 512)
TAUGHT = 128  # of a teacher's template


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is built."""

    voice: float = 0.5  # share of the paper's channels
    face: float = 0.5
    pixels: int = 64  # of a face's side
    dim: int = 64  # of the embedding


class _Residual(nn.Module):
    """Two 3-convolutions beside a skip; the same shape out as in."""

    def __init__(self, conv: type[nn.Module], norm: type[nn.Module], width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            *(
                part
                for _ in range(2)
                for part in (conv(width, width, 3, 1, 1, bias=False), norm(width), nn.ReLU())
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


def _tower(
    conv: type[nn.Module], norm: type[nn.Module], channels: list[int], dim: int
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inner, outer in zip(channels, channels[1:], strict=False):
        layers += [conv(inner, outer, 3, 2, 1, bias=False), norm(outer), nn.ReLU()]
        layers.append(_Residual(conv, norm, outer))
    layers += [conv(channels[-1], dim, 3, 2, 1, bias=False), norm(dim)]
    return nn.Sequential(*layers)


def _widths(paper: tuple[int, ...], share: float) -> list[int]:
    return [max(8, round(c * share)) for c in paper]


class VoiceNet(nn.Module):
    """Levelled log-mel frames (b, t, 64) -> (b, dim), the mean over time."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.tower = _tower(
            nn.Conv1d, nn.BatchNorm1d, [MELS, *_widths(VOICE, sizes.voice)], sizes.dim
        )

    def forward(self, mel: Tensor) -> Tensor:
        return self.tower(mel.transpose(1, 2)).mean(-1)


class FaceNet(nn.Module):
    """RGB (b, 3, s, s) in [-1, 1] -> (b, dim), the mean over the picture."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.tower = _tower(nn.Conv2d, nn.BatchNorm2d, [3, *_widths(FACE, sizes.face)], sizes.dim)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.tower(pixels).mean((-2, -1))

    def both(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The embedding, and the features (b, width) that it is made of."""
        seen = self.tower[:-2](pixels)
        return self.tower[-2:](seen).mean((-2, -1)), seen.mean((-2, -1))


class DIMNet(nn.Module):
    """Both nets and, for each covariate, one single-layer classifier that both answer to. `taught`:
    beside it, from the face's features and not from its embedding, a teacher's template, which only
    training asks for."""

    def __init__(self, sizes: Sizes, classes: Mapping[str, int], taught: bool = False) -> None:
        super().__init__()
        self.voice, self.face = VoiceNet(sizes), FaceNet(sizes)
        if taught:
            self.taught = nn.Linear(_widths(FACE, sizes.face)[-1], TAUGHT)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(sizes.dim, count, bias=False) for name, count in classes.items()}
        )

    def logits(self, embedding: Tensor) -> dict[str, Tensor]:
        """Of each covariate (b, classes)."""
        return {name: head(embedding) for name, head in self.heads.items()}


def to_input(pixels: Tensor) -> Tensor:
    """(b, s, s, 3) bytes -> (b, 3, s, s) in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return torch.nn.functional.normalize(a) @ torch.nn.functional.normalize(b).T
