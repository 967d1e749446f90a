"""Leaves out hair that nobody ever sees: what is hidden from every side that is shown."""

from typing import Any

import moderngl
import numpy as np

from engine.types import Floats, Ints

from . import camera
from .canvas import set_uniforms

SIDE = 640  # pixels of the views looked at
YAWS = (-0.85, -0.4, 0.0, 0.4, 0.85)  # radians: the head hardly turns further
_VERTEX = """#version 330
uniform mat4 camera;
uniform mat3 turn;
in vec3 position;
in vec2 uv;
in float number;
out vec2 at;
flat out float who;
void main() {
    at = uv;
    who = number;
    gl_Position = camera * vec4(turn * position, 1.0);
}
"""
_FRAGMENT = """#version 330
uniform sampler2D sheet;
uniform float cut;
in vec2 at;
flat in float who;
out vec4 colour;
void main() {
    if (cut > 0.0 && texture(sheet, at).g < cut) discard;
    int n = int(who + 0.5);
    colour = vec4(n & 255, (n >> 8) & 255, (n >> 16) & 255, 255) / 255.0;
}
"""


class Viewer:
    """Draws numbered pieces, and the solid things before them, from several sides."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self.ctx = ctx
        self._program = ctx.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
        set_uniforms(self._program, camera=camera.projection(1.0))
        self._target = ctx.framebuffer(
            [ctx.renderbuffer((SIDE, SIDE), 4)], ctx.depth_renderbuffer((SIDE, SIDE))
        )
        self._meshes: list[tuple[moderngl.VertexArray, float]] = []

    def add(
        self, points: Floats, triangles: Any, uv: Floats | None = None,
        number: Floats | None = None, cut: float = 0.0,
    ) -> None:  # fmt: skip
        """Points (n, 3), triangles (m, 3); number (n,) of the piece, 0 for what only hides."""
        count = len(points)
        uv = np.zeros((count, 2), np.float32) if uv is None else uv
        number = np.zeros(count, np.float32) if number is None else number
        data = np.concatenate([points, uv, number[:, None]], 1).astype(np.float32)
        layout = [(self.ctx.buffer(data.tobytes()), "3f 2f 1f", "position", "uv", "number")]
        index = self.ctx.buffer(np.ascontiguousarray(triangles, np.int32).tobytes())
        self._meshes.append((self.ctx.vertex_array(self._program, layout, index), cut))

    def seen(self) -> Ints:
        """The numbers of the pieces of which at least one pixel shows from some side."""
        found = np.zeros(1 << 16, bool)
        for yaw in YAWS:
            turned = camera.turn(np.array([yaw, 0.0, 0.0], np.float32))
            set_uniforms(self._program, turn=turned.T)
            self._target.use()
            self._target.clear()
            self.ctx.enable_only(moderngl.DEPTH_TEST)
            for mesh, cut in self._meshes:
                set_uniforms(self._program, cut=cut)
                mesh.render()
            pixels = np.frombuffer(self._target.read(components=4), np.uint8).reshape(-1, 4)
            found[pixels.view("<u4").ravel() & 0xFFFF] = True
        found[0] = False
        return np.nonzero(found)[0].astype(np.int32)
