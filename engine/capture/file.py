"""A file as a source: at the pace of life, or as fast as it is taken."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from ..channel import Channel
from ..clock import Clock
from ..types import AudioChunk, Floats
from .blocks import block_size, cut, silence
from .decode import AudioFile


class FileSource:
    """Sound from a file. `clock` None: as fast as the channel takes it, from t = 0.

    With a clock it comes as from a microphone: each block when its last sample is due.
    """

    is_microphone = False

    def __init__(
        self,
        path: Path,
        clock: Clock | None = None,
        loop: bool = False,
        pause: float = 0.0,
        describe: str = "",
        shift: float = 0.0,
    ) -> None:
        """`shift`: seconds by which the sound begins later than t = 0 of the file."""
        self._shift = shift
        self._file, self._clock = AudioFile(path), clock
        self._loop, self._pause = loop, pause
        self.rate = self._file.rate
        self.describe = describe or f"the file {path.name}, {self.rate} Hz"

    async def run(self, sink: Channel[AudioChunk]) -> None:
        origin = (self._clock.now() if self._clock else 0.0) + self._shift
        sent = 0
        blocks = cut(self._pieces(), block_size(self.rate))
        while (samples := await asyncio.to_thread(next, blocks, None)) is not None:
            t = origin + sent / self.rate
            sent += len(samples)
            if self._clock:
                await self._clock.sleep_until(origin + sent / self.rate)
            await sink.put(AudioChunk(t, samples, self.rate))
        await sink.close()

    def _pieces(self) -> Iterator[Floats]:
        yield from self._file.pieces()
        while self._loop:
            yield silence(round(self._pause * self.rate))
            yield from self._file.pieces()


class SilentSource:
    """Silence for `seconds`, for pictures that have no sound."""

    is_microphone = False
    rate = 48_000

    def __init__(self, seconds: float, clock: Clock | None, describe: str) -> None:
        self._seconds, self._clock, self.describe = seconds, clock, describe

    async def run(self, sink: Channel[AudioChunk]) -> None:
        origin = self._clock.now() if self._clock else 0.0
        size, sent = block_size(self.rate), 0
        while sent < self._seconds * self.rate:
            t = origin + sent / self.rate
            sent += size
            if self._clock:
                await self._clock.sleep_until(origin + sent / self.rate)
            await sink.put(AudioChunk(t, silence(size), self.rate))
        await sink.close()
