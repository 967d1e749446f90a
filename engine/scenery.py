"""What a scene needs of the senses, also where it is asked for while the session runs."""

import asyncio
from typing import Any, Protocol

from .capture import Camera, CaptureConfig, Senses, open_camera
from .channel import Channel
from .clock import Clock
from .errors import ConfigError
from .feeding import feed
from .outside import Outside
from .render.scene import scene_needs
from .types import World
from .watching import Asked, Flow, Loaded, Watching


class Wanted(Asked, Protocol):
    """What a session was asked for."""

    @property
    def capture(self) -> CaptureConfig: ...


class Scenery:
    """Begins to watch: at the start, or when a scene comes that needs a camera."""

    def __init__(
        self, flow: Flow, config: Wanted, parts: Loaded, senses: Senses, watching: Watching,
        worlds: list[Channel[World]], outside: Outside, clock: Clock, stop: asyncio.Event,
    ) -> None:  # fmt: skip
        """`worlds`: where worlds of speech go; with a camera, where they meet what is seen."""
        self._flow, self._config, self._parts, self._senses = flow, config, parts, senses
        self._watching, self._worlds, self._outside = watching, worlds, outside
        self._clock, self._stop = clock, stop

    def watch(self, camera: Camera) -> None:
        def feeding(sink: Channel[Any]) -> Any:
            return feed(camera, sink, self._stop)

        self._watching.describe = camera.describe
        self._watching.watch(self._flow, feeding, self._worlds, self._outside)

    async def prepare(self, scene: str) -> None:
        """Gives a scene that is asked for later what it needs; EngineError says why not."""
        needs, watching = scene_needs(scene), self._watching
        if "verify" in needs and watching.presence is None:
            raise ConfigError("this session recognises nobody: start it with --scene verify")
        if "faces" not in needs or (watching.describe and watching.drive):
            return
        camera = None if watching.describe else self._camera()
        loop = asyncio.get_running_loop()
        pool, parts = self._flow.pool, self._parts
        now = self._clock.now
        await loop.run_in_executor(pool, watching.load, parts, self._config, needs, now)
        if camera:
            self.watch(camera)
        elif watching.drive:
            watching.meet_from_now(self._flow, self._worlds)

    def _camera(self) -> Camera:
        if browser := self._senses.browser:
            camera: Camera = browser.open_camera()
            self._outside.takes(browser.kinds)
            return camera
        return open_camera(self._config.capture, self._clock, self._flow.stats, self._flow.live)
