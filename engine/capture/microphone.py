"""The microphone: survives being unplugged, and keeps the time while it is away."""

import asyncio
import logging
from collections.abc import Callable

from ..channel import Channel
from ..clock import Clock, SampleClock
from ..errors import DeviceError
from ..stats import Stats
from ..types import AudioChunk, Floats
from .blocks import block_size, mono, silence
from .devices import Device, check, find, list_devices, refresh
from .stream import Stream

log = logging.getLogger(__name__)

Opened = Stream | DeviceError
Notice = Callable[[bool], None]

_RETRY = 1.0  # seconds
_SETTLE = 5  # first blocks of a stream: they come in a bunch, so their times are no guide


class Microphone:
    """A Source that listens to `device`, in blocks of 10 ms.

    While the device is gone, silence keeps coming so that the face idles; the device is
    looked for by its name every second. The rate stays the same for all its life.
    """

    is_microphone = True

    def __init__(
        self, device: Device, clock: Clock, stats: Stats, notice: Notice = lambda here: None
    ) -> None:
        """`notice` is called with False when the device is gone, with True when it is back."""
        check(device)
        self._notice = notice
        self.device, self.rate = device, device.rate
        self.describe = f"the microphone '{device.name}', {device.rate} Hz"
        self._clock, self._stats = clock, stats
        self._size = block_size(self.rate)
        self._anchor = 0.0  # session time up to which something was heard
        self._silent = 0  # blocks of silence sent since

    async def run(self, sink: Channel[AudioChunk]) -> None:
        """Never ends by itself. DeviceError where the device cannot be opened the first time."""
        self._anchor = self._clock.now()
        stream = await self._attempt(sink, None)
        if isinstance(stream, DeviceError):
            raise stream
        try:
            while True:
                await self._listen(stream, sink)
                log.warning("the microphone '%s' is gone; waiting for it", self.device.name)
                self._stats.count("microphone.lost")
                self._notice(False)
                stream = await self._regained(stream, sink)
                log.warning("the microphone '%s' is back", self.device.name)
                self._notice(True)
        finally:
            stream.close()

    async def _listen(self, stream: Stream, sink: Channel[AudioChunk]) -> None:
        """Sends what is heard until the stream ends or goes quiet."""
        times = SampleClock(self.rate)
        settling = _SETTLE
        while (block := await stream.next_block()) is not None:
            if settling:
                settling -= 1
                continue
            arrival, frames = block
            t = times.stamp(len(frames), arrival)
            missing = round((t - self._end) * self.rate)
            if times.anchors == 1 and missing > 0:  # what passed while the stream settled
                await self._send(sink, self._end, silence(missing))
            await self._send(sink, t, mono(frames))

    async def _regained(self, lost: Stream, sink: Channel[AudioChunk]) -> Stream:
        """The device again, after as many attempts as it takes."""
        while True:
            stream = await self._attempt(sink, lost)
            if isinstance(stream, Stream):
                return stream
            again = self._clock.now() + _RETRY
            while self._clock.now() < again:
                await self._send_silence(sink)

    async def _attempt(self, sink: Channel[AudioChunk], lost: Stream | None) -> Opened:
        """Opens the device in a thread, and sends silence meanwhile."""
        loop = asyncio.get_running_loop()
        attempt = asyncio.create_task(asyncio.to_thread(self._open, loop, lost))
        try:
            while not attempt.done():
                await self._send_silence(sink)
        except asyncio.CancelledError:
            stream = await attempt
            if isinstance(stream, Stream):
                stream.close()
            raise
        return await attempt

    def _open(self, loop: asyncio.AbstractEventLoop, lost: Stream | None) -> Opened:
        """Blocks, for long where the sound server hangs."""
        try:
            if lost is not None:
                lost.close()
                refresh()
                self.device = find(self.device.name, list_devices())
            return Stream(self.device, self.rate, self._size, self._clock, self._stats, loop)
        except DeviceError as e:
            return e

    async def _send_silence(self, sink: Channel[AudioChunk]) -> None:
        """One block, when it is due."""
        t = self._end
        self._silent += 1
        await self._clock.sleep_until(self._end)
        await sink.put(AudioChunk(t, silence(self._size), self.rate))

    @property
    def _end(self) -> float:
        """Session time up to which sound was sent: counted, since sums of blocks would drift."""
        return self._anchor + self._silent * self._size / self.rate

    async def _send(self, sink: Channel[AudioChunk], t: float, samples: Floats) -> None:
        chunk = AudioChunk(t, samples, self.rate)
        self._anchor, self._silent = chunk.end, 0
        await sink.put(chunk)
