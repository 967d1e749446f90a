"""What every source of pictures is, and a file of video as one."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Protocol

from ..channel import Channel
from ..clock import Clock
from ..types import VideoFrame
from .video import VideoFile


class Camera(Protocol):
    """Fills a channel with pictures stamped in session time; a live one keeps the newest."""

    @property
    def describe(self) -> str:
        """One line for a person: what is being watched."""

    @property
    def ends(self) -> bool:
        """Whether its pictures come to an end by themselves."""

    async def run(self, sink: Channel[VideoFrame]) -> None:
        """Sends until the pictures end, then closes `sink`; a device never ends."""


class CameraFile:
    """Pictures from a file. `clock` None: as fast as the channel takes them, from t = 0.

    With a clock each comes when it is due; with `loop` the file begins again at its end,
    after `pause` seconds.
    """

    def __init__(
        self, path: Path, clock: Clock | None = None, loop: bool = False, pause: float = 0.0
    ) -> None:
        self.file, self._clock = VideoFile(path), clock
        self._loop, self._pause = loop, pause
        self.ends = not loop
        self.describe = f"the video {path.name}, {self.file.size[0]}x{self.file.size[1]}"

    async def run(self, sink: Channel[VideoFrame]) -> None:
        origin = self._clock.now() if self._clock else 0.0
        frames = self._frames()
        while (frame := await asyncio.to_thread(next, frames, None)) is not None:
            if self._clock:
                await self._clock.sleep_until(origin + frame.t)
            await sink.put(VideoFrame(origin + frame.t, frame.pixels))
        await sink.close()

    def _frames(self) -> Iterator[VideoFrame]:
        """All rounds, with times that go on from one to the next."""
        period = self.file.seconds + self._pause
        for k in count() if self._loop else range(1):
            for frame in self.file.frames():
                yield VideoFrame(k * period + frame.t, frame.pixels)
