"""One run of one camera, from opening to its end, in a thread of its own."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import closing

import av
import cv2
import numpy as np

from ..clock import Clock
from ..errors import DeviceError
from ..stats import Stats
from ..types import Bytes
from .cameras import CameraDevice
from .video import pixels_of

_DEAD = 2.0  # seconds without a picture: the device is gone. Cameras take a second to begin.
_AWAITED = 2  # pictures that wait for the event loop: older ones are worth nothing

Raw = tuple[float | None, Bytes]  # the camera's own time in seconds if it has one, pixels
Shot = tuple[float, float | None, Bytes]  # arrival in session time, and a Raw


class Grab:
    """Pictures from `device`. Opening it takes up to a second, so do it in a thread.

    DeviceError where it cannot be opened or gives no first picture.
    """

    def __init__(
        self, device: CameraDevice, clock: Clock, stats: Stats, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._clock, self._stats, self._loop = clock, stats, loop
        self._shots: asyncio.Queue[Shot | None] = asyncio.Queue(_AWAITED)
        self._closed = threading.Event()
        self._pictures = _through_opencv(device) if not device.format else _through_ffmpeg(device)
        first = next(self._pictures, None)
        if first is None:
            raise DeviceError(f"the camera '{device.name}' gives no pictures; is it in use?")
        self.size = first[1].shape[1::-1]
        # A daemon: a driver that hangs must not keep the engine from ending.
        threading.Thread(target=self._read, name="camera", daemon=True).start()

    async def next_shot(self) -> Shot | None:
        """None where the device is gone."""
        try:
            async with asyncio.timeout(_DEAD):
                return await self._shots.get()
        except TimeoutError:
            return None

    def close(self) -> None:
        """The device is let go with its next picture. May be called twice."""
        self._closed.set()

    def _read(self) -> None:
        """What the camera's thread runs: decode and hand over, nothing more."""
        with closing(self._pictures) as pictures:
            for time, pixels in pictures:
                if self._closed.is_set():
                    break
                self._tell((self._clock.now(), time, pixels))
        self._tell(None)

    def _tell(self, shot: Shot | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._keep, shot)

    def _keep(self, shot: Shot | None) -> None:
        """Queues a picture; where the loop is too slow the oldest goes, and is counted."""
        if self._shots.full():
            self._shots.get_nowait()
            self._stats.count("camera.dropped")
        self._shots.put_nowait(shot)


def _through_ffmpeg(device: CameraDevice) -> Generator[Raw, None, None]:
    """Until the device is gone. What it was asked for is asked first, then whatever it gives."""
    try:
        container = av.open(device.path, format=device.format, options=dict(device.options))
    except (av.error.FFmpegError, OSError) as first:
        try:
            container = av.open(device.path, format=device.format)
        except (av.error.FFmpegError, OSError) as e:
            raise DeviceError(_why(device, e.strerror or str(first))) from e
    return _decoded(container)


def _decoded(container: "av.container.InputContainer") -> Generator[Raw, None, None]:
    with container:
        try:
            for frame in container.decode(video=0):
                yield frame.time, pixels_of(frame)
        except (av.error.FFmpegError, OSError):
            return  # unplugged: the next attempt to open it says why it cannot be had


def _through_opencv(device: CameraDevice) -> Generator[Raw, None, None]:
    """Where FFmpeg has no way to cameras."""
    camera = cv2.VideoCapture(device.index)
    if not camera.isOpened():
        raise DeviceError(_why(device, "OpenCV cannot open it"))
    return _captured(camera)


def _captured(camera: cv2.VideoCapture) -> Generator[Raw, None, None]:
    try:
        while (got := camera.read())[0]:
            yield None, np.asarray(cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB), np.uint8)
    finally:
        camera.release()


def _why(device: CameraDevice, reason: str) -> str:
    return (
        f"cannot use the camera '{device.name}': {reason}; close what else uses it, "
        "choose another with --camera, or give a file with --video"
    )
