"""The picture in a window of this machine's screen, besides being sent; needs the package glfw."""

import importlib
import os
from typing import Any

import moderngl

from engine.errors import DeviceError

from .canvas import Canvas
from .config import RenderConfig

TITLE = "Likeness"


class Window:
    """Owns the OpenGL context that scenes then draw with."""

    def __init__(self, config: RenderConfig) -> None:
        self._glfw = glfw = _glfw()
        if not glfw.init():
            screen = "" if os.environ.get("DISPLAY") else " (DISPLAY is not set)"
            raise DeviceError(f"no screen for a window here{screen}: leave out --window")
        hints = {
            glfw.CONTEXT_VERSION_MAJOR: 3,
            glfw.CONTEXT_VERSION_MINOR: 3,
            glfw.OPENGL_PROFILE: glfw.OPENGL_CORE_PROFILE,
            glfw.OPENGL_FORWARD_COMPAT: 1,
            glfw.RESIZABLE: 0,
        }
        for hint, value in hints.items():
            glfw.window_hint(hint, value)
        self._window = glfw.create_window(config.width, config.height, TITLE, None, None)
        if not self._window:
            raise DeviceError("the screen offers no OpenGL 3.3 window: leave out --window")
        glfw.make_context_current(self._window)
        glfw.swap_interval(0)  # the session sets the pace, not the screen
        self.ctx = moderngl.create_context(require=330)

    def show(self, canvas: Canvas) -> bool:
        """Shows the canvas's last picture; whether the person has closed the window."""
        self.ctx.copy_framebuffer(self.ctx.screen, canvas.finished)
        self._glfw.swap_buffers(self._window)
        self._glfw.poll_events()
        return bool(self._glfw.window_should_close(self._window))


def _glfw() -> Any:
    try:
        return importlib.import_module("glfw")
    except ImportError as e:
        raise DeviceError(
            "a window needs the package glfw: .venv/bin/python -m pip install glfw, "
            "or leave out --window"
        ) from e
