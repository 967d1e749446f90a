"""Reads the pictures of any file that FFmpeg knows, each with its own time from the first."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from ..errors import ConfigError, DeviceError
from ..types import Bytes, VideoFrame


class VideoFile:
    """A file with pictures in it, checked on opening: the first one could be decoded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise ConfigError(f"no such video: {path}; check the path")
        if path.is_dir():
            raise ConfigError(f"{path} is a folder; give a video")
        with self._opened() as container:
            stream = self._pictures(container)
            self.size = stream.width, stream.height
            self.fps = float(stream.average_rate or stream.guessed_rate or 0)
            self.has_sound = bool(container.streams.audio)
            self.sound_begins = _begin(container.streams.audio[0]) if self.has_sound else 0.0
            self.begins = _begin(stream)
            self.seconds = _lasts(container, stream)
        if next(self.frames(), None) is None:
            raise DeviceError(f"no picture of {path} can be decoded; convert it to mp4")

    def frames(self) -> Iterator[VideoFrame]:
        """All pictures in order; t counts from the first, by the file's own time stamps."""
        with self._opened() as container:
            stream = self._pictures(container)
            stream.thread_type = "AUTO"
            first: float | None = None
            try:
                for frame in container.decode(stream):
                    if frame.time is None:
                        continue
                    first = frame.time if first is None else first
                    yield VideoFrame(frame.time - first, pixels_of(frame))
            except (av.error.FFmpegError, ValueError) as e:
                raise DeviceError(f"the pictures in {self.path} are broken: {e}") from e

    def _opened(self) -> InputContainer:
        try:
            return av.open(str(self.path), metadata_errors="replace")
        except (av.error.FFmpegError, OSError) as e:
            raise DeviceError(f"cannot read {self.path} as video: {e.strerror}") from e

    def _pictures(self, container: InputContainer) -> VideoStream:
        if not container.streams.video:
            raise DeviceError(f"{self.path} has no pictures in it; give a video")
        return container.streams.video[0]


def _lasts(container: InputContainer, stream: VideoStream) -> float:
    """How long the pictures last in seconds, as the file states it; what a browser recorded, or
    what was cut off, states nothing and is read through. One frame at the least."""
    frame = float(1 / (stream.average_rate or stream.guessed_rate or 25))
    if stream.duration is not None and stream.time_base is not None:
        return max(float(stream.duration * stream.time_base), frame)
    if container.duration is not None:
        return max(container.duration / av.time_base, frame)
    shown = [p.pts for p in container.demux(stream) if p.pts is not None]
    if not shown or stream.time_base is None:
        return frame
    return float((max(shown) - min(shown)) * stream.time_base) + frame


def pixels_of(frame: av.VideoFrame) -> Bytes:
    """(h, w, 3) RGB."""
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _begin(stream: "av.stream.Stream") -> float:
    """When a stream's first moment is shown, in seconds of the file."""
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base)
