"""Asks browsers to show a picture as soon as it is decoded, by RTP's playout-delay extension.

A browser holds pictures back by the jitter that it expects. Where the camera alone drives there is
no sound to be in step with, and a picture late is worse than one that comes unevenly. Source:
webrtc.org, rtp-hdrext/playout-delay. Where a player does not offer it nothing changes.
"""

from typing import Any

from aiortc import RTCRtpSender
from aiortc.codecs import HEADER_EXTENSIONS
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import (
    HeaderExtensions,
    HeaderExtensionsMap,
    pack_header_extensions,
    unpack_header_extensions,
)

URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
_DELAYS = bytes(3)  # 12 bits of the least and 12 of the most, in tens of ms: none at all

HEADER_EXTENSIONS["video"].append(RTCRtpHeaderExtensionParameters(id=5, uri=URI))


class _Asking(HeaderExtensionsMap):
    """What aiortc writes into a packet's header, and how long it may be held back."""

    _id: int | None = None

    def configure(self, parameters: RTCRtpParameters) -> None:
        super().configure(parameters)
        self._id = next((e.id for e in parameters.headerExtensions if e.uri == URI), None)

    def set(self, values: HeaderExtensions) -> tuple[int, bytes]:
        packed = super().set(values)
        if self._id is None:
            return packed
        return pack_header_extensions([*unpack_header_extensions(*packed), (self._id, _DELAYS)])


def hasten(sender: RTCRtpSender) -> None:
    """Before the connection is negotiated: aiortc has no public place for it."""
    hidden: dict[str, Any] = vars(sender)
    hidden["_RTCRtpSender__rtp_header_extensions_map"] = _Asking()
