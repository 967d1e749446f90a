"""The camera and microphone of a browser, over WebRTC: for an engine without devices.

One page sends at a time. While none does, silence goes on so that the face idles, and no
pictures come; the next page is taken up wherever it comes from.
"""

import asyncio
import logging

import numpy as np
from aiortc import RTCRtpReceiver
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from av import VideoFrame as Decoded

from ..channel import Channel
from ..clock import Clock
from ..stats import Stats
from ..types import AudioChunk, Floats, VideoFrame
from .arrivals import Arrivals
from .blocks import block_size, mono, silence
from .video import pixels_of

log = logging.getLogger(__name__)

_RATE = 48_000  # hertz: what WebRTC carries
_QUIET = 0.4  # seconds without a packet of sound after which silence goes on instead of it
_FULL_SCALE = 32768.0


class _Incoming:
    """One track as it comes, with session times."""

    def __init__(self, receiver: RTCRtpReceiver, clock: Clock) -> None:
        self._track, self._arrivals = receiver.track, Arrivals(receiver, clock)

    async def next_frame(self) -> tuple[float, AudioFrame | Decoded] | None:
        """The next frame and its time; None once the page has stopped."""
        try:
            frame = await self._track.recv()
        except MediaStreamError:
            return None
        assert isinstance(frame, AudioFrame | Decoded)
        return self._arrivals.time(frame.pts or 0), frame


class BrowserSound:
    """A Source: what the page's microphone hears, or silence."""

    is_microphone = True
    rate = _RATE
    describe = "the microphone of a browser: press 'Send' on the page"

    def __init__(self, clock: Clock, stats: Stats) -> None:
        self._clock, self._stats = clock, stats
        self._tracks: asyncio.Queue[_Incoming] = asyncio.Queue()
        self._size = block_size(_RATE)
        self._anchor = 0.0  # session time up to which something was heard
        self._silent = 0  # blocks of silence sent since

    def take(self, receiver: RTCRtpReceiver) -> None:
        """From now on this one is heard, as long as it lasts."""
        self._tracks.put_nowait(_Incoming(receiver, self._clock))

    async def run(self, sink: Channel[AudioChunk]) -> None:
        """Never ends by itself."""
        self._anchor = self._clock.now()
        while True:
            while self._tracks.empty():
                await self._send_silence(sink)
            await self._listen(self._tracks.get_nowait(), sink)

    async def _listen(self, incoming: _Incoming, sink: Channel[AudioChunk]) -> None:
        """Sends what is heard until the page stops or another one begins."""
        log.info("a browser's microphone is heard")
        coming = asyncio.ensure_future(incoming.next_frame())
        try:
            while self._tracks.empty():
                await asyncio.wait({coming}, timeout=_QUIET)
                while not coming.done() and self._tracks.empty():
                    await self._send_silence(sink)
                if not coming.done():
                    break
                if (got := coming.result()) is None:
                    break
                coming = asyncio.ensure_future(incoming.next_frame())
                assert isinstance(got[1], AudioFrame)
                await self._send(sink, got[0], samples_of(got[1]))
        finally:
            coming.cancel()
        self._stats.count("browser microphone ended")

    async def _send(self, sink: Channel[AudioChunk], t: float, samples: Floats) -> None:
        """Without what silence has already taken the place of."""
        late = round((self._end - t) * _RATE)
        if late > 0:
            t, samples = t + late / _RATE, samples[late:]
        if len(samples):
            chunk = AudioChunk(t, samples, _RATE)
            self._anchor, self._silent = chunk.end, 0
            await sink.put(chunk)

    async def _send_silence(self, sink: Channel[AudioChunk]) -> None:
        """One block, when it is due."""
        t = self._end
        self._silent += 1
        await self._clock.sleep_until(self._end)
        await sink.put(AudioChunk(t, silence(self._size), _RATE))

    @property
    def _end(self) -> float:
        """Session time up to which sound was sent: counted, since sums of blocks would drift."""
        return self._anchor + self._silent * self._size / _RATE


class BrowserCamera:
    """A Camera: what the page's camera sees."""

    ends = False
    describe = "the camera of a browser: press 'Send' on the page"

    def __init__(self, clock: Clock, stats: Stats) -> None:
        self._clock, self._stats = clock, stats
        self._next: _Incoming | None = None
        self._newer = asyncio.Event()

    def take(self, receiver: RTCRtpReceiver) -> None:
        """From now on this one is watched, as long as it lasts and no other comes."""
        self._next = _Incoming(receiver, self._clock)
        self._newer.set()

    async def run(self, sink: Channel[VideoFrame]) -> None:
        """Never ends by itself."""
        while True:
            await self._newer.wait()
            self._newer.clear()
            assert self._next is not None
            log.info("a browser's camera is seen")
            while (got := await self._frame(self._next)) is not None:
                assert isinstance(got[1], Decoded)
                pixels = await asyncio.to_thread(pixels_of, got[1])
                await sink.put(VideoFrame(got[0], pixels))
            self._stats.count("browser camera ended")

    async def _frame(self, incoming: _Incoming) -> tuple[float, AudioFrame | Decoded] | None:
        """The next one; None where the page has stopped, or another has come: a page that never
        connects sends nothing and never stops."""
        coming = asyncio.ensure_future(incoming.next_frame())
        newer = asyncio.ensure_future(self._newer.wait())
        try:
            await asyncio.wait({coming, newer}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else None
        finally:
            coming.cancel()
            newer.cancel()


class Browser:
    """Both senses of one page, as the server hands them over."""

    def __init__(self, clock: Clock, stats: Stats, with_camera: bool) -> None:
        self._made_with = clock, stats
        self.sound = BrowserSound(clock, stats)
        self.camera = BrowserCamera(clock, stats) if with_camera else None

    def open_camera(self) -> BrowserCamera:
        """From now on a page's camera is wanted too."""
        self.camera = self.camera or BrowserCamera(*self._made_with)
        return self.camera

    @property
    def kinds(self) -> tuple[str, ...]:
        """What of a page is wanted."""
        return ("audio", "video") if self.camera else ("audio",)

    def take(self, receiver: RTCRtpReceiver) -> None:
        """A page's stream, before anything of it has come."""
        if receiver.track.kind == "audio":
            self.sound.take(receiver)
        elif self.camera:
            self.camera.take(receiver)


def samples_of(frame: AudioFrame) -> Floats:
    """(n,) mono in [-1, 1] of 16-bit sound as aiortc decodes it."""
    interleaved = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
    return mono(np.asarray(interleaved, np.float32) / _FULL_SCALE)
