"""A simple garment, cut along a neckline and laid over the shoulders."""

import moderngl
import numpy as np

from engine.head import Head
from engine.types import Appearance, Floats, Ints

from .surface import Corners, Normals, Surface

# The neckline on the average head: s = y - (A + B z + C x^2) is 0 there, above it is skin; mm.
A, B, C = -136.0, -0.56, 0.0050
VEE = 52.0  # mm that a vee goes below the crew neck
ROUNDS = 26  # of smoothing: cloth bridges what skin follows
OFF = 3.2  # mm off the skin at the neckline


def above(rest: Floats, vee: float) -> Floats:
    """How far each point (n, 3) of the average head is above the neckline, mm."""
    x, y, z = rest.T
    dip = vee * VEE * np.clip(1 - np.abs(x) / 58.0, 0, 1) * np.clip((z + 20) / 40, 0, 1)
    return np.asarray(y - (A + B * z + C * x * x - dip), np.float32)


class Cloth:
    """The garment's surface. It follows the shoulders as they breathe; its normals stay."""

    def __init__(self, ctx: moderngl.Context, head: Head, person: Floats, look: Appearance) -> None:
        self.vee = look.extra.get("vee", 0.0)
        height = above(head.neutral, self.vee)
        skin = head.faces[head.parts["skin"]]
        cut = skin[(height[skin] < 8.0).any(1)]
        used, faces = np.unique(cut, return_inverse=True)
        self.triangles = faces.reshape(-1, 3).astype(np.int32)
        self._used = used
        shape = _draped(person[used], self.triangles, height[used])
        self._offset = shape - person[used]
        self.weave = weave(ctx)
        rest = _draped(head.neutral[used], self.triangles, height[used])
        self._normals = _creased(Normals(self.triangles, len(used))(shape), rest)
        self.solid = self.triangles[(above(rest, self.vee)[self.triangles] < 0).all(1)]
        zero = np.zeros((len(used), 2), np.float32)
        follow = np.minimum(head.head_weight[used], 0.35)
        index = np.arange(len(used), dtype=np.int32)
        self.surface = Surface(ctx, Corners(index, zero, rest, follow, zero[:, 0]))

    def move(self, vertices: Floats) -> None:
        self.surface.move(vertices[self._used] + self._offset, self._normals)


def _draped(points: Floats, faces: Ints, height: Floats) -> Floats:
    """Skin points (n, 3) -> cloth: lifted, smoothed more and more below the neckline."""
    loose = np.clip(-height / 45.0, 0, 1)[:, None]
    shape = points.copy()
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    count = np.bincount(pairs[:, 0], minlength=len(points)).astype(np.float32)
    for _ in range(ROUNDS):
        total = np.stack(
            [np.bincount(pairs[:, 0], shape[pairs[:, 1], k], len(points)) for k in range(3)], 1
        )
        shape = shape + 0.6 * loose * (total / count[:, None] - shape)
    outward = Normals(faces, len(points))(shape.astype(np.float32))
    inside = np.einsum("nd,nd->n", points - shape, outward)  # skin must not come through
    lift = OFF + 2.5 * loose[:, 0] + np.maximum(inside, 0)
    return np.asarray(shape + outward * lift[:, None], np.float32)


def _creased(normals: Floats, rest: Floats) -> Floats:
    """Tilted as by soft folds that hang from the shoulders."""
    x, y, z = rest.T
    wave = np.sin(x * 0.055 + 0.9 * np.sin(y * 0.03 + z * 0.02)) * np.clip((-y - 150) / 80, 0, 1)
    tilted = normals + 0.14 * np.stack([wave, 0.3 * np.sin(y * 0.07 + x * 0.02), 0 * wave], 1)
    return np.asarray(tilted / np.linalg.norm(tilted, axis=1, keepdims=True), np.float32)


def weave(ctx: moderngl.Context) -> moderngl.Texture:
    """A knit that repeats, as brightness about a half."""
    grid = np.arange(128) / 128 * 2 * np.pi
    x, y = np.meshgrid(grid, grid)
    knit = 0.5 + 0.18 * np.cos(24 * x) * np.cos(32 * y + 0.6 * np.cos(24 * x))
    knit += np.random.default_rng(1).normal(0, 0.07, knit.shape)
    texture = ctx.texture(
        (128, 128), 1, np.rint(np.clip(knit, 0, 1) * 255).astype(np.uint8).tobytes()
    )
    texture.build_mipmaps()
    texture.filter = moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR
    return texture


def covered(head: Head, vee: float) -> Ints:
    """Which skin triangles no one sees: indices into head.faces."""
    skin = head.parts["skin"]
    hidden = (above(head.neutral, vee)[head.faces[skin]] < -16.0).all(1)
    return skin[hidden]
