"""A camera of this machine: survives being unplugged."""

import asyncio
import logging

from ..channel import Channel
from ..clock import Clock
from ..errors import DeviceError
from ..stats import Stats
from ..types import VideoFrame
from .cameras import CameraDevice, find_camera, list_cameras
from .grab import Grab
from .stamps import FrameClock

log = logging.getLogger(__name__)

_RETRY = 1.0  # seconds


class Webcam:
    """A Camera that watches `device`. While it is gone no pictures come, and it is looked for by
    its name every second: plugged in again it may have another number."""

    ends = False

    def __init__(self, device: CameraDevice, clock: Clock, stats: Stats) -> None:
        self.device = device
        self.describe = f"the camera '{device.name}'"
        self._clock, self._stats = clock, stats

    async def run(self, sink: Channel[VideoFrame]) -> None:
        """Never ends by itself. DeviceError where the device cannot be used the first time."""
        grab = await self._opened()
        while True:
            try:
                await self._watch(grab, sink)
            finally:
                grab.close()
            log.warning("the camera '%s' is gone; waiting for it", self.device.name)
            self._stats.count("camera.lost")
            grab = await self._regained()
            log.warning("the camera '%s' is back", self.device.name)

    async def _watch(self, grab: Grab, sink: Channel[VideoFrame]) -> None:
        """Sends what is seen until the pictures end or stay away."""
        times = FrameClock()
        while (shot := await grab.next_shot()) is not None:
            arrival, stamp, pixels = shot
            if stamp is not None:
                times.note(stamp, arrival)
            await sink.put(VideoFrame(arrival if stamp is None else times.time(stamp), pixels))

    async def _regained(self) -> Grab:
        while True:
            await self._clock.sleep_until(self._clock.now() + _RETRY)
            try:
                return await self._opened()
            except DeviceError:
                continue  # it was said that it is gone; that it still is needs no words

    async def _opened(self) -> Grab:
        """The device, whatever number it has now, opened in a thread."""
        opening = asyncio.create_task(asyncio.to_thread(self._open, asyncio.get_running_loop()))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close)
            raise

    def _open(self, loop: asyncio.AbstractEventLoop) -> Grab:
        if self.device.index >= 0 and self.device.format:
            listed = list_cameras()
            if self.device not in listed:  # plugged in again, it may have another number
                self.device = find_camera(self.device.name, listed)
        return Grab(self.device, self._clock, self._stats, loop)


def _close(opening: "asyncio.Task[Grab]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
