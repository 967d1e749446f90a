"""What is measured of a trained net: on held-out clips of people, and on renders whose every
parameter is known. Each function takes estimates and gives plain numbers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.types import Floats
from training.head.landmarks import USUAL_68

from . import data, losses, shade
from .data import Batch, Clip, Faces
from .net import Cest, Estimate
from .shape import UNIT, rodrigues
from .supervised import angle

AT_ONCE = 16  # pictures
SHUT = 0.6  # of the clip's own median eye opening: a blink
NEAR = 2  # frames that a blink may be off by
NOISE = 2 / 255  # of a camera on a still face
LIDS = ((37, 41, 38, 40, 36, 39), (43, 47, 44, 46, 42, 45))  # of 68: two pairs, two corners


@dataclass(frozen=True, slots=True)
class Seen:
    """Estimates of a clip's frames, on the net's device."""

    batch: Batch
    found: Estimate
    texture: Tensor
    reflectance: Tensor
    light: Tensor

    def marks(self, net: Cest) -> Floats:
        """(n, 68, 2) on the picture, in halves of its side."""
        made = net.model.landmarks(self.found.placed, 68)[..., :2]
        return np.asarray(made.cpu().numpy(), np.float32)

    def wanted(self) -> Floats:
        """(n, 68, 2) the teacher's."""
        return np.asarray(self.batch.landmarks[:, list(USUAL_68)].cpu().numpy(), np.float32)


@torch.no_grad()
def look(net: Cest, batch: Batch) -> Seen:
    """All that the net says of a batch."""
    estimates: list[Estimate] = []
    maps: list[tuple[Tensor, Tensor, Tensor]] = []
    for pictures in batch.pictures.split(AT_ONCE):
        estimates.append(net.geometry(pictures))
        maps.append(net.appearance(pictures, estimates[-1].placed))
    found = Estimate(
        *(torch.cat([getattr(e, name) for e in estimates]) for name in Estimate.__slots__)
    )
    texture, reflectance, light = (torch.cat(each) for each in zip(*maps, strict=True))
    return Seen(batch, found, texture, reflectance, light)


@torch.no_grad()
def photometric(net: Cest, seen: Seen, reflectance: Tensor, light: Tensor | None = None) -> Floats:
    """(n,) mean absolute difference to the pictures over the visible face, 0 to 255."""
    light = seen.light if light is None else light
    off = []
    for k in range(0, len(reflectance), AT_ONCE):
        span = slice(k, k + AT_ONCE)
        surface = losses.surface(net, seen.found.placed[span], light[span])
        made = losses.colours(surface, reflectance[span]).clamp(0, 1)
        wanted = losses.pixels_of(seen.batch.pictures[span], surface.hits)
        off.append(losses.by_picture((made - wanted).abs().mean(1), surface.hits))
    return np.asarray(torch.cat(off).cpu().numpy() * 255, np.float32)


def landmark_errors(made: Floats, wanted: Floats, outer: bool = False) -> Floats:
    """(n,) mean distance of the 68 as a share of the teacher's distance between the eyes' centres,
    or between their outer corners."""
    right, left = wanted[:, 36:42].mean(1), wanted[:, 42:48].mean(1)
    if outer:
        right, left = wanted[:, 36], wanted[:, 45]
    apart = np.linalg.norm(right - left, axis=1)
    return np.asarray(np.linalg.norm(made - wanted, axis=2).mean(1) / apart)


def mouth_opening(marks: Floats) -> Floats:
    """(n,) inner lips' distance as a share of that between the eyes' outer corners."""
    gap = np.linalg.norm(marks[:, 61:64] - marks[:, [67, 66, 65]], axis=2).mean(1)
    return np.asarray(gap / np.linalg.norm(marks[:, 36] - marks[:, 45], axis=1))


def eye_opening(marks: Floats) -> Floats:
    """(n,) height over width of the eyes, both together."""

    def apart(a: int, b: int) -> Floats:
        return np.asarray(np.linalg.norm(marks[:, a] - marks[:, b], axis=1))

    high = sum(apart(a, b) + apart(c, d) for a, b, c, d, _, _ in LIDS)
    wide = sum(apart(e, f) for *_, e, f in LIDS)
    return np.asarray(high / (2 * wide))


def correlation(made: Floats, wanted: Floats) -> float:
    """Pearson's; nan where one of both hardly moves."""
    if len(made) < 5 or min(np.std(made), np.std(wanted)) < 1e-4:
        return float("nan")
    return float(np.corrcoef(made, wanted)[0, 1])


def blinks(opening: Floats) -> NDArray[np.bool_]:
    """(n,) frames with the eyes shut, by the clip's own median."""
    return np.asarray(opening < SHUT * np.median(opening))


def blink_counts(made: Floats, wanted: Floats) -> tuple[int, int]:
    """Of the teacher's blinks (runs of shut frames): how many, and how many are seen."""
    shut, theirs = blinks(wanted), blinks(made)
    begins = np.flatnonzero(shut & ~np.r_[False, shut[:-1]])
    ends = np.flatnonzero(shut & ~np.r_[shut[1:], False])
    hit = sum(bool(theirs[max(0, a - NEAR) : b + NEAR + 1].any())
              for a, b in zip(begins, ends, strict=True))  # fmt: skip
    return len(begins), hit


def jitter(net: Cest, picture: Tensor, times: int = 12) -> tuple[float, float]:
    """A still picture (3, s, s) with a camera's noise: landmarks' spread in pixels (mean of the
    68), and that of the least steady expression weight."""
    torch.manual_seed(0)
    noisy = picture[None] + NOISE * torch.randn(times, *picture.shape).to(picture.device)
    with torch.no_grad():
        found = net.geometry(noisy.clamp(0, 1))
    marks = net.model.landmarks(found.placed, 68)[..., :2] * (net.sizes.size / 2)
    spread = marks.std(0).norm(dim=-1).mean()
    return float(spread), float(found.raw.clamp(0, 1).std(0).max())


# Renders


def rotation_errors(seen: Seen, clip: Clip) -> Floats:
    """(n,) degrees."""
    true = torch.from_numpy(np.asarray(clip.known["rotation"], np.float32))
    return np.asarray(angle(rodrigues(seen.found.view[:, 1:4].cpu()), true).numpy())


def shape_errors(net: Cest, seen: Seen, neutral: Floats) -> Floats:
    """(n,) mean millimetres between the identity's faces, after scale and shift."""
    identity = seen.found.identity
    nothing = identity.new_zeros(len(identity), 52)
    with torch.no_grad():
        made = net.model(identity, nothing)[:, : net.model.count].cpu().numpy() * UNIT
    wanted = neutral[net.model.rows[: net.model.count]]
    wanted = wanted - wanted.mean(0)
    made = made - made.mean(1, keepdims=True)
    scale = (made * wanted).sum((1, 2)) / (made**2).sum((1, 2))
    return np.asarray(np.linalg.norm(made * scale[:, None, None] - wanted, axis=2).mean(1))


def albedo_errors(seen: Seen, clip: Clip, net: Cest) -> tuple[float, float]:
    """Mean difference to the true reflectance, 0 to 255, after the one gain that fits best: of the
    net's reflectance, and of the texture taken for it. Over the texels that the picture shows."""
    true = _true_albedo(clip, seen.reflectance.shape[-1]).to(seen.reflectance.device)
    off: list[tuple[float, float]] = []
    for k in range(len(seen.reflectance)):
        there = shown(net, seen)[k]
        wanted = true[:, there]
        off.append((_fitted(seen.reflectance[k][:, there], wanted),
                    _fitted(seen.texture[k][:, there], wanted)))  # fmt: skip
    mean = np.mean(off, 0)
    return float(mean[0]), float(mean[1])


def _true_albedo(clip: Clip, side: int) -> Tensor:
    stored = torch.from_numpy(np.asarray(clip.known["albedo"], np.float32) / 255)
    picture = stored.permute(2, 0, 1)[None]
    if picture.shape[-1] != side:
        picture = torch.nn.functional.interpolate(picture, (side, side), mode="area")
    return picture[0]


def _fitted(made: Tensor, wanted: Tensor) -> float:
    gain = (made * wanted).sum() / (made * made).sum().clamp(min=1e-9)
    return float((made * gain - wanted).abs().mean()) * 255


def shown(net: Cest, seen: Seen) -> Tensor:
    """(n, t, t) the texels that face the viewer."""
    there = net.model.get_buffer("texel_there")
    return there & (seen.texture.sum(1) > 0)


def light_correlation(made: Tensor, true: Floats) -> float:
    """Mean correlation of the shading of normals that face the viewer (n, 9 each)."""
    rng = np.random.default_rng(0)
    normals = rng.standard_normal((400, 3)).astype(np.float32)
    normals[:, 2] = np.abs(normals[:, 2])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    basis = shade.harmonics(torch.from_numpy(normals)).numpy()
    found = [
        correlation(basis @ a, basis @ b) for a, b in zip(made.cpu().numpy(), true, strict=True)
    ]
    return float(np.nanmean(found))


def turning(texture: Tensor, reflectance: Tensor, there: Tensor) -> float:
    """How much the reflectance changes as the light turns, as a share of the texture's change.

    Maps (n, 3, t, t) of a clip in which nothing but the light moves; there (t, t).
    """

    def change(maps: Tensor) -> float:
        inside = maps[:, :, there]
        return float((inside - inside.mean(0)).abs().mean())

    return change(reflectance) / max(change(texture), 1e-9)


def relit(net: Cest, seen: Seen, clip: Clip) -> float:
    """A clip in which the light turns: frame 0's reflectance in each frame's own true light, with
    one gain for the clip, against the pictures, 0 to 255."""
    true = torch.from_numpy(np.asarray(clip.known["light"], np.float32)).to(seen.light.device)
    first = seen.reflectance[:1].expand_as(seen.reflectance)
    gain = seen.light[0, 0] / true[0, 0]
    return float(photometric(net, seen, first, true * gain)[1:].mean())


# Spread within clips and between people


def spreads(groups: Iterable[Tensor]) -> tuple[float, float]:
    """Mean distance to the own mean (n, d each) within groups, and between the groups' means."""
    means, within = [], []
    for values in groups:
        means.append(values.mean(0))
        within.append(float((values - means[-1]).norm(dim=1).mean()))
    centres = torch.stack(means)
    between = float((centres - centres.mean(0)).norm(dim=1).mean())
    return float(np.mean(within)), between


def each(
    faces: Faces, net: Cest, choose: Callable[[Clip], bool], most: int
) -> Iterable[tuple[Clip, Seen]]:
    """The chosen clips, at most `most` of each person, with what the net says of them."""
    counts: dict[str, int] = {}
    for clip in faces.clips:
        counts[clip.person] = counts.get(clip.person, 0)
        if choose(clip) and counts[clip.person] < most:
            counts[clip.person] += 1
            frames = np.arange(len(clip.pixels), dtype=np.int32)
            yield clip, look(net, data.in_order(faces, net.sizes.size, clip, frames, net.device))
