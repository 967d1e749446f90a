"""Pictures for the command line: a camera by name or number, or a file."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

from ..capture.cameras import find_camera, list_cameras
from ..capture.grab import Grab
from ..capture.video import VideoFile
from ..clock import Clock
from ..errors import DeviceError, EngineError
from ..stats import Stats
from ..types import VideoFrame


def frames(source: str, seconds: float | None = None) -> Iterator[VideoFrame]:
    """Of a video's path, else of the camera so named or numbered; for at most so long."""
    path = Path(source)
    file = not source.isdigit() and (path.is_file() or path.suffix != "")
    for frame in VideoFile(path).frames() if file else _camera(source):
        if seconds is not None and frame.t > seconds:
            return
        yield frame


def _camera(wanted: str) -> Iterator[VideoFrame]:
    """The newest picture each time, whatever the reader takes for the last one."""
    device = find_camera(wanted, list_cameras())
    shots: Queue[VideoFrame | EngineError] = Queue(1)
    ended = threading.Event()

    def put(shot: VideoFrame | EngineError) -> None:
        while shots.full():
            shots.get()
        shots.put(shot)

    async def grab() -> None:
        clock = Clock()
        grabbed = Grab(device, clock, Stats(), asyncio.get_running_loop())
        try:
            while not ended.is_set() and (shot := await grabbed.next_shot()) is not None:
                put(VideoFrame(shot[0], shot[2]))
        finally:
            grabbed.close()
        put(DeviceError(f"the camera '{device.name}' gives no more pictures; plug it in again"))

    def run() -> None:
        try:
            asyncio.run(grab())
        except EngineError as e:
            put(e)

    threading.Thread(target=run, name="camera", daemon=True).start()
    try:
        while not isinstance(shot := shots.get(), EngineError):
            yield shot
        raise shot
    finally:
        ended.set()
