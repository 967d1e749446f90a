"""SFNet-4 to -64 in both residual variants, and a small mobile net: pictures in, embeddings out.

SFNet as in SphereFace (CVPR 2017) and its successors: four stages, each a 3x3 convolution of stride
2 and residual blocks, and one fully connected layer; ReLU as in the authors' later code. Width and
input size are free here, and the embedding is 128 wide by default (paper: 512).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import ConfigError
from engine.types import Bytes, Floats

BLOCKS = {4: (0, 0, 0, 0), 10: (0, 1, 2, 0), 20: (1, 2, 4, 1), 36: (2, 4, 8, 2), 64: (3, 8, 16, 3)}


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is built. `residual`: "relu" activates before the skip is added (the papers' own, no
    batch norm, small initial residuals), "sum" after."""

    kind: Literal["sfnet", "mobile"] = "sfnet"
    depth: int = 20  # of sfnet: 4, 10, 20, 36 or 64
    residual: Literal["relu", "sum"] = "relu"
    norm: bool = False  # batch norm after each convolution of sfnet
    width: float = 0.5  # share of the papers' channels
    size: int = 112  # pixels of a side; crops of 112 are scaled
    dim: int = 128  # of the embedding


def build(sizes: Sizes) -> nn.Module:
    """A net for pictures (b, 3, size, size) in [-1, 1]; ConfigError where the sizes fit none."""
    if sizes.size % 16:
        raise ConfigError(f"sizes.size={sizes.size}: choose a multiple of 16, such as 64, 96, 112")
    if sizes.kind == "mobile":
        return Mobile(sizes)
    if sizes.depth not in BLOCKS:
        raise ConfigError(f"sizes.depth={sizes.depth}: choose one of {', '.join(map(str, BLOCKS))}")
    return SFNet(sizes)


def embed_raw(net: nn.Module, pixels: Tensor) -> Tensor:
    """(b, dim) of the picture and of its mirrored one, on average; not of unit length."""
    features: Tensor = net(pixels) + net(pixels.flip(-1))
    return features / 2


def embed(net: nn.Module, pixels: Tensor, flip: bool = False) -> Tensor:
    """Unit embeddings (b, dim); `flip` adds the mirrored picture's."""
    features = net(pixels)
    if flip:
        features = features + net(pixels.flip(-1))
    return F.normalize(features, dim=1)


@torch.no_grad()
def embeddings(
    net: nn.Module, pixels: Bytes, size: int, flip: bool = True, raw: bool = False
) -> Floats:
    """Embeddings (n, d) of crops (n, h, w, 3): of unit length, or `raw`, as the net leaves them."""
    device = next(net.parameters()).device
    out = []
    for k in range(0, len(pixels), 128):
        x = to_input(torch.from_numpy(np.array(pixels[k : k + 128])).to(device), size)
        made = embed_raw(net, x) if raw else embed(net, x, flip)
        out.append(made.float().cpu().numpy())
    return np.concatenate(out)


def _conv(inner: int, outer: int, stride: int, norm: bool) -> nn.Sequential:
    conv = nn.Conv2d(inner, outer, 3, stride, 1, bias=not norm)
    return nn.Sequential(conv, nn.BatchNorm2d(outer)) if norm else nn.Sequential(conv)


class Residual(nn.Module):
    """Two 3x3 convolutions and a skip (b, c, h, w) -> the same."""

    def __init__(self, channels: int, sizes: Sizes) -> None:
        super().__init__()
        self.first = _conv(channels, channels, 1, sizes.norm)
        self.second = _conv(channels, channels, 1, sizes.norm)
        self.before = sizes.residual == "relu"
        for conv in (c for c in self.modules() if isinstance(c, nn.Conv2d)):
            nn.init.normal_(conv.weight, 0, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x).relu())
        return x + y.relu() if self.before else (x + y).relu()


class SFNet(nn.Module):
    """The papers' plain residual net, at any width."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        channels = [3, *(max(4, round(c * sizes.width)) for c in (64, 128, 256, 512))]
        stages: list[nn.Module] = []
        for k, blocks in enumerate(BLOCKS[sizes.depth]):
            stages += [_conv(channels[k], channels[k + 1], 2, sizes.norm), nn.ReLU()]
            stages += [Residual(channels[k + 1], sizes) for _ in range(blocks)]
        self.stages = nn.Sequential(*stages)
        self.out = nn.Linear(channels[-1] * (sizes.size // 16) ** 2, sizes.dim)
        self._begin()

    def _begin(self) -> None:
        """Xavier for all but the residuals, as the authors."""
        convs = [s[0] for s in self.stages if isinstance(s, nn.Sequential)]
        for part in (c for c in (self.out, *convs) if isinstance(c, nn.Linear | nn.Conv2d)):
            nn.init.xavier_normal_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.stages(x).flatten(1))


class Inverted(nn.Module):
    """Expand, depthwise 3x3, project: MobileNetV2's block with PReLU."""

    def __init__(self, inner: int, outer: int, stride: int, grow: int) -> None:
        super().__init__()
        wide = inner * grow
        self.same = inner == outer and stride == 1
        self.body = nn.Sequential(
            nn.Conv2d(inner, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.PReLU(wide),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False),
            nn.BatchNorm2d(wide), nn.PReLU(wide),
            nn.Conv2d(wide, outer, 1, bias=False), nn.BatchNorm2d(outer),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.same else self.body(x)


class Mobile(nn.Module):
    """Inverted residuals and a depthwise convolution over all places, as MobileFaceNet (2018)."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        a, b, c = (max(8, round(k * sizes.width)) for k in (64, 128, 512))
        stem = [nn.Conv2d(3, a, 3, 2, 1, bias=False), nn.BatchNorm2d(a), nn.PReLU(a)]
        stages = ((a, a, 2, 2, 3), (a, b, 2, 2, 4), (b, b, 2, 2, 3))
        blocks: list[nn.Module] = []
        for inner, outer, stride, grow, count in stages:
            blocks += [Inverted(inner, outer, stride, grow)]
            blocks += [Inverted(outer, outer, 1, 2) for _ in range(count)]
        places = sizes.size // 16
        last = [nn.Conv2d(b, c, 1, bias=False), nn.BatchNorm2d(c), nn.PReLU(c)]
        whole = [nn.Conv2d(c, c, places, groups=c, bias=False), nn.BatchNorm2d(c)]
        self.body = nn.Sequential(*stem, *blocks, *last, *whole)
        self.out = nn.Linear(c, sizes.dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.body(x).flatten(1))


def to_input(pixels: Tensor, size: int) -> Tensor:
    """Bytes (b, h, w, 3) -> (b, 3, size, size) in [-1, 1]."""
    x = (pixels.permute(0, 3, 1, 2).float() - 127.5) / 127.5
    return x if x.shape[-1] == size else scaled(x, size)


def scaled(x: Tensor, size: int) -> Tensor:
    return F.interpolate(x, (size, size), mode="bilinear", antialias=False, align_corners=False)


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


class Deployed(nn.Module):
    """What the engine runs: 112x112 in, whatever the net was trained at; unit length out."""

    def __init__(self, net: nn.Module, size: int, flip: bool) -> None:
        super().__init__()
        self.net, self.size, self.flip = net, size, flip

    def forward(self, pixels: Tensor) -> Tensor:
        x = pixels if self.size == pixels.shape[-1] else scaled(pixels, self.size)
        return embed(self.net, x, self.flip)
