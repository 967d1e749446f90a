"""The persona: nobody in particular, until somebody speaks; then a head imagined for the voice."""

import moderngl
import numpy as np
from PIL import Image, ImageDraw

from engine.head import Head
from engine.head.look import BASES, base
from engine.render.canvas import Canvas, program, set_uniforms
from engine.render.config import RenderConfig
from engine.types import Appearance, Bytes, Persona, World

from ._verify_panel import BRIGHT, MINT, capital, fitting, letters
from .avatar import SHADERS, avatar_corners
from .avatar import Scene as Avatar

NOTICE = "Imagined from a voice, not a likeness of anybody"
DISSOLVE = 0.6  # seconds in which one head of hair gives way to another


class Scene:
    """An avatar for each class of voice, of which one is seen; and what must be said."""

    needs = ("speech", "persona")

    def __init__(
        self, canvas: Canvas, head: Head, appearance: Appearance, config: RenderConfig
    ) -> None:
        self.canvas = canvas
        corners = avatar_corners(head, appearance)
        self.avatars = {
            kind: Avatar(canvas, head, base(kind, appearance, head), config, corners)
            for kind in BASES
        }
        self._shown, self._since, self._before = "", -np.inf, ""
        self._old = _Layer(canvas, 4)
        self._words = _Layer(canvas, 4)
        self._written: tuple[object, ...] | None = None

    def draw(self, world: World) -> None:
        persona = world.persona
        kind = persona.kind if persona else ""
        if kind != self._shown:
            self._before, self._shown, self._since = self._shown, kind, world.t
        share = float(np.clip((world.t - self._since) / DISSOLVE, 0, 1))
        if share < 1:
            self._draw(self._before, world)
            self._old.copy()
            self.canvas.target.use()
            self.canvas.target.clear()
        self._draw(self._shown, world)
        if share < 1:
            self._old.draw(1 - share)
        if persona:
            self._write(persona)

    def _draw(self, kind: str, world: World) -> None:
        avatar = self.avatars[kind]
        if world.persona:
            avatar.tint(world.persona.tone, world.persona.tint)
        avatar.draw(world)

    def _write(self, persona: Persona) -> None:
        said = (state(persona), persona.share, persona.locked)
        if said != self._written:
            self._written = said
            self._words.write(paint(persona, *self.canvas.size))
        self._words.draw(1.0)


class _Layer:
    """A picture with straight alpha over the canvas, or over its lowest rows."""

    def __init__(self, canvas: Canvas, channels: int) -> None:
        self._canvas = canvas
        ctx = canvas.ctx
        self._texture = ctx.texture(canvas.size, channels)
        self._frame = ctx.framebuffer([self._texture])
        self._program = program(ctx, SHADERS, "picture.vert.glsl", "layer.frag.glsl", picture=0)
        self._mesh = ctx.vertex_array(self._program, [])
        self._rows = canvas.size[1]  # that are drawn: what is not there need not be blended

    def copy(self) -> None:
        """Takes what is drawn by now."""
        self._canvas.ctx.copy_framebuffer(self._frame, self._canvas.target)
        set_uniforms(self._program, part=(0.0, 1.0, 1.0, -1.0))  # its rows go up

    def write(self, pixels: Bytes) -> None:
        """(h, w, 4), the top row first, premultiplied."""
        self._rows = len(pixels) - int(np.argmax(pixels[..., 3].any(1)))
        self._texture.write(np.ascontiguousarray(pixels).tobytes())
        set_uniforms(self._program, part=(0.0, 0.0, 1.0, 1.0))

    def draw(self, share: float) -> None:
        ctx = self._canvas.ctx
        ctx.disable(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        ctx.enable(moderngl.BLEND)
        ctx.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        set_uniforms(self._program, share=share)
        self._texture.use(0)
        self._canvas.target.scissor = 0, 0, self._canvas.size[0], self._rows
        self._mesh.render(moderngl.TRIANGLES, vertices=3)
        self._canvas.target.scissor = 0, 0, *self._canvas.size
        ctx.disable(moderngl.BLEND)


def state(persona: Persona) -> str:
    return "held" if persona.locked else persona.words


def paint(persona: Persona, w: int, h: int) -> Bytes:
    """(h, w, 4) premultiplied: the notice, what is going on, and how much was heard."""
    sheet = Image.new("RGBA", (w, h), (0, 0, 0, 0))
    pen, u = ImageDraw.Draw(sheet), max(min(w, h) / 512, 0.7)
    words, small, font = capital(state(persona)), letters(round(12 * u)), letters(round(15 * u))
    lines = fitting(pen, words, font, w - 48 * u) if words else []
    top = h - (34 + 20 * len(lines)) * u
    _veil(sheet, top - 26 * u)
    for k, line in enumerate(lines):
        ink = MINT if persona.locked else BRIGHT
        pen.text((w / 2, top + 20 * k * u), line, ink, font, anchor="mm")
    pen.text((w / 2, h - 19 * u), NOTICE, BRIGHT, small, anchor="mm")
    if not persona.locked and persona.share < 1:
        y, wide = h - 5 * u, w * persona.share
        pen.rectangle((0, y, wide, h), fill=(*MINT, 255))
    out = np.asarray(sheet, np.float32)
    out[..., :3] *= out[..., 3:] / 255
    return np.asarray(np.rint(out), np.uint8)


def _veil(sheet: Image.Image, top: float) -> None:
    """Darkens the lower edge, so that words can be read on anything."""
    w, h = sheet.size
    rows = np.clip((np.arange(h) - top) / max((h - top) * 0.6, 1), 0, 1) * 190
    dark = np.zeros((h, w, 4), np.uint8)
    dark[..., :3], dark[..., 3] = (10, 11, 14), rows[:, None]
    sheet.alpha_composite(Image.fromarray(dark, "RGBA"))
