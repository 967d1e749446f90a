"""The nets of DIMNet, section 4.2: a 1-D one for voices, a 2-D one for faces, shared classifiers.

A face net may take the shipped recogniser's template in place of a picture (TemplateNet).
Differences from the paper: widths are a share of its own (0.5 as shipped), faces are 64 pixels (128
there), and the last convolution ends without ReLU, as in the authors' later code (Voice2Face).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from engine.voices.features import MELS

VOICE, FACE = (256, 384, 576, 864), (64, 128, 256, 512)
TAUGHT = 128  # of a teacher's template
TEMPLATE = 128  # of the shipped recogniser's


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is built."""

    voice: float = 0.5  # share of the paper's channels
    face: float = 0.5
    sees: Literal["pictures", "templates"] = "pictures"  # templates: the shipped recogniser's
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


class TemplateNet(nn.Module):
    """Unit templates (b, 128) of a recogniser, which stays as it is, -> (b, dim). One layer: with a
    second one development people were told no better."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.tower = nn.Sequential(
            nn.Linear(TEMPLATE, sizes.dim, bias=False), nn.BatchNorm1d(sizes.dim)
        )

    def forward(self, template: Tensor) -> Tensor:
        made: Tensor = self.tower(template)
        return made

    def both(self, template: Tensor) -> tuple[Tensor, Tensor]:
        """As FaceNet's."""
        return self(template), template


class DIMNet(nn.Module):
    """Both nets and, for each covariate, one single-layer classifier that both answer to. `taught`:
    beside it, from the face's features and not from its embedding, a teacher's template, which only
    training asks for."""

    def __init__(self, sizes: Sizes, classes: Mapping[str, int], taught: bool = False) -> None:
        super().__init__()
        self.voice = VoiceNet(sizes)
        self.face = FaceNet(sizes) if sizes.sees == "pictures" else TemplateNet(sizes)
        if taught:
            self.taught = nn.Linear(_widths(FACE, sizes.face)[-1], TAUGHT)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(sizes.dim, count, bias=False) for name, count in classes.items()}
        )

    def logits(self, embedding: Tensor) -> dict[str, Tensor]:
        """Of each covariate (b, classes)."""
        return {name: head(embedding) for name, head in self.heads.items()}


def fuse(module: nn.Module) -> None:
    """Takes each batch norm into the layer before it, so that what is rounded to half
    precision is what is stored."""
    for child in module.children():
        fuse(child)
    if isinstance(module, nn.Sequential):
        for k in range(len(module) - 1):
            inner, norm = module[k], module[k + 1]
            if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                continue
            if isinstance(inner, nn.Linear):
                module[k] = fuse_linear_bn_eval(inner, norm)
            elif isinstance(inner, nn.Conv1d | nn.Conv2d):
                module[k] = fuse_conv_bn_eval(inner, norm)
            module[k + 1] = nn.Identity()


def to_input(shown: Tensor) -> Tensor:
    """Pictures (b, s, s, 3) of bytes -> (b, 3, s, s) in [-1, 1]; templates (b, d) as they are."""
    return shown if shown.ndim == 2 else shown.permute(0, 3, 1, 2).float() / 127.5 - 1


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return torch.nn.functional.normalize(a) @ torch.nn.functional.normalize(b).T
