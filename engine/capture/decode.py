"""Reads the sound of any file that FFmpeg knows, as mono float samples at the file's own rate."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer

from ..errors import ConfigError, DeviceError
from ..types import AudioChunk, Floats
from .blocks import mono

_SHORTEST = 0.05  # seconds: more than one frame of the picture
_PATIENCE = 25  # broken packets in a row before the file is given up


class AudioFile:
    """A file of sound, checked on opening: its first 50 ms could be decoded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise ConfigError(f"no such file of sound: {path}; check the path given as --audio")
        if path.is_dir():
            raise ConfigError(f"{path} is a folder; give a file of sound as --audio")
        with _opened(path) as container:
            self.rate = _sound(container, path).rate
        self._check()

    def pieces(self) -> Iterator[Floats]:
        """The whole sound, in pieces as they were coded."""
        with _opened(self.path) as container:
            yield from _decode(container, _sound(container, self.path), self.path)

    def _check(self) -> None:
        heard = 0
        for piece in self.pieces():
            heard += len(piece)
            if heard >= _SHORTEST * self.rate:
                return
        if not heard:
            raise DeviceError(f"{self.path} has no sound in it; give another file")
        raise DeviceError(
            f"{self.path} lasts {heard / self.rate * 1e3:.0f} ms; at least "
            f"{_SHORTEST * 1e3:.0f} ms of sound are needed"
        )


def read_sound(path: Path) -> AudioChunk:
    """The whole file at once, its first sample at t = 0."""
    file = AudioFile(path)
    return AudioChunk(0.0, np.concatenate(list(file.pieces())), file.rate)


def _opened(path: Path) -> InputContainer:
    try:
        if not path.stat().st_size and path.is_file():
            raise DeviceError(f"{path} is empty; give another file")
        return av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as e:
        raise DeviceError(f"cannot read {path} as sound: {e.strerror}; give another file") from e


def _sound(container: InputContainer, path: Path) -> AudioStream:
    if not container.streams.audio:
        raise DeviceError(f"{path} has no sound in it; give another file")
    stream = container.streams.audio[0]
    if stream.codec_context is None or not stream.rate:
        raise DeviceError(f"the sound in {path} is of an unknown kind; convert it to wav")
    return stream


def _decode(container: InputContainer, stream: AudioStream, path: Path) -> Iterator[Floats]:
    """Skips a broken packet here and there, as players do, but not many."""
    # Only the number format changes here; FFmpeg's own mix to mono would exceed [-1, 1].
    to_float = av.AudioResampler(format="fltp", rate=stream.rate)
    packets = container.demux(stream)
    broken = 0
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            pieces = [out for frame in packet.decode() for out in to_float.resample(frame)]
            broken = 0
        except (av.error.FFmpegError, ValueError) as e:
            broken += 1
            if broken > _PATIENCE:
                raise DeviceError(f"the sound in {path} is broken: {e}; give another file") from e
            continue
        yield from (mono(out.to_ndarray().T) for out in pieces)
    yield from (mono(out.to_ndarray().T) for out in to_float.resample(None))
