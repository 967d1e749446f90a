"""How much light reaches each point: from all around and from each lamp, made once by shadow maps.

The head turns little, so what was in shadow stays so; this gives soft shadows at no cost a frame.
"""

from collections.abc import Sequence
from typing import Any

import moderngl
import numpy as np

from engine.types import Floats

from .canvas import set_uniforms

MAP = 288  # texels a side of a shadow map
AROUND, OF_LAMP = 44, 6  # directions sampled
KEY = (-0.50, 0.52, 0.69)  # as in common.glsl
RIMS = (-0.80, 0.32, -0.50), (0.77, 0.38, -0.51)

_DEPTH = """#version 330
uniform mat4 camera;
in vec3 position;
void main() { gl_Position = camera * vec4(position, 1.0); }
"""
_NOTHING = "#version 330\nvoid main() {}\n"
_TEST = """#version 330
uniform mat4 camera;
uniform sampler2DShadow shadow;
in vec3 position;
in vec3 normal;
in float bias;
out float lit;
void main() {
    vec4 p = camera * vec4(position + normal * bias, 1.0);
    lit = textureLod(shadow, p.xyz * 0.5 + 0.5, 0.0);
}
"""


class LightBaker:
    """Shadow maps of a few solid meshes, asked at points."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self.ctx = ctx
        self._depth = ctx.program(vertex_shader=_DEPTH, fragment_shader=_NOTHING)
        self._test = ctx.program(vertex_shader=_TEST, varyings=("lit",))
        self._map = ctx.depth_texture((MAP, MAP))
        self._map.compare_func = "<="
        self._target = ctx.framebuffer(depth_attachment=self._map)
        self._solids: list[moderngl.VertexArray] = []
        self._reach = 1.0

    def add(self, points: Floats, triangles: Any) -> None:
        """A solid that casts shadows: (n, 3) mm and (m, 3)."""
        buffer = self.ctx.buffer(np.ascontiguousarray(points, np.float32).tobytes())
        index = self.ctx.buffer(np.ascontiguousarray(triangles, np.int32).tobytes())
        self._solids.append(self.ctx.vertex_array(self._depth, [(buffer, "3f", "position")], index))
        self._reach = max(self._reach, float(np.linalg.norm(points, axis=1).max()) + 10)

    def light(self, points: Floats, normals: Floats, bias: Floats) -> Floats:
        """(n, 4) in [0, 1]: ambient, key, left and right rim, at points (n, 3) with normals.

        `bias` (n,): mm off the surface, so that it does not shade itself.
        """
        data = np.concatenate([points, normals, bias[:, None]], 1).astype(np.float32)
        layout = [(self.ctx.buffer(data.tobytes()), "3f 3f 1f", "position", "normal", "bias")]
        self._points = self.ctx.vertex_array(self._test, layout)
        self._answers = self.ctx.buffer(reserve=4 * len(points))
        sphere = _sphere(AROUND)
        facing = np.maximum(normals @ sphere.T, 0.0) + 1e-3
        seen = np.stack([self._from(d) for d in sphere], 1)
        columns = [(seen * facing).sum(1) / facing.sum(1)]
        for lamp, spread in ((KEY, 0.20), (RIMS[0], 0.25), (RIMS[1], 0.25)):
            around = [self._from(d) for d in _cone(np.array(lamp), spread, OF_LAMP)]
            columns.append(np.mean(around, 0))
        return np.stack(columns, 1).astype(np.float32)

    def _from(self, direction: Floats) -> Floats:
        """(n,): 1 where the light from that direction arrives."""
        camera = _orthographic(direction, self._reach).T
        set_uniforms(self._depth, camera=camera)
        set_uniforms(self._test, camera=camera)
        self._target.use()
        self._target.clear()
        self.ctx.enable_only(moderngl.DEPTH_TEST)
        for solid in self._solids:
            solid.render()
        self._map.use(0)
        self._points.transform(self._answers, moderngl.POINTS)
        return np.frombuffer(self._answers.read(), np.float32)


def _orthographic(direction: Floats, reach: float) -> np.ndarray:  # type: ignore[type-arg]
    z = direction / np.linalg.norm(direction)
    x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.95 else [1.0, 0.0, 0.0], z)
    x /= np.linalg.norm(x)
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([x, np.cross(z, x), -z]) / reach
    return matrix


def _sphere(count: int) -> Floats:
    """Directions spread evenly, but for the lowest: no light comes from under the floor."""
    k = np.arange(count) + 0.5
    y = 1 - k / count * 1.75
    angle = np.pi * (1 + 5**0.5) * k
    r = np.sqrt(1 - y * y)
    return np.stack([r * np.cos(angle), y, r * np.sin(angle)], 1).astype(np.float32)


def _cone(axis: np.ndarray, spread: float, count: int) -> Sequence[Floats]:  # type: ignore[type-arg]
    axis = axis / np.linalg.norm(axis)
    side = np.cross(axis, [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, axis)
    k = np.arange(count) + 0.5
    r, angle = spread * np.sqrt(k / count), 2.39996 * k
    rays = axis + r[:, None] * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * up)
    return [np.asarray(ray / np.linalg.norm(ray), np.float32) for ray in rays]
