"""A sheet of pictures: what a net makes of faces that it never saw, layer by layer."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from engine.types import Bytes

from . import data, losses, measure, raster, shade
from .data import Clip, Faces
from .measure import Seen
from .net import Cest

SIDE = 128  # pixels of a tile
COLUMNS = ("picture", "shape", "reflectance", "light", "together", "texture", "its map")
GREY = 0.65


def write(
    file: Path, nets: dict[str, Cest], faces: Faces, people: int = 8, drawn: bool = False
) -> None:
    """One block of rows for each net: the same faces for all; `drawn` ones may be shown to all."""
    chosen = choose(faces, 0 if drawn else people, people if drawn else 2)
    blocks = []
    for name, net in nets.items():
        blocks.append(_title(name))
        blocks += [row(net, faces, clip, k) for clip, k in chosen]
    cv2.imwrite(str(file), cv2.cvtColor(np.concatenate(blocks), cv2.COLOR_RGB2BGR))


def choose(faces: Faces, people: int, renders: int) -> list[tuple[Clip, int]]:
    """Clips of people first, then photographs, then renders; different people."""
    clips = [own[0] for own in faces.people]
    photographs = faces.photographs[:: max(1, len(faces.photographs) // max(1, people))]
    real = (clips + photographs)[:people]
    moving = [clip for clip in faces.renders if "light" not in clip.name]
    return [(clip, len(clip.pixels) // 2) for clip in real + moving[:renders]]


def row(net: Cest, faces: Faces, clip: Clip, frame: int) -> Bytes:
    """The layers of one frame side by side."""
    batch = data.in_order(faces, net.sizes.size, clip, np.array([frame], np.int32), net.device)
    tiles = layers(net, measure.look(net, batch))
    return np.concatenate([tiles[name] for name in COLUMNS], 1)


@torch.no_grad()
def layers(net: Cest, seen: Seen) -> dict[str, Bytes]:
    """Tiles (SIDE, SIDE, 3) by name."""
    picture = seen.batch.pictures[:1]
    surface = losses.surface(net, seen.found.placed[:1], seen.light[:1])
    plain = losses.surface(net, seen.found.placed[:1], _from_above().to(net.device))
    texels = seen.reflectance.shape[-1]
    grey = picture.new_full((1, 3, texels, texels), GREY)
    colour = raster.sample(seen.reflectance[:1], surface.uv, surface.hits.batch)
    made = {
        "shape": losses.colours(plain, grey),
        "reflectance": colour,
        "light": losses.colours(surface, grey),
        "together": shade.lit(colour, surface.bright),
    }
    there = surface.hits.picture(torch.ones_like(surface.bright)[:, None]) > 0
    tiles = {"picture": _tile(picture), "texture": _tile(seen.texture[:1]),
             "its map": _tile(seen.reflectance[:1])}  # fmt: skip
    for name, values in made.items():
        behind = picture if name == "together" else torch.ones_like(picture)
        tiles[name] = _tile(torch.where(there, surface.hits.picture(values), behind))
    cv2.polylines(tiles["picture"], _points(net, seen), True, (0, 255, 0), 1)
    return tiles


def _points(net: Cest, seen: Seen) -> list[Bytes]:
    """Each landmark as a short line, for OpenCV."""
    marks = (seen.marks(net)[0] * [1, -1] + 1) * (SIDE / 2)
    return [np.rint(np.stack([p, p])).astype(np.int32) for p in marks]


def _from_above() -> Tensor:
    light = torch.zeros(1, shade.COUNT)
    light[0, :4] = torch.tensor([2.2, 0.5, 0.7, -0.2])
    return light


def _tile(picture: Tensor) -> Bytes:
    """(1, 3, s, s) in [0, 1] -> (SIDE, SIDE, 3)."""
    values = picture[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy() * 255
    resized = cv2.resize(values, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(np.rint(resized).astype(np.uint8))


def _title(name: str) -> Bytes:
    strip = np.full((22, SIDE * len(COLUMNS), 3), 255, np.uint8)
    for k, column in enumerate(COLUMNS):
        text = f"{name}: {column}" if k == 0 else column
        cv2.putText(strip, text, (k * SIDE + 4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1)
    return strip
