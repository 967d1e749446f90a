"""Pictures and sound as packets, encoded once for all viewers: VP8 and Opus, by libav.

Plain synchronous code. A packet's `pts` is the session time of what it carries, in 90 kHz
(picture) or 48 kHz (sound) ticks: `round(t * rate)` from times that were made by counting.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from ..types import AudioChunk, Bytes, Floats, Picture

PICTURE_TICKS = 90_000  # hertz, RFC 7741
SOUND_RATE = 48_000  # hertz, RFC 7587
BLOCK = 960  # samples: 20 ms
SOUND_BITS = 64_000  # bit/s: transparent for one voice
OPUS_DELAY = 312  # samples by which libopus' output lags its input (6.5 ms)

# What aiortc sets in its own encoder, except that (a) the rate is ours: it starts at 500 kbit/s
# and never passes 1.5 Mbit/s, which blurs the first seconds; (b) the denoiser is off: drawn
# pictures have no noise, and it takes half of the time (3.4 against 1.7 ms at 512 x 512).
_VP8 = {
    "cpu-used": "-6",
    "deadline": "realtime",
    "lag-in-frames": "0",
    "noise-sensitivity": "0",
    "overshoot-pct": "15",
    "partitions": "0",
    "static-thresh": "1",
    "undershoot-pct": "100",
}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A packet for every viewer; shared between them, so nobody may change it."""

    t: float
    packet: "Packet[Any]"
    key: bool  # a viewer can begin here


class PictureEncoder:
    """RGB, or RGBA as colour above its alpha, to VP8. Starts again where the size changes."""

    def __init__(self, bits: int) -> None:
        self.bits = bits  # bit/s; a change takes hold at the next picture, with a key frame
        self._codec: VideoCodecContext | None = None
        self._made_for = (0, 0, 0)

    def encode(self, picture: Picture, key: bool) -> Encoded:
        frame = av.VideoFrame.from_ndarray(as_i420(picture.pixels), format="yuv420p")
        frame.pts = round(picture.t * PICTURE_TICKS)
        frame.time_base = Fraction(1, PICTURE_TICKS)
        wanted = (frame.width, frame.height, self.bits)
        if self._codec is None or wanted != self._made_for:
            self._codec, self._made_for = _vp8(*wanted), wanted
        if key:
            frame.pict_type = PictureType.I
        (packet,) = self._codec.encode(frame)
        return Encoded(picture.t, packet, packet.is_keyframe)


def _vp8(width: int, height: int, bits: int) -> VideoCodecContext:
    codec: VideoCodecContext = av.CodecContext.create("libvpx", "w")  # type: ignore[assignment]
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base = Fraction(1, PICTURE_TICKS)
    codec.bit_rate = bits
    codec.gop_size = 3000  # key frames come when a viewer needs one
    codec.qmin, codec.qmax = 2, 56
    rate = str(bits)
    codec.options = _VP8 | {"bufsize": rate, "minrate": rate, "maxrate": rate}
    codec.thread_count = 1
    return codec


def as_i420(pixels: Bytes) -> Bytes:
    """BT.601 planes (h * 3 / 2, w) of (h, w, 3|4) pixels; an odd last row or column is cut.

    WebRTC carries no alpha. With alpha the picture is twice as high: colour, multiplied by
    alpha so that its edges compress well, above and alpha as grey below; the page unites them.
    """
    h, w = pixels.shape[0] & ~1, pixels.shape[1] & ~1
    pixels = np.ascontiguousarray(pixels[:h, :w])
    if pixels.shape[2] == 3:
        return cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420)  # type: ignore[return-value]
    alpha = cv2.cvtColor(np.ascontiguousarray(pixels[..., 3]), cv2.COLOR_GRAY2RGB)
    colour = cv2.multiply(np.ascontiguousarray(pixels[..., :3]), alpha, scale=1 / 255)
    return cv2.cvtColor(np.vstack([colour, alpha]), cv2.COLOR_RGB2YUV_I420)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Block:
    """20 ms of sound; `position` counts 48 kHz samples of session time."""

    position: int
    samples: Floats  # (960,) in [-1, 1]


class Blocks:
    """Sound in chunks of any size, cut anew into blocks of 20 ms by counting samples.

    Where a chunk's time says that samples are missing, silence takes their place; where it
    says that they came before, the second copy is cut. Both are counted, in samples. A hole of
    more than `longest` seconds is not filled: the next block simply bears its own later time.
    """

    def __init__(self, longest: float = 0.2) -> None:
        self.filled = self.cut = 0  # samples
        self._longest = round(longest * SOUND_RATE)
        self._position: int | None = None  # of the first sample that waits
        self._waiting: Floats = np.zeros(0, np.float32)

    def push(self, chunk: AudioChunk) -> list[Block]:
        if chunk.rate != SOUND_RATE:
            raise ValueError(f"viewers are sent {SOUND_RATE} Hz, not {chunk.rate}")
        self._join(round(chunk.t * SOUND_RATE), chunk.samples)
        return list(self._whole_blocks())

    def _join(self, position: int, samples: Floats) -> None:
        if self._position is None:
            self._position = position
        hole = position - (self._position + len(self._waiting))
        self.filled += max(0, hole)
        self.cut += min(max(0, -hole), len(samples))
        if hole > self._longest:
            self.cut += len(self._waiting)
            self._position, self._waiting = position, samples
        else:
            silence = np.zeros(max(0, hole), np.float32)
            self._waiting = np.concatenate([self._waiting, silence, samples[max(0, -hole) :]])

    def _whole_blocks(self) -> Iterator[Block]:
        while self._position is not None and len(self._waiting) >= BLOCK:
            yield Block(self._position, self._waiting[:BLOCK])
            self._position += BLOCK
            self._waiting = self._waiting[BLOCK:]


class SoundEncoder:
    """Blocks of sound to Opus. `t` allows for the codec's own delay, so that lips stay in step."""

    def __init__(self) -> None:
        codec: AudioCodecContext = av.CodecContext.create("libopus", "w")  # type: ignore[assignment]
        codec.bit_rate, codec.sample_rate = SOUND_BITS, SOUND_RATE
        codec.format, codec.layout = "s16", "mono"  # type: ignore[assignment]
        codec.options = {"application": "audio"}
        codec.time_base = Fraction(1, SOUND_RATE)
        self._codec = codec

    def encode(self, block: Block) -> Encoded:
        ints = np.rint(np.clip(block.samples, -1, 1) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(ints, format="s16", layout="mono")
        frame.sample_rate, frame.pts = SOUND_RATE, block.position
        frame.time_base = Fraction(1, SOUND_RATE)
        (packet,) = self._codec.encode(frame)
        packet.pts = block.position - OPUS_DELAY
        return Encoded(packet.pts / SOUND_RATE, packet, True)
