"""The mirror: the avatar does what the camera sees; or the camera's own face, in four ways.

avatar    the avatar alone; it lives on where no face is seen
face      the face that was found, relit: its own shape and the reflectance learned so far
overlay   the same face over the camera's picture, in the picture's light
layers    picture, shape, reflectance, illumination, all together, and the avatar
"""

from pathlib import Path

import cv2
import moderngl
import numpy as np

from engine.head import Head
from engine.head.uv import face_uv
from engine.render.canvas import Canvas, program, set_uniforms
from engine.render.config import RenderConfig
from engine.render.surface import Normals
from engine.track.place import matrix
from engine.types import Appearance, Floats, Seen, World
from scenes.avatar import Scene as Avatar

SHADERS = Path(__file__).parent / "shaders"
SHAPE, REFLECTANCE, LIGHT, TOGETHER = range(4)
STUDIO = (3.1, 0.5, 0.8, -0.35, 0.0, 0.0, 0.0, 0.0, 0.0)  # harmonics that show a shape well
CENTRE = (0.0, 14.5, 75.0)  # mm of head space: where viewpoints turn
SIDE = 240.0  # mm across a tile
LABELS = ("camera", "shape", "reflectance", "illumination", "together", "avatar")


class Scene:
    """The avatar's scene, and beside it the face that CEST found."""

    needs = ("speech", "faces", "track")

    def __init__(
        self, canvas: Canvas, head: Head, appearance: Appearance, config: RenderConfig
    ) -> None:
        self.canvas, self.head = canvas, head
        self.avatar = Avatar(canvas, head, appearance, config)
        self.face = _Face(canvas.ctx, head)
        self.picture = _Picture(canvas.ctx)
        self.labels = _Picture(canvas.ctx, 4)
        self._labelled = _label(*canvas.size)

    def draw(self, world: World) -> None:
        seen = world.seen
        if seen is None or seen.view == "avatar":
            self.avatar.draw(world)
            return
        self.canvas.ctx.enable_only(moderngl.DEPTH_TEST)
        self.face.move(seen)
        if seen.view == "layers":
            self._layers(world, seen)
        elif seen.view == "overlay":
            self.picture.draw(seen.picture, _window(seen, self.canvas.aspect))
            self.face.draw(TOGETHER, _window(seen, self.canvas.aspect))
        else:
            self._own(seen)

    def _own(self, seen: Seen) -> None:
        """Before the avatar's wall and about as large as the avatar's face."""
        self.avatar.draw_wall()
        self.face.draw(TOGETHER, _around(seen, self.canvas.aspect, 1.3), STUDIO)

    def _layers(self, world: World, seen: Seen) -> None:
        width, height = self.canvas.size
        across, down = (3, 2) if width >= height * 0.9 else (2, 3)
        wide, high = width // across, height // down
        window = _around(seen, wide / high, 1.0)
        ctx = self.canvas.ctx
        for k in range(across * down):
            column, row = k % across, down - 1 - k // across
            ctx.viewport = (column * wide, row * high, wide, high)
            if k == 0:
                self.picture.draw(seen.picture, window)
            elif k == 5:
                self._small(world, column * wide, row * high, wide, high)
            else:
                light = STUDIO if k == 1 else seen.params.illumination
                self.face.draw(k - 1, window, light)
        ctx.viewport = (0, 0, width, height)
        self.labels.draw(self._labelled, None)

    def _small(self, world: World, x: int, y: int, wide: int, high: int) -> None:
        """The avatar in a part of the canvas, as wide for its height as on the whole of it."""
        aspect = self.canvas.aspect
        width = min(wide, round(high * aspect))
        height = round(width / aspect)
        x, y = x + (wide - width) // 2, y + (high - height) // 2
        self.canvas.ctx.viewport = self.canvas.ctx.scissor = (x, y, width, height)
        self.avatar.draw(world)
        self.canvas.ctx.scissor = None


def _window(seen: Seen, aspect: float) -> Floats:
    """(4,) left, top, width, height in pixels of the picture: all of it that fits the canvas."""
    h, w = seen.picture.shape[:2]
    wide, high = (w, w / aspect) if w / h < aspect else (h * aspect, h)
    return np.array([(w - wide) / 2, (h - high) / 2, wide, high], np.float32)


def _around(seen: Seen, aspect: float, room: float) -> Floats:
    """The same about the face: SIDE mm high, `room` times."""
    high = float(np.exp(seen.params.viewpoint[0])) * SIDE * room / min(1.0, aspect)
    x, y = seen.params.viewpoint[4:6]
    return np.array([x - high * aspect / 2, y - 0.48 * high, high * aspect, high], np.float32)


class _Face:
    """The face's own vertices on the GPU, placed in pixels of the camera's picture."""

    def __init__(self, ctx: moderngl.Context, head: Head) -> None:
        self._ctx, self._head, self._map = ctx, head, face_uv(head)
        self._normals = Normals(self._map.faces, len(self._map.vertices))
        self._program = program(ctx, SHADERS, "cest.vert.glsl", "cest.frag.glsl")
        count = len(self._map.vertices)
        self._moving = ctx.buffer(reserve=24 * count, dynamic=True)
        uv = ctx.buffer(np.ascontiguousarray(self._map.uv, np.float32).tobytes())
        index = ctx.buffer(np.ascontiguousarray(self._map.faces, np.int32).tobytes())
        self._mesh = ctx.vertex_array(
            self._program, [(self._moving, "3f 3f", "place", "normal"), (uv, "2f", "uv")], index
        )
        self._texture: moderngl.Texture | None = None
        self._identity: Floats | None = None
        self._person = head.neutral
        self._light: Floats = np.zeros(9, np.float32)

    def move(self, seen: Seen) -> None:
        p = seen.params
        if self._identity is None or not np.array_equal(p.identity, self._identity):
            self._identity, self._person = p.identity, self._head.person(p.identity)
        posed = self._head.pose(self._person, p.expression)[self._map.vertices]
        turned = (posed - np.array(CENTRE, np.float32)) @ matrix(p.viewpoint).T
        placed = turned * np.exp(p.viewpoint[0]) * [1, -1, 1] + p.viewpoint[4:]
        values = np.concatenate([placed, self._normals(turned.astype(np.float32))], 1)
        self._moving.write(np.ascontiguousarray(values, np.float32).tobytes())
        self._light = p.illumination
        side = len(p.reflectance)
        if self._texture is None or self._texture.size[0] != side:
            self._texture = self._ctx.texture((side, side), 3, dtype="f2")
        self._texture.write(np.ascontiguousarray(p.reflectance, np.float16).tobytes())

    def draw(self, mode: int, window: Floats, light: "Floats | tuple[float, ...]" = ()) -> None:
        assert self._texture is not None
        self._texture.use(0)
        chosen = [float(v) for v in (light if len(light) else self._light)]
        set_uniforms(
            self._program, reflectance=0, mode=mode, window=tuple(window.tolist()), light=chosen
        )
        self._ctx.enable(moderngl.DEPTH_TEST)
        self._mesh.render()


class _Picture:
    """A picture as large as the viewport, or a window of it."""

    def __init__(self, ctx: moderngl.Context, channels: int = 3) -> None:
        self._ctx, self._channels = ctx, channels
        self._program = program(ctx, SHADERS, "picture.vert.glsl", "picture.frag.glsl", picture=0)
        self._mesh = ctx.vertex_array(self._program, [])
        self._texture: moderngl.Texture | None = None

    def draw(self, pixels: "np.ndarray", window: Floats | None) -> None:  # type: ignore[type-arg]
        h, w = pixels.shape[:2]
        if self._texture is None or self._texture.size != (w, h):
            self._texture = self._ctx.texture((w, h), self._channels, alignment=1)
        self._texture.write(np.ascontiguousarray(pixels).tobytes())
        self._texture.use(0)
        x, y, wide, high = (0, 0, w, h) if window is None else window.tolist()
        set_uniforms(self._program, part=(x / w, y / h, wide / w, high / h))
        self._ctx.disable(moderngl.DEPTH_TEST)
        self._ctx.enable(moderngl.BLEND)
        self._ctx.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        self._mesh.render(moderngl.TRIANGLES, vertices=3)
        self._ctx.disable(moderngl.BLEND)


def _label(width: int, height: int) -> "np.ndarray":  # type: ignore[type-arg]
    """(h, w, 4) premultiplied: the layers' names."""
    across, down = (3, 2) if width >= height * 0.9 else (2, 3)
    sheet = np.zeros((height, width, 4), np.uint8)
    size, font = height / 1300, cv2.FONT_HERSHEY_SIMPLEX
    for k, text in enumerate(LABELS):
        x, y = k % across * (width // across), k // across * (height // down)
        place = (x + 6, y + round(26 * size) + 4)
        for colour, thick in (((0, 0, 0, 255), 3), ((255, 255, 255, 255), 1)):
            cv2.putText(sheet, text, place, font, size, colour, thick, cv2.LINE_AA)
    return sheet
