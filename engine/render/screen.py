"""A renderer whose scene can be exchanged while it draws."""

import threading
from contextlib import ExitStack
from dataclasses import replace

from ..types import Appearance, Picture, World
from .config import RenderConfig
from .process import Renderer
from .scene import check_scene


class Screen:
    """Draws as a Renderer does; `show` goes over to another scene without a gap.

    The next renderer is made and warmed beside the one that draws, so for a moment there are two.
    """

    def __init__(self, config: RenderConfig, appearance: Appearance, vertices: int) -> None:
        self._config, self._appearance, self._vertices = config, appearance, vertices
        self._renderer = Renderer(config, appearance, vertices)
        self._exchange = threading.Lock()  # of the renderer, against one that draws
        self._last: World | None = None

    @property
    def scene(self) -> str:
        return self._config.scene

    @property
    def window_closed(self) -> bool:
        return self._renderer.window_closed

    def wait_ready(self) -> str:
        return self._renderer.wait_ready()

    def draw(self, world: World) -> Picture:
        with self._exchange:
            self._last = world
            return self._renderer.draw(world)

    def show(self, scene: str) -> None:
        """Blocks for a second or more. EngineError where the scene cannot be drawn: nothing
        changes then."""
        if scene == self.scene:
            return
        check_scene(scene)
        self._exchanged(replace(self._config, scene=scene), self._appearance)

    def wear(self, appearance: Appearance) -> None:
        """The same scene with another avatar; blocks as `show` does."""
        self._exchanged(self._config, appearance)

    def _exchanged(self, config: RenderConfig, appearance: Appearance) -> None:
        fresh = Renderer(config, appearance, self._vertices)
        with ExitStack() as undo:
            undo.callback(fresh.close)
            fresh.wait_ready()
            if self._last is not None:
                fresh.draw(self._last)  # the first picture takes long
            undo.pop_all()
        with self._exchange:
            old, self._renderer = self._renderer, fresh
            self._config, self._appearance = config, appearance
        old.close()

    def close(self) -> None:
        with self._exchange:
            self._renderer.close()
