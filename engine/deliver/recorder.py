"""Picture and sound into one file: MP4 (H.264, AAC), MKV (H.264, Opus), or WebM (VP9, Opus), which
keeps transparency."""

import threading
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.video.reformatter import Colorspace
from av.video.stream import VideoStream

from ..errors import DeliveryError
from ..types import AudioChunk, Bytes, Floats, Picture
from .part import PartFile, Places

RATE = 48_000  # hertz
_SLIP = 2  # samples that a stamp may differ from the count by rounding
_BT709 = 1  # FFmpeg's number for the colours of HD video
_THREADS = 2  # fixed: H.264's bytes depend on the number

_H264 = "libx264", {"preset": "veryfast", "crf": "18", "bf": "0"}
_VIDEO: dict[str, tuple[str, dict[str, str]]] = {
    ".mp4": _H264,
    ".mkv": _H264,
    ".webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "7", "crf": "20", "b": "0"}),
}
_SOUND = {".mp4": "aac", ".mkv": "libopus", ".webm": "libopus"}


class Recorder:
    """Writes pictures at exactly k / fps and sound from the same zero, for the file's life.

    Sound before zero is left out. Pictures that never came leave the one before them standing. The
    file is deterministic. Its methods may be called from several threads.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: int, alpha: bool = False) -> None:
        self._file = PartFile(path, "--record", tuple(_VIDEO))
        self.places, self.fps, self.size = Places(fps), fps, size
        self._alpha = alpha and self._file.ending == ".webm"
        self._lock = threading.Lock()
        self._next = 0  # the number of the next picture
        self._sound = _Sound()
        with self._file.writing():
            options = {"fflags": "+bitexact"}
            if self._file.ending == ".mp4":
                options |= {"movflags": "+faststart", "movie_timescale": str(RATE)}
            self._container = av.open(str(self._file.part), "w", options=options)
        self._video = self._add_video()
        self._audio = self._add_audio()

    def push(self, picture: Picture) -> None:
        with self._lock, self._file.writing():
            k = self.places.of(picture.t)
            if k < self._next:
                return  # two pictures for one place: the first stands
            frame = self._frame(picture.pixels)
            frame.pts, frame.time_base = k, Fraction(1, self.fps)
            self._container.mux(self._video.encode(frame))
            self._next = k + 1

    def push_sound(self, chunk: AudioChunk) -> None:
        if chunk.rate != RATE:
            raise ValueError(f"the recorder takes sound of {RATE} Hz, not {chunk.rate}")
        with self._lock, self._file.writing():
            self._sound.add(chunk)
            if self.places.zero is not None:
                self._sound.place(self.places.zero)
                self._encode_sound()

    def finish(self) -> None:
        """Completes the file and gives it its name; with no picture there is no file."""
        with self._lock:
            if not self._next:
                self._drop()
                return
            with self._file.writing():
                self._sound.place(self.places.zero or 0.0)
                self._sound.fill(-(-self._next * RATE // self.fps))
                self._encode_sound(all_of_it=True)
                self._container.mux(self._audio.encode(None))
                self._container.mux(self._video.encode(None))
                self._container.close()
            self._file.keep()

    def abort(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        with suppress(OSError):  # the disk may be full; the file goes away either way
            self._container.close()
        self._file.drop()

    def _add_video(self) -> VideoStream:
        codec, options = _VIDEO[self._file.ending]
        if codec not in av.codecs_available:
            raise DeliveryError(f"this PyAV has no {codec}; install the package av from PyPI")
        stream: Any = self._container.add_stream(codec, rate=self.fps, options=options)
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuva420p" if self._alpha else "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, self.fps)
        context.thread_count = _THREADS
        context.flags |= Flags.bitexact
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = 1  # 16 to 235, as players expect
        return stream  # type: ignore[no-any-return]

    def _add_audio(self) -> AudioStream:
        codec = _SOUND[self._file.ending]
        stream: Any = self._container.add_stream(codec, rate=RATE, layout="mono")
        stream.codec_context.bit_rate = 128_000
        stream.codec_context.flags |= Flags.bitexact
        stream.codec_context.open()
        return stream  # type: ignore[no-any-return]

    def _frame(self, pixels: Bytes) -> av.VideoFrame:
        if self._alpha:
            frame = av.VideoFrame.from_ndarray(_with_alpha(pixels), format="rgba")
        else:
            frame = av.VideoFrame.from_ndarray(_on_black(pixels), format="rgb24")
        return frame.reformat(format=self._video.pix_fmt, dst_colorspace=Colorspace.ITU709)

    def _encode_sound(self, all_of_it: bool = False) -> None:
        size = self._audio.codec_context.frame_size
        for at, samples in self._sound.take(size, all_of_it):
            frame = av.AudioFrame.from_ndarray(samples[None, :], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
            self._container.mux(self._audio.encode(frame))


class _Sound:
    """Sound on its way to the encoder, placed by the time it was heard at."""

    def __init__(self) -> None:
        self._waiting: list[AudioChunk] = []
        self._placed: list[Floats] = []
        self._taken = 0  # samples handed out since zero
        self._end = 0  # samples placed since zero

    def add(self, chunk: AudioChunk) -> None:
        self._waiting.append(chunk)

    def place(self, zero: float) -> None:
        """Puts what waits in its place: silence where something is missing, no overlap."""
        for chunk in self._waiting:
            missing = round((chunk.t - zero) * RATE) - self._end
            samples = chunk.samples
            if missing > _SLIP:
                self.fill(self._end + missing)
            elif missing < -_SLIP:
                samples = samples[-missing:]
            self._placed.append(samples)
            self._end += len(samples)
        self._waiting.clear()

    def fill(self, end: int) -> None:
        """Silence up to `end`."""
        if end > self._end:
            self._placed.append(np.zeros(end - self._end, np.float32))
            self._end = end

    def take(self, size: int, all_of_it: bool) -> list[tuple[int, Floats]]:
        """(place, samples) in blocks of `size`; the last, shorter one only with `all_of_it`."""
        ready = np.concatenate([*self._placed, np.zeros(0, np.float32)])
        end = len(ready) if all_of_it else len(ready) - len(ready) % size
        blocks = [(self._taken + i, ready[i : min(i + size, end)]) for i in range(0, end, size)]
        self._placed = [ready[end:]]
        self._taken += end
        return blocks


def _on_black(pixels: Bytes) -> Bytes:
    """(h, w, 3 or 4) -> (h, w, 3) for files that know no transparency."""
    if pixels.shape[2] == 3:
        return np.ascontiguousarray(pixels)
    shown = pixels[..., :3].astype(np.uint16) * pixels[..., 3:]
    return ((shown + 127) // 255).astype(np.uint8)


def _with_alpha(pixels: Bytes) -> Bytes:
    if pixels.shape[2] == 4:
        return np.ascontiguousarray(pixels)
    return np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=2)
