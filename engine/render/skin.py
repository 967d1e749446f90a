"""Paints the skin, once for an appearance: flush, lips, brows, age."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import moderngl
import numpy as np

from engine.head import Head
from engine.head.uv import face_uv
from engine.types import Appearance, Bytes, Floats

from .canvas import program, set_uniforms
from .surface import Corners, Normals, ears

SIZE = 1536  # texels a side of the whole uv square, of which the face has some 270 across
# The brow's middle line seen from the eye's centre, from the nose outwards, mm.
_BROW = np.array([[-18, 14.5], [-10, 17.0], [0, 19.5], [11, 19.5], [22, 16.0]], np.float32)
HAIRY = 0.07  # of the face's map: so far in from its border hair and background may be seen
FADE = 0.11  # and so much further in a worn face is whole
SHEET = 8.0  # texels a millimetre of the sheet that brows are drawn on


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are on the average head, mm."""

    eyes: Floats  # (2, 3) left, right
    nose: Floats
    mouth: Floats
    chin: Floats
    cheeks: Floats  # (2, 3)
    brow: Floats  # between the brows
    brows: tuple[Floats, Floats]  # (5, 2) each, left and right, from the nose outwards

    @property
    def points(self) -> Floats:
        rows = [*self.eyes, self.nose, self.mouth, self.chin, *self.cheeks, self.brow]
        return np.array(rows, np.float32)


def find_places(head: Head) -> Places:
    eyes, skin = head.eye_centres, head.neutral[np.unique(head.faces[head.parts["skin"]])]
    mouth = head.neutral[head.masks["lips"] > 0.5].mean(0)
    middle = skin[np.abs(skin[:, 0]) < 4]
    nose = middle[(middle[:, 1] > mouth[1]) & (middle[:, 1] < eyes[0, 1])]
    chin = middle[(middle[:, 1] < mouth[1] - 20) & (middle[:, 1] > mouth[1] - 60)]
    cheeks = eyes * [1.25, 1.0, 1.0]
    cheeks[:, 1] = 0.5 * eyes[:, 1] + 0.5 * mouth[1]
    brow = np.array([0.0, eyes[0, 1] + 14.0, nose[:, 2].max() - 15.0], np.float32)
    left = (eyes[0, :2] + _BROW).astype(np.float32)
    return Places(
        eyes, nose[nose[:, 2].argmax()], mouth, chin[chin[:, 2].argmax()],
        cheeks.astype(np.float32), brow, (left, left * np.array([-1, 1], np.float32)),
    )  # fmt: skip


def paint_skin(
    ctx: moderngl.Context, shaders: Path, head: Head, corners: Corners, look: Appearance
) -> moderngl.Texture:
    """Square root of colour, and gloss, over the head's uv square; see bake.frag.glsl."""
    places = find_places(head)
    built = program(ctx, shaders, "bake.vert.glsl", "bake.frag.glsl", strokes=0, worn=1)
    sheet, box = _brow_sheet(places, look)
    set_uniforms(
        built,
        sheet=tuple(box),
        skin=look.skin,
        lip_colour=look.lips,
        brow_colour=look.brows,
        hair_colour=look.hair,
        age=look.age,
        freckles=look.freckles,
        stubble=look.stubble,
        scalp_cover=look.extra.get("scalp", 0.95),
        points=places.points,
    )
    strokes = ctx.texture((sheet.shape[1], sheet.shape[0]), 1, sheet.tobytes())
    strokes.repeat_x = strokes.repeat_y = False
    strokes.build_mipmaps()
    strokes.use(0)
    worn = _worn(ctx, look)
    worn.use(1)
    painted = ctx.texture((SIZE, SIZE), 4)
    before, target = ctx.fbo, ctx.framebuffer([painted])
    target.use()
    red, green, blue = (c**0.5 for c in look.skin)
    target.clear(red, green, blue, 0.4)
    _lay_out(ctx, built, head, corners, look.albedo is not None)
    before.use()  # a released framebuffer must not stay bound
    target.release()
    worn.release()
    painted.build_mipmaps()
    painted.filter = moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR
    return painted


def _worn(ctx: moderngl.Context, look: Appearance) -> moderngl.Texture:
    """The learned face's map; one black texel where there is none."""
    pixels = np.zeros((1, 1, 3), np.float16) if look.albedo is None else look.albedo
    data = np.ascontiguousarray(pixels, np.float16)
    made = ctx.texture((data.shape[1], data.shape[0]), 3, data.tobytes(), dtype="f2", alignment=2)
    made.repeat_x = made.repeat_y = False
    return made


def _on_map(head: Head, wears: bool) -> Floats:
    """(v, 3) where each vertex lies on the face's map, and how far a worn face covers it."""
    out = np.zeros((len(head.neutral), 3), np.float32)
    if not wears:
        return out
    face = face_uv(head)
    own = face.vertices[face.skin]
    hull = cv2.convexHull(face.uv[face.skin])
    inside = [cv2.pointPolygonTest(hull, uv.tolist(), True) for uv in face.uv[face.skin]]
    out[own, :2] = face.uv[face.skin]
    out[own, 2] = np.clip((np.array(inside) - HAIRY) / FADE, 0, 1)
    return out


def _lay_out(ctx: moderngl.Context, built: Any, head: Head, corners: Corners, wears: bool) -> None:
    """Draws the skin in uv space. Around it stays plain skin, so that seams do not show."""
    vertex = corners.vertex
    normals = Normals(head.faces, len(head.neutral))(head.neutral)
    data = np.concatenate(
        [
            corners.rest, normals[vertex], corners.uv, _masks(head)[vertex],
            _on_map(head, wears)[vertex],
        ],
        1,
    ).astype(np.float32)  # fmt: skip
    skin = head.corner_faces[np.concatenate([head.parts["skin"], head.parts["mouth_inner"]])]
    buffer = ctx.buffer(data.tobytes())
    index = ctx.buffer(skin.astype(np.int32).tobytes())
    layout = [(buffer, "3f 3f 2f 4f 3f", "rest", "normal", "uv", "paint", "map")]
    mesh = ctx.vertex_array(built, layout, index)
    ctx.disable(moderngl.DEPTH_TEST | moderngl.CULL_FACE | moderngl.BLEND)
    mesh.render()


def _masks(head: Head) -> Floats:
    """(v, 4): lips, scalp, how thin (ears), inside of the mouth."""
    columns = [head.masks["lips"], head.masks["scalp"], ears(head), head.masks["mouth_inner"]]
    return np.stack(columns, 1).astype(np.float32)


def _brow_sheet(places: Places, look: Appearance) -> tuple[Bytes, Floats]:
    """Brow hairs seen from the front: (h, w) coverage, and left, bottom, width, height in mm."""
    every = np.concatenate(places.brows)
    low, high = every.min(0) - 12.0, every.max(0) + 12.0
    size = np.ceil((high - low) * SHEET).astype(int)
    sheet = np.zeros((size[1], size[0]), np.uint8)
    rng = np.random.default_rng(7)
    for curve in places.brows:
        for hair, strength in _brow_hairs(curve, look, rng):
            points = ((hair - low) * SHEET * 16).astype(np.int32)
            cv2.polylines(sheet, [points], False, int(strength), 2, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(sheet, (0, 0), 5.0)
    both = np.maximum(sheet, (soft * 0.85).astype(np.uint8))
    return both, np.array([*low, *(high - low)], np.float32)


def _brow_hairs(curve: Floats, look: Appearance, rng: np.random.Generator) -> Any:
    """Hairs from the nose outwards: upright at first, then along the brow."""
    thick = look.extra.get("brow_thickness", 1.0)
    count = int(330 * look.extra.get("brow_density", 1.0))
    along = np.linspace(0, 1, len(curve))
    sign = np.sign(curve[-1, 0] - curve[0, 0])
    for s in rng.beta(1.0, 1.25, count):
        root = np.array([np.interp(s, along, curve[:, k]) for k in range(2)])
        width = thick * np.interp(s, [0, 0.15, 0.6, 1.0], [1.6, 3.0, 2.5, 0.8])
        v = rng.uniform(-1, 1)
        root[1] += v * width
        lean = np.interp(s, [0, 0.25, 1], [1.25, 0.5, -0.25]) - 0.45 * v + rng.normal(0, 0.13)
        length = np.interp(s, [0, 0.4, 1], [5.0, 7.0, 4.5]) * rng.uniform(0.7, 1.1)
        steps = np.linspace(0, 1, 5)[:, None] * length
        angle = lean - 0.35 * np.linspace(0, 1, 5)[:, None]
        yield (
            root + steps * np.concatenate([sign * np.cos(angle), np.sin(angle)], 1),
            rng.uniform(140, 255),
        )
