"""Hair on the GPU: the sheet of strands, the ribbons, and the solid cap beneath them."""

from typing import Any

import cv2
import moderngl
import numpy as np

from engine.head import Head
from engine.types import Appearance, Bytes, Floats

from .hair import STYLES, Ribbons, grow
from .light import LightBaker
from .surface import Normals

COLUMNS, WIDTH, HEIGHT = 4, 96, 512  # of the sheet: strands seen from the front, roots at row 0


class Hair:
    """The ribbons of one person's hair. They turn with the head; low ends lag behind."""

    def __init__(self, ctx: moderngl.Context, ribbons: Ribbons) -> None:
        self.ctx, self.ribbons = ctx, ribbons
        self.sheet = ctx.texture((COLUMNS * WIDTH, HEIGHT), 2, strand_sheet().tobytes())
        self.sheet.repeat_y = False
        self.sheet.build_mipmaps()
        self.sheet.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR

    def mesh(self, program: Any, baker: LightBaker) -> moderngl.VertexArray:
        r = self.ribbons
        light = baker.light(r.position, r.normal, bias=7.0)
        follow = 0.35 + 0.65 * np.clip((r.position[:, 1] + 150.0) / 100.0, 0, 1)
        uv = r.uv * [1.0 / COLUMNS, 1.0]
        columns = [r.position, r.tangent, r.normal, uv, follow[:, None], r.shade[:, None], light]
        data = np.concatenate(columns, 1).astype(np.float32)
        names = ["position", "tangent", "normal", "uv", "follow", "shade", "light"]
        layout = [(self.ctx.buffer(data.tobytes()), "3f 3f 3f 2f 1f 1f 4f", *names)]
        index = self.ctx.buffer(r.triangles.tobytes())
        return self.ctx.vertex_array(program, layout, index)


def strand_sheet() -> Bytes:
    """(HEIGHT, COLUMNS WIDTH, 2): how bright and how dense strands are, roots first."""
    rng = np.random.default_rng(5)
    columns = []
    for _ in range(COLUMNS):
        bright = np.zeros((HEIGHT, WIDTH), np.uint8)
        dense = np.zeros((HEIGHT, WIDTH), np.uint8)
        for _ in range(46):
            strand = _strand(rng)
            cv2.polylines(dense, [strand], False, 255, int(rng.integers(2, 5)), cv2.LINE_AA, 4)
            tone = int(rng.integers(60, 256))
            cv2.polylines(bright, [strand], False, tone, int(rng.integers(1, 4)), cv2.LINE_AA, 4)
        y = np.linspace(0, 1, HEIGHT)[:, None]
        edge = np.clip(np.minimum(np.arange(WIDTH), WIDTH - 1 - np.arange(WIDTH)) / 9.0, 0, 1)
        fade = np.clip(y / 0.05, 0, 1) * np.clip((1.0 - y) / 0.22, 0, 1) ** 0.6
        dense = (cv2.GaussianBlur(dense, (3, 3), 0) * fade * edge[None]).astype(np.uint8)
        columns.append(np.stack([np.maximum(bright, 40), dense], 2))
    return np.ascontiguousarray(np.concatenate(columns, 1))


def _strand(rng: np.random.Generator) -> Any:
    """A wavering line down one column, in 16ths of a texel."""
    x = np.clip(rng.normal(0.5, 0.26), 0.06, 0.94) * WIDTH
    y = np.linspace(0, rng.uniform(0.72, 1.0), 14) * HEIGHT
    drift = rng.normal(0, 5.0) * np.linspace(0, 1, 14) + 3 * np.sin(np.linspace(0, 5, 14) + rng.uniform(0, 6))
    narrow = 1 - 0.25 * np.linspace(0, 1, 14)
    line = np.stack([(x + drift - WIDTH / 2) * narrow + WIDTH / 2, y], 1)
    return np.round(line * 16).astype(np.int32)


def cap(head: Head, person: Floats, look: Appearance) -> tuple[Floats, Any] | None:
    """The scalp lifted under the hair: positions of all vertices (v, 3), and its triangles."""
    if look.hair_style not in STYLES:
        return None
    style = STYLES[look.hair_style]
    scalp = head.masks["scalp"]
    inner = np.clip((scalp - 0.35) / 0.65, 0, 1) ** 1.5
    lift = style.cap * look.extra.get("hair_volume", 1.0) * inner
    lifted = person + Normals(head.faces, len(person))(person) * lift[:, None]
    skin = head.parts["skin"]
    return lifted.astype(np.float32), skin[(scalp[head.faces[skin]] > 0.3).all(1)]


__all__ = ["Hair", "cap", "grow", "strand_sheet"]
