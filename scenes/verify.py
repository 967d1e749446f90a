"""Who is before the camera: its picture, names, and the evidence as it grows."""

import moderngl

from engine.head import Head
from engine.render.canvas import Canvas, program, set_uniforms
from engine.render.config import RenderConfig
from engine.types import Appearance, World

from ._verify_panel import paint
from .avatar import SHADERS


class Scene:
    """The camera's picture; an avatar is nowhere to be seen."""

    needs = ("speech", "faces", "verify")

    def __init__(
        self, canvas: Canvas, head: Head, appearance: Appearance, config: RenderConfig
    ) -> None:
        self.canvas = canvas
        built = program(canvas.ctx, SHADERS, "picture.vert.glsl", "picture.frag.glsl", picture=0)
        set_uniforms(built, part=(0.0, 0.0, 1.0, 1.0))
        self._texture = canvas.ctx.texture(canvas.size, 3, alignment=1)
        self._wall = canvas.ctx.vertex_array(built, [])

    def draw(self, world: World) -> None:
        self._texture.write(paint(world.present, *self.canvas.size).tobytes())
        self.canvas.ctx.disable(moderngl.DEPTH_TEST | moderngl.BLEND | moderngl.CULL_FACE)
        self._texture.use(0)
        self._wall.render(moderngl.TRIANGLES, vertices=3)
