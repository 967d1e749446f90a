"""What CEST minimises: photometric (swapped and mirrored reflectance), landmarks, regulariser.

Of the blog notes and the supplement; the weights are this project's, the paper's were not found.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.head.landmarks import EYES, INNER_LIPS, LID_LOWER, LID_UPPER, LIP_PAIRS, OUTER_LIPS

from . import raster, shade
from .data import Batch
from .net import Cest, Estimate
from .shape import to_pixels

PAIRED = (
    [*LID_UPPER["Left"], *LID_UPPER["Right"], *(a for a, _ in LIP_PAIRS)],
    [*LID_LOWER["Left"], *LID_LOWER["Right"], *(b for _, b in LIP_PAIRS)],
)
FINE = 4.0  # how much more a landmark of lids and lips counts


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the losses."""

    photometric: float = 1.0
    landmarks: float = 5.0
    openings: float = 2.0  # of eyes and mouth, whose lids and lips landmarks tell apart
    identity: float = 2e-4  # of the sum of squared standard deviations
    expression: float = 1e-3  # of the sum of squared weights
    truth: float = 0.0  # of the renders' known parameters: a row of its own


@dataclass(frozen=True, slots=True)
class Ablation:
    """One flag a row: what is left out or put in place of the paper's choice."""

    no_symmetry: bool = False
    no_consistency: bool = False
    averaging: bool = False  # the clip's mean reflectance in place of another frame's


def landmark_weights() -> Tensor:
    """(468,) with mean 1: lids and lips count more, for they are small and tell the most."""
    lids = [n for side in ("Left", "Right") for n in (*LID_UPPER[side], *LID_LOWER[side])]
    fine = {*EYES, *OUTER_LIPS, *INNER_LIPS, *lids, *np.ravel(LIP_PAIRS).tolist()}
    weights = torch.ones(468)
    weights[sorted(fine)] = FINE
    return weights / weights.mean()


def landmarks(net: Cest, found: Estimate, wanted: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute distance along x and y, in halves of the picture's side."""
    made = net.model.landmarks(found.placed, 468)[..., :2]
    return ((made - wanted).abs().sum(-1) * weights).mean()


def openings(net: Cest, found: Estimate, wanted: Tensor, pairs: Tensor) -> Tensor:
    """Mean absolute difference of what lies between upper and lower lids and lips (2, k)."""
    upper, lower = pairs
    made = net.model.landmarks(found.placed, 468)[..., :2]
    gaps = [m.index_select(1, upper) - m.index_select(1, lower) for m in (made, wanted)]
    return (gaps[0] - gaps[1]).abs().sum(-1).mean()


def regulariser(found: Estimate, weights: Weights) -> Tensor:
    return (
        weights.identity * (found.identity**2).sum(1).mean()
        + weights.expression * (found.raw**2).sum(1).mean()
    )


@dataclass(frozen=True, slots=True)
class Surface:
    """The pixels that show the face, and what is there whatever colour it has."""

    hits: raster.Hits
    uv: Tensor  # (n, 2)
    bright: Tensor  # (n,)


def surface(net: Cest, placed: Tensor, light: Tensor) -> Surface:
    """Rasterises placed shapes (b, v, 3) in their light (b, 9)."""
    model, size = net.model, net.sizes.size
    points = to_pixels(placed[:, : model.count], size)
    faces = model._get("faces")
    hits = raster.visible(points, faces, size)
    uv = model._get("uv").expand(len(placed), -1, -1)
    values = torch.cat([uv, model.normals(placed)], 2)
    there = raster.interpolate(points, values, faces, hits)
    normals = torch.nn.functional.normalize(there[:, 2:], dim=1, eps=1e-6)
    return Surface(hits, there[:, :2], shade.shading(normals, light.index_select(0, hits.batch)))


def colours(surface: Surface, reflectance: Tensor) -> Tensor:
    """(n, c) of the pixels, of reflectances (b, c, t, t): several at once by their channels."""
    return shade.lit(raster.sample(reflectance, surface.uv, surface.hits.batch), surface.bright)


def pixels_of(pictures: Tensor, hits: raster.Hits) -> Tensor:
    """(n, 3) the pictures' own colours there."""
    flat = pictures.permute(0, 2, 3, 1).reshape(-1, 3)
    return flat[hits.batch * hits.size**2 + hits.pixel]


def by_picture(values: Tensor, hits: raster.Hits) -> Tensor:
    """Means (b,) of values (n,) over each picture's own pixels; 0 where it has none."""
    count = len(hits.starts) - 1
    total = values.new_zeros(count).index_add(0, hits.batch, values)
    return total / (hits.starts[1:] - hits.starts[:-1]).clamp(min=1)


def shared(reflectance: Tensor, group: Tensor, partner: Tensor, ablation: Ablation) -> Tensor:
    """The reflectance that a frame is drawn with: another frame's of the same clip.

    group, partner (b,): which clip a frame is of, and which frame of the batch to swap with.
    """
    if ablation.no_consistency:
        return reflectance
    if not ablation.averaging:
        return reflectance.index_select(0, partner)
    clips = int(group.max()) + 1
    total = reflectance.new_zeros((clips, *reflectance.shape[1:])).index_add(0, group, reflectance)
    mean = total / torch.bincount(group, minlength=clips)[:, None, None, None]
    return mean.index_select(0, group)


def photometric(
    net: Cest, batch: Batch, found: Estimate, maps: tuple[Tensor, Tensor], ablation: Ablation
) -> dict[str, Tensor]:
    """The terms `swapped` and `mirrored`: mean absolute difference over the face, in [0, 1].

    maps: reflectance (b, 3, t, t) and light (b, 9) of the batch's pictures.
    """
    pictures, (reflectance, light) = batch.pictures, maps
    seen = surface(net, found.placed, light)
    drawn = [shared(reflectance, batch.group, batch.partner, ablation)]
    if not ablation.no_symmetry:
        drawn.append(reflectance.flip(-1))
    made = colours(seen, torch.cat(drawn, 1))
    wanted = pixels_of(pictures, seen.hits)
    off = [by_picture((part - wanted).abs().mean(1), seen.hits).mean()
           for part in made.split(3, 1)]  # fmt: skip
    return dict(zip(("swapped", "mirrored"), off, strict=False))
