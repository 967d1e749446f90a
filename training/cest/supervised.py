"""What a render's known parameters add: a row of its own (`weights.truth`), not the paper's way.

Pictures of people are trained as in every row; of renders the rotation, the neutral's shape, the
expression, the light and the reflectance are known, and the net is told how far off it is.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.head import Head

from . import shade
from .net import Cest, Estimate
from .shape import UNIT, rodrigues

PARTS = {"rotation": 2.0, "shape": 10.0, "weights": 2.0, "light": 0.3, "albedo": 1.0}
NORMALS = 200  # at which shading is compared


@dataclass(frozen=True, slots=True)
class Truth:
    """Of k renders among a batch's pictures."""

    rows: Tensor  # (k,) which pictures they are
    rotation: Tensor  # (k, 3, 3) head to camera, as the picture was turned
    expression: Tensor  # (k, 52)
    light: Tensor  # (k, 9) before the picture was turned
    turn: Tensor  # (k, 3, 3) that turn
    identity: Tensor  # (k, modes of the head)
    albedo: Tensor  # (k, 3, t, t)


class Answers:
    """What is known of renders, on the device, by frame."""

    def __init__(self, known: list[dict[str, NDArray[np.generic]]], device: torch.device) -> None:
        counts = [len(k["rotation"]) for k in known]
        self.begin = np.cumsum(counts) - counts
        self._owner = torch.from_numpy(np.repeat(np.arange(len(known)), counts)).to(device)
        self._frames = {
            name: torch.from_numpy(np.concatenate([k[name] for k in known]).astype(np.float32)).to(
                device
            )
            for name in ("rotation", "expression", "light")
        }
        albedo = np.array([k["albedo"] for k in known], np.uint8)
        self._albedo = torch.from_numpy(albedo).to(device).permute(0, 3, 1, 2)
        self._identity = torch.from_numpy(np.array([k["identity"] for k in known])).to(device)

    def of(self, rows: Tensor, frames: Tensor, turn: Tensor) -> Truth:
        """Pictures `rows` of a batch show these frames, turned by (k, 3, 3)."""
        owner = self._owner.index_select(0, frames)
        rotation, expression, light = (
            self._frames[name].index_select(0, frames)
            for name in ("rotation", "expression", "light")
        )
        albedo = self._albedo.index_select(0, owner).float() / 255
        identity = self._identity.index_select(0, owner)
        return Truth(rows, turn @ rotation, expression, light, turn, identity, albedo)


class Judge:
    """How far estimates of renders lie from what is known; tensors that do not change, kept."""

    def __init__(self, net: Cest, device: torch.device) -> None:
        rng = np.random.default_rng(0)
        normals = rng.standard_normal((NORMALS, 3)).astype(np.float32)
        normals[:, 2] = np.abs(normals[:, 2])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        self._normals = torch.from_numpy(normals).to(device)
        basis = Head.load().identity_basis[:, net.model.rows[: net.model.count]] / UNIT
        self._basis = torch.from_numpy(basis.reshape(len(basis), -1).astype(np.float32)).to(device)

    def geometry(self, net: Cest, found: Estimate, truth: Truth) -> dict[str, Tensor]:
        """Rotation (mean of nine numbers), neutral faces after scale (100 mm), weights."""
        view, identity, raw = (
            part.index_select(0, truth.rows) for part in (found.view, found.identity, found.raw)
        )
        return {
            "rotation": (rodrigues(view[:, 1:4]) - truth.rotation).abs().mean(),
            "shape": self._shape(net, identity, truth.identity),
            "weights": (raw - truth.expression).abs().mean(),
        }

    def _shape(self, net: Cest, made: Tensor, true: Tensor) -> Tensor:
        neutral = net.model.get_buffer("neutral")[: net.model.count]
        own = self._basis[: made.shape[1]]
        faces = [(p @ b).reshape(len(p), -1, 3) + neutral for p, b in
                 ((made, own), (true, self._basis))]  # fmt: skip
        ours, theirs = (f - f.mean(1, keepdim=True) for f in faces)
        scale = (ours * theirs).sum((1, 2)) / (ours**2).sum((1, 2))
        return (ours * scale[:, None, None] - theirs).norm(dim=2).mean()

    def colours(
        self, net: Cest, reflectance: Tensor, light: Tensor, truth: Truth
    ) -> dict[str, Tensor]:
        """Shading of the side that is seen, and reflectance on the map."""
        before = self._normals @ truth.turn  # (k, n, 3) the normals, turned back
        wanted = (shade.harmonics(before) * truth.light[:, None]).sum(-1)
        made = light.index_select(0, truth.rows) @ shade.harmonics(self._normals).T
        there = net.model.get_buffer("texel_there")
        maps = reflectance.index_select(0, truth.rows)
        known = truth.albedo
        if known.shape[-1] != maps.shape[-1]:
            known = torch.nn.functional.interpolate(known, maps.shape[-2:], mode="area")
        return {
            "light": (made - wanted).abs().mean(),
            "albedo": ((maps - known).abs() * there).sum() / (3 * len(maps) * there.sum()),
        }


def total(parts: dict[str, Tensor]) -> Tensor:
    """The weighted sum."""
    return torch.stack([PARTS[name] * value for name, value in parts.items()]).sum()


def angle(first: Tensor, second: Tensor) -> Tensor:
    """Degrees (b,) between rotations (b, 3, 3)."""
    both = torch.einsum("bij,bij->b", first, second)
    return torch.rad2deg(torch.arccos(((both - 1) / 2).clamp(-1, 1)))
