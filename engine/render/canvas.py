"""The OpenGL context and the picture being drawn. The context is passed in, never fetched."""

import os
from pathlib import Path
from typing import Any

import moderngl
import numpy as np

from engine.errors import DeviceError
from engine.types import Bytes

from .config import RenderConfig

_HINTS = {
    "libEGL": "install libegl1 (apt install libegl1 libegl-mesa0 libgl1-mesa-dri)",
    "0 devices": "install libegl-mesa0 (apt install libegl-mesa0 libgl1-mesa-dri)",
    "eglInitialize": "install libegl-mesa0 (apt install libegl-mesa0 libgl1-mesa-dri)",
}
_PROCESSOR = "llvmpipe", "softpipe", "SwiftShader"  # who draw without a GPU, and have no time left


def create_context(backend: str = "egl") -> moderngl.Context:
    """A headless OpenGL 3.3 context; DeviceError that says what to install where there is none."""
    os.environ.setdefault("LP_NUM_THREADS", "2")  # llvmpipe: more only take turns on small pictures
    try:
        settings: dict[str, Any] = {"backend": backend}
        return moderngl.create_context(standalone=True, require=330, **settings)
    except Exception as e:  # noqa: BLE001 - glcontext raises bare Exception
        raise DeviceError(f"no OpenGL here ({_line(e)}): {_hint(str(e))}") from e


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


def _hint(text: str) -> str:
    found = (hint for mark, hint in _HINTS.items() if mark in text)
    return next(found, "install libegl1 libegl-mesa0 libgl1-mesa-dri, then ./run doctor")


class Canvas:
    """A framebuffer that scenes draw to, with its smoothing filter and its way out."""

    def __init__(self, ctx: moderngl.Context, config: RenderConfig) -> None:
        self.ctx, self.config = ctx, config
        self.size = config.width, config.height
        self.channels = 4 if config.transparent else 3
        samples = min(4, ctx.max_samples) if config.quality == "high" else 0
        self.target = self._framebuffer(samples, depth=True)  # scenes draw here
        self._plain = self._framebuffer(0, depth=False) if samples else self.target
        self._smooth = self._framebuffer(0, depth=False)
        processor = any(name in ctx.info["GL_RENDERER"] for name in _PROCESSOR)
        plain = config.quality == "low" or (config.quality == "auto" and processor)
        self._filter = None if plain else _filter(ctx)
        self.target.use()
        self._bytes = bytearray(self.size[0] * self.size[1] * self.channels)
        self.finished = self._plain  # the framebuffer of the last picture read

    @property
    def aspect(self) -> float:
        return self.size[0] / self.size[1]

    def _framebuffer(self, samples: int, depth: bool) -> moderngl.Framebuffer:
        # A texture, for the filter reads it; multisampled ones are only ever copied.
        colour = (
            self.ctx.renderbuffer(self.size, 4, samples=samples)
            if samples
            else self.ctx.texture(self.size, 4)
        )
        z = self.ctx.depth_renderbuffer(self.size, samples=samples) if depth else None
        return self.ctx.framebuffer([colour], z)

    def begin(self) -> None:
        """Makes the target current and empties it."""
        self.target.use()
        self.target.clear()

    def read(self) -> Bytes:
        """The finished picture: (h, w, 3), or (h, w, 4) with straight alpha; the top row first."""
        self.finished = self._resolve()
        self.finished.read_into(self._bytes, components=self.channels)
        width, height = self.size
        pixels = np.frombuffer(self._bytes, np.uint8).reshape(height, width, self.channels)
        return straight(pixels[::-1]) if self.channels == 4 else pixels[::-1]

    def _resolve(self) -> moderngl.Framebuffer:
        if self._plain is not self.target:
            self.ctx.copy_framebuffer(self._plain, self.target)
        if self._filter is None:
            return self._plain
        self.ctx.disable(moderngl.DEPTH_TEST | moderngl.BLEND | moderngl.CULL_FACE)
        self._smooth.use()
        self._plain.color_attachments[0].use(0)  # type: ignore[union-attr]
        self._filter.render(moderngl.TRIANGLES, vertices=3)
        return self._smooth


def straight(pixels: Bytes) -> Bytes:
    """Premultiplied -> straight alpha; only soft pixels differ."""
    out = pixels.copy()
    alpha = out[..., 3]
    rows, columns = np.nonzero((alpha > 0) & (alpha < 255))
    soft = out[rows, columns].astype(np.float32)
    soft[:, :3] = np.minimum(soft[:, :3] * (255.0 / soft[:, 3:4]), 255.0)
    out[rows, columns] = np.rint(soft).astype(np.uint8)
    return out


SHADERS = Path(__file__).parent / "shaders"


def program(ctx: moderngl.Context, folder: Path, vertex: str, fragment: str, **set_: Any) -> Any:
    """A program from two files of `folder`; lines `#include "x"` take in x of the same folder."""
    built = ctx.program(
        vertex_shader=source(folder, vertex), fragment_shader=source(folder, fragment)
    )
    set_uniforms(built, **set_)
    return built


def source(folder: Path, name: str) -> str:
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    taken = (
        source(folder, line.split('"')[1]) if line.startswith("#include") else line
        for line in lines
    )
    return "\n".join(taken)


def set_uniforms(built: Any, **values: Any) -> None:
    """Sets those uniforms that the compiler kept: it drops what a shader does not use."""
    for name, value in values.items():
        if name in built:
            if isinstance(value, np.ndarray):
                built[name].write(np.ascontiguousarray(value, np.float32).tobytes())
            else:
                built[name].value = value


def _filter(ctx: moderngl.Context) -> moderngl.VertexArray:
    built = program(ctx, SHADERS, "full.vert.glsl", "smooth.frag.glsl", picture=0)
    return ctx.vertex_array(built, [])
