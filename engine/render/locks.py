"""Hair on the GPU: the sheet of strands, the ribbons, and shells for what is too short or too curly."""

from dataclasses import dataclass
from typing import Any

import cv2
import moderngl
import numpy as np

from engine.head import Head
from engine.types import Appearance, Bytes, Floats, Ints

from .hair import Ribbons
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


@dataclass(frozen=True, slots=True)
class Fuzz:
    """Hair too short or too curly for ribbons: shells over the scalp, cut by noise."""

    lift: float  # mm of the outermost shell
    solid: float  # the innermost one's share of that: below it nothing shows
    layers: int
    grain: float  # curls a millimetre
    round: float  # how much it grows away from the head's middle rather than off the scalp
    ragged: float  # mm that the outline varies


FUZZ = {
    "buzz": Fuzz(2.6, 0.30, 4, 1.25, 0.0, 0.3),
    "afro": Fuzz(40.0, 0.55, 7, 0.26, 0.55, 5.0),
}
MIDDLE = np.array([0.0, 62.0, -8.0], np.float32)  # of the skull, mm


def shells(head: Head, person: Floats, look: Appearance) -> tuple[Floats, Floats, Floats, Ints] | None:
    """Positions, normals (n, 3), depth (n,) from 0 innermost to 1, and triangles, outermost first."""
    if look.hair_style not in FUZZ:
        return None
    fuzz = FUZZ[look.hair_style]
    scalp = head.masks["scalp"]
    skin = head.faces[head.parts["skin"]]
    cut = skin[(scalp[skin] > 0.25).any(1)]
    used, faces = np.unique(cut, return_inverse=True)
    faces = faces.reshape(-1, 3).astype(np.int32)
    normals = Normals(head.faces, len(person))(person)[used]
    away = person[used] - MIDDLE
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    grow_to = normals * (1 - fuzz.round) + away * fuzz.round
    lift = fuzz.lift * look.extra.get("hair_volume", 1.0) * _edge(scalp[used], fuzz)
    depths = np.linspace(1.0, fuzz.solid, fuzz.layers)
    positions = [person[used] + grow_to * (lift * d)[:, None] for d in depths]
    outward = Normals(faces, len(used))(positions[0].astype(np.float32))
    depth = np.concatenate([np.full(len(used), (d - fuzz.solid) / (1 - fuzz.solid)) for d in depths])
    triangles = np.concatenate([faces + k * len(used) for k in range(fuzz.layers)])
    return (
        np.concatenate(positions).astype(np.float32), np.tile(outward, (fuzz.layers, 1)),
        depth.astype(np.float32), triangles.astype(np.int32),
    )  # fmt: skip


def _edge(scalp: Floats, fuzz: Fuzz) -> Floats:
    """Full height inside the hairline, none at it."""
    t = np.clip((scalp - 0.3) / (0.6 if fuzz.lift < 10 else 0.35), 0, 1)
    return np.asarray(np.sqrt(t * (2 - t)), np.float32)


class FuzzHair:
    """Shells on the GPU."""

    def __init__(self, ctx: moderngl.Context, made: tuple[Floats, Floats, Floats, Ints]) -> None:
        self.ctx = ctx
        self.positions, self.normals, self.depth, self.triangles = made

    def mesh(self, program: Any, baker: LightBaker) -> moderngl.VertexArray:
        light = baker.light(self.positions, self.normals, bias=5.0)
        data = np.concatenate([self.positions, self.normals, self.depth[:, None], light], 1)
        layout = [
            (self.ctx.buffer(data.astype(np.float32).tobytes()), "3f 3f 1f 4f",
             "position", "normal", "depth", "light")
        ]  # fmt: skip
        return self.ctx.vertex_array(program, layout, self.ctx.buffer(self.triangles.tobytes()))
