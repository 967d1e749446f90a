"""Faces made of main directions of real ones, in place of convolutions: with few people and few
steps what is drawn stays a face, if a blurred one. The critic judges the directions' numbers."""

import numpy as np
import torch
from scipy.sparse.linalg import svds
from torch import Tensor, nn

from engine.types import Bytes, Floats
from training.dimnet.data import Rows

from .net import SIDE, Sculptor, Sizes


class Portrait(nn.Module):
    """Unit embeddings (b, dim) -> faces (b, 3, 64, 64), about [-1, 1]; by way of their numbers."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.numbers = Sculptor(sizes, sizes.parts)
        self.register_buffer("middle", torch.zeros(SIDE * SIDE * 3))
        self.register_buffer("basis", torch.zeros(sizes.parts, SIDE * SIDE * 3))

    def forward(self, embedding: Tensor) -> Tensor:
        flat = self.numbers(embedding) @ self.get_buffer("basis") + self.get_buffer("middle")
        return flat.reshape(-1, SIDE, SIDE, 3).permute(0, 3, 1, 2)

    def stand_on(self, middle: Floats, basis: Floats) -> None:
        """Rounded to what half precision can hold, as it is shipped."""
        for name, values in (("middle", middle), ("basis", basis)):
            given = torch.from_numpy(values.astype(np.float16).astype(np.float32))
            self.get_buffer(name).copy_(given)


def directions(pixels: Bytes, labels: Rows, parts: int) -> tuple[Floats, Floats]:
    """The middle (d,) of faces (n, 64, 64, 3) and their mirror images, and `parts` directions
    (k, d) of one standard deviation each; every class counts the same."""
    flat = np.concatenate([flattened(pixels), flattened(pixels[:, :, ::-1])])
    both = np.tile(labels, 2)
    share = 1 / np.bincount(both)[both] / len(np.unique(both))
    middle = share @ flat
    away = (flat - middle) * np.sqrt(share)[:, None]
    _, spread, basis = svds(away.astype(np.float32), k=parts, random_state=0)
    return np.asarray(middle, np.float32), np.asarray(basis * spread[:, None], np.float32)


def flattened(pixels: Bytes) -> Floats:
    """(n, s, s, 3) -> (n, d) in [-1, 1]."""
    return np.asarray(pixels.reshape(len(pixels), -1) / 127.5 - 1, np.float32)


def numbers_of(pixels: Bytes, middle: Floats, basis: Floats) -> Floats:
    """(n, k) of about unit spread."""
    weights = basis.T / (basis**2).sum(1)
    return np.asarray((flattened(pixels) - middle) @ weights, np.float32)
