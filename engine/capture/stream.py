"""One run of one microphone, from opening to its end, as blocks on the event loop's thread."""

import asyncio
from typing import Any

import numpy as np

from ..clock import Clock
from ..errors import DeviceError
from ..stats import Stats
from ..types import Floats
from .blocks import seconds_late
from .devices import Device, portaudio

_DEAD = 0.5  # seconds without a block: the device is gone
_BACKLOG = 100  # blocks that wait for the event loop, at most

Block = tuple[float, Floats]  # arrival of the last sample in session time, frames (n, channels)


class Stream:
    """Blocks of `size` frames from `device`. Opening it takes 0.3 s, so do it in a thread."""

    def __init__(
        self,
        device: Device,
        rate: int,
        size: int,
        clock: Clock,
        stats: Stats,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._rate, self._clock, self._stats, self._loop = rate, clock, stats, loop
        self._heard: asyncio.Queue[Block | None] = asyncio.Queue(_BACKLOG)
        self._closed = False
        sd = portaudio()
        try:
            self._stream = sd.InputStream(
                device=device.index,
                channels=device.use_channels,
                samplerate=rate,
                blocksize=size,
                dtype="float32",
                latency="low",
                callback=self._callback,
                finished_callback=lambda: self._tell(None),
            )
        except sd.PortAudioError as e:
            raise DeviceError(f"cannot listen to '{device.name}': {e.args[0]}") from e
        try:
            self._stream.start()
        except sd.PortAudioError as e:
            self.close()
            raise DeviceError(f"cannot listen to '{device.name}': {e.args[0]}") from e

    async def next_block(self) -> Block | None:
        """None where the device is gone."""
        try:
            async with asyncio.timeout(_DEAD):
                return await self._heard.get()
        except TimeoutError:
            return None

    def close(self) -> None:
        """May be called twice, and may take long where the sound server does not answer."""
        if not self._closed:
            self._closed = True
            self._stream.close(ignore_errors=True)

    def _callback(self, frames: Floats, n: int, time: Any, status: Any) -> None:
        """What the device's own thread runs: copy and hand over, nothing more."""
        late = seconds_late(time.currentTime - time.inputBufferAdcTime, n, self._rate)
        if status.input_overflow:
            self._stats.count("microphone.overflow")
        self._tell((self._clock.now() - late, np.array(frames)))

    def _tell(self, block: Block | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._keep, block)

    def _keep(self, block: Block | None) -> None:
        """Queues a block; where the loop is too slow the oldest goes, and is counted."""
        if self._heard.full():
            self._heard.get_nowait()
            self._stats.count("microphone.dropped")
        self._heard.put_nowait(block)
