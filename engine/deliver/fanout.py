"""Encode once, hand out to every viewer at t + delay.

Both streams are timed here and nowhere else: a packet leaves when the session's clock says
t + delay, and aiortc's sender reports pair that moment with its media time, so a browser that
plays them in step plays them as they were.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.packet import Packet

from ..channel import Channel
from ..clock import Clock
from ..stats import Stats
from ..types import AudioChunk, Picture
from .encode import BLOCK, SOUND_RATE, Blocks, Encoded, PictureEncoder, SoundEncoder
from .patience import Patience
from .rate import Rate

_KEY_PAUSE = 0.3  # seconds between key frames, however many viewers ask
# A browser takes longer to sound than to show: it holds back 40 ms of sound and some 20 ms of
# picture, and a loudspeaker's buffer has 30 ms where a screen takes 16. So sound leaves earlier.
_SOUND_LEAD = 0.025  # seconds
_AHEAD = 64  # packets that may wait for their time
_WAITING = {"video": 12, "audio": round(0.4 * SOUND_RATE / BLOCK)}  # packets a viewer: 0.4 s
log = logging.getLogger("likeness.deliver")


class Outlet(MediaStreamTrack):
    """One viewer's end of a stream: what it has not sent yet waits here, in a bounded queue.

    When it runs over, sound loses the oldest packet; pictures are told as differences, so all
    that wait go and the next key frame is awaited. Either is counted in `dropped`.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.dropped = self.sent = 0
        self.origin: int | None = None  # what the sender adds to pts, once it has sent something
        self.stamp: Callable[[], int] | None = None  # reads the sender's last RTP timestamp
        self._pts = 0  # of the packet that the sender took last
        self.opened = self.in_step = False
        self.held = False  # nothing is sent while this is set (see webrtc.Viewer)
        self._most = _WAITING[kind]
        self._queued: deque[Encoded] = deque()
        self._news = asyncio.Event()

    def offer(self, encoded: Encoded) -> bool:
        """Queues a packet; False where this viewer needs a key frame to go on."""
        if not self.opened or self.held or self.readyState != "live":
            return True
        if len(self._queued) >= self._most:
            lost = len(self._queued) if self.kind == "video" else 1
            self.dropped += lost
            self.in_step = self.kind == "audio"
            for _ in range(lost):
                self._queued.popleft()
        self.in_step = self.in_step or encoded.key
        if self.in_step:
            self._queued.append(encoded)
            self._news.set()
        return self.in_step

    async def recv(self) -> "Packet[Any]":
        """aiortc's sender calls this when it has sent a packet and is ready for the next."""
        self.opened = True
        if self.origin is None and self.sent and self.stamp is not None:
            self.origin = (self.stamp() - self._pts) % 2**32
        while not self._queued:
            if self.readyState != "live":
                raise MediaStreamError
            self._news.clear()
            await self._news.wait()
        packet = self._queued.popleft().packet
        self.sent += 1
        self._pts = packet.pts or 0
        return packet

    def stop(self) -> None:
        super().stop()
        self._news.set()


class Fanout:
    """The two streams of a session, from raw values to every viewer's outlets."""

    def __init__(
        self, clock: Clock, delay: float, stats: Stats, bits: int, pool: Executor | None = None,
        prompt: bool = False,
    ) -> None:  # fmt: skip
        """`pool` runs the encoders; two threads where none is given. `prompt` pictures leave when
        they are made and not when they are due: only sound waits, for lips."""
        self.outlets: set[Outlet] = set()
        self.pictures_at = float("-inf")  # session time at which the last picture came
        self.matte = False  # whether pictures go out as colour above alpha
        self._clock, self._stats, self.patience = clock, stats, Patience(delay)
        self.prompt = prompt
        self.rate = Rate(bits)
        self._encoder, self._sound = PictureEncoder(bits), SoundEncoder()
        self._key_wanted, self._key_at = True, -_KEY_PAUSE
        self._pool = pool or ThreadPoolExecutor(2, thread_name_prefix="encode")

    def request_key(self) -> None:
        """The next picture will be one that a viewer can begin with."""
        self._key_wanted = True

    async def run(self, pictures: Channel[Picture], sound: Channel[AudioChunk]) -> None:
        """Until both channels close and all that they held has been handed out."""
        drawn: Channel[Encoded] = Channel("encoded pictures", _AHEAD, live=False)
        heard: Channel[Encoded] = Channel("encoded sound", _AHEAD, live=False)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._encode_pictures(pictures, drawn))
                tasks.create_task(self._encode_sound(sound, heard))
                tasks.create_task(self._hand_out("video", drawn))
                tasks.create_task(self._hand_out("audio", heard))
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _encode_pictures(self, source: Channel[Picture], sink: Channel[Encoded]) -> None:
        loop = asyncio.get_running_loop()
        async for picture in source:
            self.matte, self.pictures_at = picture.pixels.shape[2] == 4, self._clock.now()
            if not self._anyone("video"):
                continue
            key = self._key_due()
            encoded = await loop.run_in_executor(self._pool, self._encode, picture, key)
            self._note(picture.t + self.patience.delay - self._clock.now())
            await sink.put(encoded)
        await sink.close()

    def _note(self, slack: float) -> None:
        if slack < 0:
            self._stats.count("deliver.pictures late")
        if self.patience.note(slack):
            waits = round(1000 * (self.patience.delay - self.patience.planned))
            self._stats.counts["deliver.delay added ms"] = waits
            log.info("pictures need %d ms more than planned: sound waits for them", waits)

    def _encode(self, picture: Picture, key: bool) -> Encoded:
        self._encoder.bits = self.rate.bits
        with self._stats.timed("encode"):
            return self._encoder.encode(picture, key)

    async def _encode_sound(self, source: Channel[AudioChunk], sink: Channel[Encoded]) -> None:
        loop = asyncio.get_running_loop()
        blocks = Blocks()
        async for chunk in source:
            for block in blocks.push(chunk):
                if self._anyone("audio"):
                    await sink.put(
                        await loop.run_in_executor(self._pool, self._sound.encode, block)
                    )
            self._stats.counts["deliver.sound filled ms"] = _ms(blocks.filled)
            self._stats.counts["deliver.sound cut ms"] = _ms(blocks.cut)
        await sink.close()

    async def _hand_out(self, kind: str, source: Channel[Encoded]) -> None:
        async for encoded in source:
            due = encoded.t + self.patience.delay - (_SOUND_LEAD if kind == "audio" else 0)
            if kind == "audio" or not self.prompt:
                await self._clock.sleep_until(due)
            self._stats.add(f"deliver.{kind} behind", self._clock.now() - due)
            for outlet in [o for o in self.outlets if o.kind == kind]:
                if not outlet.offer(encoded):
                    self.request_key()

    def _anyone(self, kind: str) -> bool:
        return any(o.opened for o in self.outlets if o.kind == kind)

    def _key_due(self) -> bool:
        due = self._key_wanted and self._clock.now() >= self._key_at + _KEY_PAUSE
        if due:
            self._key_wanted, self._key_at = False, self._clock.now()
        return due


def _ms(samples: int) -> int:
    return round(samples * 1000 / SOUND_RATE)
