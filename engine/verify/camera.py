"""Pictures for the command line: a camera by its number, or a file."""

import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from ..capture.video import VideoFile
from ..errors import DeviceError
from ..types import VideoFrame


def frames(source: str, seconds: float | None = None) -> Iterator[VideoFrame]:
    """Of camera "0", "1", ... or a video's path, for at most so long."""
    each = _camera(int(source)) if source.isdigit() else VideoFile(Path(source)).frames()
    for frame in each:
        if seconds is not None and frame.t > seconds:
            return
        yield frame


def _camera(number: int) -> Iterator[VideoFrame]:
    device = cv2.VideoCapture(number)
    began = time.monotonic()
    try:
        if not device.isOpened():
            raise DeviceError(f"camera {number} cannot be opened; is it plugged in and free?")
        while True:
            ok, picture = device.read()
            if not ok:
                raise DeviceError(f"camera {number} gives no more pictures; plug it in again")
            pixels = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            yield VideoFrame(time.monotonic() - began, pixels.astype("u1"))
    finally:
        device.release()
