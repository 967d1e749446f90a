"""The four nets of conditional estimation: viewpoint, shape, reflectance, illumination.

CEST (ICCV 2021), supplement, tables 1 and 2, at 256 pixels; a smaller picture leaves out the
second of the layers that halve it, and `width` multiplies all channels. Differences: the last
layers of the encoders stand alone (no BN, no ReLU) and begin at zero, so training begins at a
frontal neutral head in even light; what a later net is conditioned on is detached.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import shade
from .shape import EXPRESSIONS, VIEW, FaceModel, in_range, project

WINDOW = 1.2  # half a canonical crop, in units of 100 mm
BASE_VIEW = (-0.182, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # 240 mm across the picture
FACING = 0.05  # a texel seen more from the side than this cosine is black on the texture


@dataclass(frozen=True, slots=True)
class Sizes:
    """What fixes the nets."""

    size: int = 128  # pixels of a picture's side: a power of two, at least 32
    texels: int = 128  # of the reflectance's side
    width: float = 0.5  # of the paper's channels
    modes: int = 60  # of identity
    independent: bool = False  # IEST: every net sees the picture alone


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a picture holds."""

    view: Tensor  # (b, 7)
    identity: Tensor  # (b, modes)
    raw: Tensor  # (b, 52) weights before they are held to [0, 1]
    shape: Tensor  # (b, v, 3)
    placed: Tensor  # (b, v, 3) the shape under its viewpoint


def _block(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_block(channels, channels, 3), _block(channels, channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Encoder(nn.Module):
    """A picture -> numbers. `base` is 32 for viewpoint and light, 64 for shape."""

    def __init__(self, inputs: int, outputs: int, base: int, size: int, width: float) -> None:
        super().__init__()
        b = max(4, round(base * width))
        plan = [b, b, 2 * b, 2 * b]
        while size >> len(plan) < 16:
            plan.pop(min(1, len(plan) - 1))
        layers: list[nn.Module] = []
        for channels in plan:
            layers.append(_block(inputs, channels, 4, 2))
            inputs = channels
        for _ in range(2):
            layers += [_Residual(inputs), _block(inputs, 4 * b, 4, 2)]
            inputs = 4 * b
        last = nn.Conv2d(inputs, outputs, size >> (len(plan) + 2))
        nn.init.zeros_(last.weight)
        assert last.bias is not None
        nn.init.zeros_(last.bias)
        self.body = nn.Sequential(*layers, last)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).flatten(1)  # type: ignore[no-any-return]


class _Pair(nn.Module):
    """Twice as large, and what the encoder saw at that size added at the second convolution."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        return self.second(self.first(_double(x)) + seen)  # type: ignore[no-any-return]


class Unwrapper(nn.Module):
    """A texture (or, for IEST, the picture) -> reflectance on the map: a U-net that adds."""

    def __init__(self, size: int, width: float) -> None:
        super().__init__()
        c = [max(4, round(n * width)) for n in (64, 64, 128, 128, 256, 256)]
        while size >> len(c) < 4:
            c.pop(1)
        self.down = nn.ModuleList()
        inputs = 3
        for n in c:
            self.down.append(nn.Sequential(_block(inputs, n, 4, 2), _block(n, n, 3)))
            inputs = n
        ups = [*c[-2::-1]]
        self.up = nn.ModuleList()
        for n in ups:
            self.up.append(_Pair(_block(inputs, n, 3), _block(n, n, 3)))
            inputs = n
        self.last = nn.Sequential(_block(inputs, 3, 3), nn.Conv2d(3, 3, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """(b, 3, s, s) in [0, 1] -> (b, 3, s, s) in (0, 1), in the picture's values."""
        seen = []
        x = 2 * x - 1
        for pair in self.down:
            x = pair(x)
            seen.append(x)
        seen.pop()
        for pair in self.up:
            x = pair(x, seen.pop())
        return (torch.tanh(self.last(_double(x))) + 1) / 2


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def canonical(pictures: Tensor, view: Tensor) -> Tensor:
    """The picture as its viewpoint's scale, shift and roll make it (supplement, eq. 10).

    In pixels' coordinates, y down: x = e^v1 (cos v4 x' + sin v4 y') + v5, and so on; the printed
    equation leaves out the homogeneous 1. A picture's y is minus the head's, so it is - v6.
    """
    scale, roll = view[:, 0].exp() * WINDOW, view[:, 3]
    c, s = scale * roll.cos(), scale * roll.sin()
    size = pictures.shape[-1]
    axis = (torch.arange(size, device=view.device) + 0.5) * (2 / size) - 1
    x, y = axis[None, None, :], axis[None, :, None]
    c, s = c[:, None, None], s[:, None, None]
    grid = torch.stack(
        [c * x + s * y + view[:, 4, None, None], c * y - s * x - view[:, 5, None, None]], -1
    )
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


class Cest(nn.Module):
    """Pictures -> viewpoint, shape, reflectance, illumination, each given those before it."""

    def __init__(self, sizes: Sizes, model: FaceModel) -> None:
        super().__init__()
        self.sizes, self.model = sizes, model
        s, w = sizes.size, sizes.width
        self.viewpoint = Encoder(3, VIEW, 32, s, w)
        self.shape = Encoder(3, sizes.modes + EXPRESSIONS, 64, s, w)
        self.reflectance = Unwrapper(sizes.texels, w)
        self.illumination = Encoder(3 if sizes.independent else 9, shade.COUNT, 32, s, w)
        self.register_buffer("base", torch.tensor(BASE_VIEW), persistent=False)
        even = torch.zeros(shade.COUNT)
        even[0] = 1 / shade.FIRST
        self.register_buffer("even", even, persistent=False)

    @property
    def device(self) -> torch.device:
        return self.even.device  # type: ignore[return-value,union-attr]

    def geometry(self, pictures: Tensor) -> Estimate:
        """Viewpoint, then shape given it, of pictures (b, 3, s, s) in [0, 1]."""
        view, identity, raw = self.parameters_of(pictures)
        shape = self.model(identity, in_range(raw))
        return Estimate(view, identity, raw, shape, project(shape, view))

    def parameters_of(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(b, 7), (b, modes), (b, 52)."""
        centred = 2 * pictures - 1
        view = self.base + self.viewpoint(centred)
        seen = centred if self.sizes.independent else canonical(centred, view.detach())
        identity, raw = self.shape(seen).split([self.sizes.modes, EXPRESSIONS], 1)
        return view, identity, raw

    def texture(self, pictures: Tensor, placed: Tensor) -> Tensor:
        """The picture's colours carried onto the map (b, 3, t, t); black where it faces away."""
        held = placed.detach()
        facing = self.model.normals(held)[..., 2:]
        texels = self.model.texels(torch.cat([held[:, : self.model.count, :2], facing], -1))
        grid = torch.stack([texels[..., 0], -texels[..., 1]], -1)
        found = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
        return found * (texels[..., 2] > FACING)[:, None]

    def appearance(self, pictures: Tensor, placed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Texture and reflectance (b, 3, t, t), and the light given both (b, 9)."""
        texture = self.texture(pictures, placed)
        if self.sizes.independent:
            whole = functional.interpolate(
                pictures, (self.sizes.texels,) * 2, mode="bilinear", align_corners=False
            )
            return texture, self.reflectance(whole), self.even + self.illumination(2 * pictures - 1)
        reflectance = self.reflectance(texture)
        side = (self.sizes.size,) * 2
        maps = torch.cat([texture, reflectance.detach()], 1)
        if self.sizes.texels != self.sizes.size:
            maps = functional.interpolate(maps, side, mode="bilinear", align_corners=False)
        light = self.illumination(2 * torch.cat([pictures, maps], 1) - 1)
        return texture, reflectance, self.even + light
