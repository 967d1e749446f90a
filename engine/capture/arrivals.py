"""What arrives over WebRTC: when it did, and at once.

aiortc hands a picture out when the next one begins, 33 ms late, and keeps back 80 ms of sound;
it tells nobody when a packet came. This module is all that touches its inside for that.
"""

from collections.abc import Callable
from typing import Any

from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket

from ..clock import Clock
from .stamps import FrameClock

_RATES = {"video": 90_000, "audio": 48_000}  # ticks a second of RTP stamps
_LENGTH = {"video": 0, "audio": 960}  # ticks from a packet's stamp to the end of what it holds
_SOUND = 4  # packets of 20 ms: for longer a lost one is not waited for
_PICTURES = 512  # packets
_WRAP = 2**32


class Arrivals:
    """Session time of what a receiver hands out; make it before anything arrives."""

    def __init__(self, receiver: RTCRtpReceiver, clock: Clock) -> None:
        kind = receiver.track.kind
        self._times, self._clock, self._receiver = FrameClock(_RATES[kind]), clock, receiver
        self._length = _LENGTH[kind]
        self._last: int | None = None
        self._origin: int | None = None
        vars(receiver)["_RTCRtpReceiver__jitter_buffer"] = _Prompt(kind == "video")
        receiver._handle_rtp_packet = self._noting(  # type: ignore[method-assign]
            receiver._handle_rtp_packet
        )

    def time(self, pts: int) -> float:
        """Session time of a frame of the receiver's track, whose pts aiortc begins at 0."""
        if self._origin is None:
            self._origin = vars(self._receiver)["_RTCRtpReceiver__timestamp_mapper"]._origin or 0
        return self._times.time(pts + self._origin)

    def _noting(self, handle: Callable[..., Any]) -> Callable[..., Any]:
        async def note_and_handle(packet: RtpPacket, arrival_time_ms: int) -> None:
            if packet.payload:
                ended = self._unwrapped(packet.timestamp) + self._length
                self._times.note(ended, self._clock.now())
            await handle(packet, arrival_time_ms)

        return note_and_handle

    def _unwrapped(self, stamp: int) -> int:
        """Stamps have 32 bits: one that is far below the last has begun again."""
        if self._last is not None:
            stamp += round((self._last - stamp) / _WRAP) * _WRAP
        self._last = stamp
        return stamp


class _Prompt(JitterBuffer):
    """Hands a frame out when it is whole, not when the next one begins."""

    def __init__(self, is_video: bool) -> None:
        super().__init__(_PICTURES if is_video else _SOUND, is_video=is_video)

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        self._skip_padding()
        packets: list[RtpPacket] = []
        while len(packets) < self._capacity and (packet := self._packet(len(packets))):
            if packets and packet.timestamp != packets[0].timestamp:
                break
            packets.append(packet)
            if packet.marker or not self._is_video:
                self.remove(len(packets))
                return JitterFrame(b"".join(map(_data, packets)), packets[0].timestamp)
        return super()._remove_frame(sequence_number)

    def _packet(self, k: int) -> RtpPacket | None:
        """The k-th of those that wait, if it has come."""
        return self._packets[((self._origin or 0) + k) % self._capacity]

    def _skip_padding(self) -> None:
        """What comes after a frame's last packet to probe the way is no frame of its own."""
        while (packet := self._packet(0)) and not _data(packet):
            self.remove(1)


def _data(packet: RtpPacket) -> bytes:
    """The payload without what the codec puts around it; aiortc has set it by then."""
    return bytes(vars(packet)["_data"])
