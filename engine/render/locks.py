"""Hair on the GPU: ribbons of strands, and shells for what is too short or too curly."""

from dataclasses import dataclass
from typing import Any

import cv2
import moderngl
import numpy as np

from engine.head import Head
from engine.types import Appearance, Bytes, Floats, Ints

from .cull import Viewer
from .hair import Ribbons, grow, kept
from .surface import Normals

CUT = 0.35  # cover below which there is no hair
COLUMNS, WIDTH, HEIGHT = 4, 96, 512  # of the sheet: strands seen from the front, roots at row 0


class Locks:
    """The ribbons of one person's hair. They turn with the head; low ends lag behind."""

    material = "hair"
    culled = False  # cards have two sides
    bias = 7.0  # mm: how far off itself its light is asked

    def __init__(self, ctx: moderngl.Context, ribbons: Ribbons, viewer: Viewer) -> None:
        """`viewer` knows what else hides hair: cards that it never sees are dropped."""
        self.ctx, self._all = ctx, ribbons
        self.texture = ctx.texture((COLUMNS * WIDTH, HEIGHT), 4, strand_sheet().tobytes())
        self.texture.repeat_y = False
        self.texture.build_mipmaps()
        self.texture.filter = moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR
        self.values: dict[str, Any] = {"sheet": 0, "cut": CUT}
        self._kept = self._thinned(viewer)
        self.points, self.normals = self._kept.position, self._kept.normal

    def _thinned(self, viewer: Viewer) -> Ribbons:
        r = self._all
        number = np.repeat(np.arange(1, r.count + 1), len(r.position) // r.count)
        viewer.add(r.position, r.triangles, _on_sheet(r), number.astype(np.float32), CUT)
        self.texture.use(0)
        return kept(r, viewer.seen() - 1)

    def mesh(self, program: Any, light: Floats) -> moderngl.VertexArray:
        r = self._kept
        follow = 0.35 + 0.65 * np.clip((r.position[:, 1] + 150.0) / 100.0, 0, 1)
        light = 0.25 + 0.75 * light  # hair lets some through
        one = [follow[:, None], r.shade[:, None], light]
        data = np.concatenate([r.position, r.tangent, r.normal, _on_sheet(r), *one], 1)
        names = ["position", "tangent", "normal", "uv", "follow", "shade", "light"]
        buffer = self.ctx.buffer(data.astype(np.float32).tobytes())
        index = self.ctx.buffer(r.triangles.tobytes())
        return self.ctx.vertex_array(program, [(buffer, "3f 3f 3f 2f 1f 1f 4f", *names)], index)

    def shadow(self) -> tuple[Floats, Ints]:
        return self._all.position, self._all.triangles


def _on_sheet(ribbons: Ribbons) -> Floats:
    return ribbons.uv * np.array([1.0 / COLUMNS, 1.0], np.float32)


def strand_sheet() -> Bytes:
    """(HEIGHT, COLUMNS WIDTH, 4): brightness, cover, a random number of strands; roots first."""
    rng = np.random.default_rng(5)
    y = np.linspace(0, 1, HEIGHT)[:, None]
    edge = np.clip(np.minimum(np.arange(WIDTH), WIDTH - 1 - np.arange(WIDTH)) / 9.0, 0, 1)
    fade = np.clip(y / 0.04, 0, 1) * np.clip((1.0 - y) / 0.12, 0, 1) ** 0.5
    columns = []
    for _ in range(COLUMNS):
        sheets = np.zeros((4, HEIGHT, WIDTH), np.uint8)
        sheets[0] = 70
        for _ in range(56):
            strand, width = _strand(rng), int(rng.integers(1, 4))
            values = int(rng.integers(70, 256)), 255, int(rng.integers(1, 256))
            for sheet, value, wider in zip(sheets[:3], values, (0, 1, 1), strict=True):
                cv2.polylines(sheet, [strand], False, value, width + wider, cv2.LINE_AA, 4)
        sheets[1] = (cv2.GaussianBlur(sheets[1], (3, 3), 0) * fade * edge[None]).astype(np.uint8)
        columns.append(np.moveaxis(sheets, 0, 2))
    return np.ascontiguousarray(np.concatenate(columns, 1))


def _strand(rng: np.random.Generator) -> Any:
    """A wavering line down one column, in 16ths of a texel."""
    x = np.clip(rng.normal(0.5, 0.26), 0.06, 0.94) * WIDTH
    y = np.linspace(0, (1.0 - 0.42 * rng.random() ** 1.6), 14) * HEIGHT
    wave = 3 * np.sin(np.linspace(0, 5, 14) + rng.uniform(0, 6))
    drift = rng.normal(0, 5.0) * np.linspace(0, 1, 14) + wave
    narrow = 1 - 0.25 * np.linspace(0, 1, 14)
    line = np.stack([(x + drift - WIDTH / 2) * narrow + WIDTH / 2, y], 1)
    return np.round(line * 16).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Fuzz:
    """Hair too short or too curly for ribbons: shells over the scalp, cut by noise."""

    lift: float  # mm of the outermost shell
    solid: float  # the innermost one's share of that: below it nothing shows
    layers: int
    grain: float  # blocks of curls a millimetre
    round: float  # how much it grows away from the head's middle rather than off the scalp


FUZZ = {
    "buzz": Fuzz(2.4, 0.30, 3, 0.075, 0.0),
    "afro": Fuzz(38.0, 0.80, 4, 0.022, 0.55),
}
MIDDLE = np.array([0.0, 62.0, -8.0], np.float32)  # of the skull, mm


def shells(
    head: Head, person: Floats, look: Appearance
) -> tuple[Floats, Floats, Floats, Ints] | None:
    """Positions, normals (n, 3), depth (n,) from 0 innermost to 1, triangles, outermost first."""
    if look.hair_style not in FUZZ:
        return None
    fuzz = FUZZ[look.hair_style]
    scalp = head.masks["scalp"]
    skin = head.faces[head.parts["skin"]]
    cut = skin[(scalp[skin] > 0.25).any(1)]
    used, inverse = np.unique(cut, return_inverse=True)
    faces = inverse.reshape(-1, 3).astype(np.int32)
    normals = Normals(head.faces, len(person))(person)[used]
    away = person[used] - MIDDLE
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    grow_to = normals * (1 - fuzz.round) + away * fuzz.round
    lift = fuzz.lift * look.extra.get("hair_volume", 1.0) * _edge(scalp[used], fuzz)
    depths = np.linspace(1.0, fuzz.solid, fuzz.layers)
    positions = [person[used] + grow_to * (lift * d)[:, None] for d in depths]
    outward = Normals(faces, len(used))(positions[0].astype(np.float32))
    depth = np.repeat((depths - fuzz.solid) / (1 - fuzz.solid), len(used))
    triangles = np.concatenate([faces + k * len(used) for k in range(fuzz.layers)])
    return (
        np.concatenate(positions).astype(np.float32), np.tile(outward, (fuzz.layers, 1)),
        depth.astype(np.float32), triangles.astype(np.int32),
    )  # fmt: skip


def _edge(scalp: Floats, fuzz: Fuzz) -> Floats:
    """Full height inside the hairline, none at it."""
    t = np.clip((scalp - 0.3) / (0.6 if fuzz.lift < 10 else 0.35), 0, 1)
    return np.asarray(np.sqrt(t * (2 - t)), np.float32)


def curl_block(size: int = 64) -> Bytes:
    """(size, size, size, 4) that repeats: the direction of a curl and how high it stands."""
    rng = np.random.default_rng(9)
    waves = np.stack([_repeating(rng, size, f) for f in (10, 21)])
    height = 0.62 * waves[0] + 0.38 * waves[1]
    height = (height - height.min()) / np.ptp(height)
    slopes = [np.roll(height, -1, axis) - np.roll(height, 1, axis) for axis in (2, 1, 0)]
    block = np.stack([*(0.5 - 2.2 * s for s in slopes), np.clip(height * 1.5 - 0.25, 0, 1)], 3)
    return np.ascontiguousarray(np.rint(np.clip(block, 0, 1) * 255).astype(np.uint8))


def _repeating(rng: np.random.Generator, size: int, cells: int) -> Floats:
    """Smooth noise over a cube that tiles, `cells` lumps a side."""
    coarse = rng.random((cells, cells, cells)).astype(np.float32)
    at = np.arange(size) * cells / size
    low = at.astype(int)
    t = (at - low).astype(np.float32)
    t = t * t * (3 - 2 * t)
    for axis in range(3):
        shape = [1, 1, 1]
        shape[axis] = size
        part = t.reshape(shape)
        first, second = coarse.take(low, axis), coarse.take((low + 1) % cells, axis)
        coarse = first * (1 - part) + second * part
    return coarse


class Shells:
    """Shells of hair too short or too curly for ribbons, as solid as skin."""

    material = "fuzz"
    culled = True
    bias = 5.0  # mm

    def __init__(
        self, ctx: moderngl.Context, fuzz: Fuzz, made: tuple[Floats, Floats, Floats, Ints]
    ) -> None:
        self.ctx, self._layers = ctx, fuzz.layers
        block = curl_block()
        self.texture = ctx.texture3d(block.shape[:3], 4, block.tobytes())
        self.texture.build_mipmaps()
        self.texture.filter = moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR
        self.points, self.normals, self._depth, self._triangles = made
        self.values: dict[str, Any] = {"curls": 0, "grain": fuzz.grain}

    def mesh(self, program: Any, light: Floats) -> moderngl.VertexArray:
        data = np.concatenate([self.points, self.normals, self._depth[:, None], light], 1)
        buffer = self.ctx.buffer(data.astype(np.float32).tobytes())
        layout = [(buffer, "3f 3f 1f 4f", "position", "normal", "depth", "light")]
        index = self.ctx.buffer(self._triangles.tobytes())
        return self.ctx.vertex_array(program, layout, index)

    def shadow(self) -> tuple[Floats, Ints]:
        return self.points, self._triangles[-(len(self._triangles) // self._layers) :]


Hair = Locks | Shells


def make_hair(
    ctx: moderngl.Context, head: Head, person: Floats, look: Appearance,
    solids: tuple[Floats, Floats], viewer: Viewer,
) -> Hair | None:  # fmt: skip
    """The hair of that appearance; None for the bald. `solids` as in `grow`."""
    ribbons = grow(head, person, look, solids)
    if ribbons is not None:
        return Locks(ctx, ribbons, viewer)
    made = shells(head, person, look)
    return Shells(ctx, FUZZ[look.hair_style], made) if made else None
