"""dlib's face recognition net (CC0; dnn_face_recognition_ex.cpp) in torch, from its own file.

The same embeddings as dlib's to 1e-5, several times as fast on one core.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import DeviceError
from engine.types import Bytes, Floats

SIDE = 150  # pixels of a chip
MEAN = (122.782, 117.001, 104.298)  # of red, green, blue
STAGES = ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1))  # channels, blocks; first block halves


class Block(nn.Module):
    """Two 3x3 convolutions beside a skip; where halved, the skip is averaged and zero-padded."""

    def __init__(self, inner: int, outer: int, halved: bool) -> None:
        super().__init__()
        self.halved = halved
        self.first = _conv(inner, outer, 3, 2 if halved else 1, 0 if halved else 1)
        self.second = _conv(outer, outer, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x).relu())
        skip = F.avg_pool2d(x, 2) if self.halved else x
        shape = [max(a, b) for a, b in zip(y.shape[1:], skip.shape[1:], strict=True)]
        return (_padded(y, shape) + _padded(skip, shape)).relu()


def _conv(inner: int, outer: int, size: int, stride: int, padding: int) -> nn.Conv2d:
    """dlib's affine layer after each convolution is folded into it."""
    return nn.Conv2d(inner, outer, size, stride, padding)


def _padded(x: Tensor, shape: list[int]) -> Tensor:
    depth, height, width = (a - b for a, b in zip(shape, x.shape[1:], strict=True))
    return F.pad(x, (0, width, 0, height, 0, depth))


class DlibNet(nn.Module):
    """Chips (b, 3, 150, 150), 0..255 RGB -> embeddings (b, 128), about unit length."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.stem = _conv(3, 32, 7, 2, 0)
        blocks, inner = [], 32
        for stage, (outer, count) in enumerate(STAGES):
            for k in range(count):
                blocks.append(Block(inner, outer, stage > 0 and k == 0))
                inner = outer
        self.blocks = nn.Sequential(*blocks)
        self.out = nn.Linear(inner, 128, bias=False)

    def forward(self, chips: Tensor) -> Tensor:
        x = F.max_pool2d(self.stem((chips - self.mean) / 256).relu(), 3, 2)
        return self.out(self.blocks(x).mean((2, 3)))


def load(file: Path) -> DlibNet:
    """The net with the weights of dlib_face_recognition_resnet_model_v1.dat."""
    data, net = file.read_bytes(), DlibNet().eval()
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    kernels, affines = list(_tensors(data, b"con_4")), list(_tensors(data, b"affine_"))
    full = list(_tensors(data, b"fc_2", skip=2))
    if (len(kernels), len(affines), len(full)) != (len(convs), len(convs), 1):
        raise DeviceError(f"{file} is not dlib's face recognition net, version 1")
    for conv, kernel, affine in zip(convs, kernels, affines, strict=True):
        _fill(conv, kernel, affine)
    net.out.weight.data = torch.from_numpy(full[0].reshape(-1, 128).T.copy())
    return net


def keep(net: DlibNet, file: Path) -> None:
    """The weights in half precision (11 MB), for a machine without dlib."""
    halves = {k: v.numpy().astype(np.float16) for k, v in net.state_dict().items()}
    np.savez(file, allow_pickle=False, **halves)


def kept(file: Path) -> DlibNet:
    """What `keep` wrote; DeviceError where it is not there."""
    try:
        held = np.load(file)
        weights = {k: torch.from_numpy(held[k].astype(np.float32)) for k in held.files}
    except (OSError, ValueError) as e:
        raise DeviceError(f"no teacher in {file}: training.prepare sphereface2 --teacher") from e
    net = DlibNet().eval()
    net.load_state_dict(weights)
    return net


def _fill(conv: nn.Conv2d, kernel: Floats, affine: Floats) -> None:
    """kernel: filters, then biases; affine: what each is multiplied by, then what is added."""
    count = conv.out_channels
    weight = torch.from_numpy(kernel[:-count].copy()).reshape(conv.weight.shape)
    bias = torch.from_numpy(kernel[-count:].copy())
    gain, shift = torch.from_numpy(affine.copy()).split(count)
    conv.weight.data = weight * gain[:, None, None, None]
    conv.bias = nn.Parameter(bias * gain + shift)


def _tensors(data: bytes, layer: bytes, skip: int = 0) -> Iterator[Floats]:
    """The parameters of every layer of that kind: version, four sizes, little-endian floats.

    `skip`: integers between the layer's name and its parameters.
    """
    at = data.find(layer)
    while at >= 0:
        at += len(layer)
        sizes = []
        for _ in range(skip + 5):
            value, at = _integer(data, at)
            sizes.append(value)
        count = int(np.prod(sizes[skip + 1 :]))
        if at + 4 * count > len(data):
            raise DeviceError("the file of dlib's face recognition net is cut short")
        yield np.frombuffer(data, "<f4", count, at)
        at = data.find(layer, at + 4 * count)


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """dlib's integers: a byte that says how many follow, then those, little end first."""
    size = data[at] & 0x0F if at < len(data) else 0
    return int.from_bytes(data[at + 1 : at + 1 + size], "little"), at + 1 + size


@torch.no_grad()
def embed(net: DlibNet, chips: Bytes) -> Floats:
    """(b, 150, 150, 3) RGB -> (b, 128)."""
    x = torch.from_numpy(np.ascontiguousarray(chips.transpose(0, 3, 1, 2))).float()
    return np.asarray(net(x).numpy(), np.float32)
