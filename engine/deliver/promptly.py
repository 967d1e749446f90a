"""Asks browsers to show a picture as soon as it is decoded, by RTP's playout-delay extension.

Where the camera alone drives nothing is looked ahead for, and a picture late is worse than one that
comes unevenly. A page whose sound is heard asks pictures to wait for it (viewer/align.js).
Source: webrtc.org, rtp-hdrext/playout-delay. Where the other side does not know it nothing changes.
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
# Least and most, 12 bits each, in tens of ms: up to half a second Chromium still shows at once, and
# a most of 0 would take from the page what it may ask for.
DELAYS = (0 << 12 | 50).to_bytes(3, "big")
_MAP = "_RTCRtpSender__rtp_header_extensions_map"

HEADER_EXTENSIONS["video"].append(RTCRtpHeaderExtensionParameters(id=5, uri=URI))


class Asking(HeaderExtensionsMap):
    """What aiortc writes into a packet's header, and how long it may be held back."""

    _id: int | None = None

    def configure(self, parameters: RTCRtpParameters) -> None:
        super().configure(parameters)
        self._id = next((e.id for e in parameters.headerExtensions if e.uri == URI), None)

    def set(self, values: HeaderExtensions) -> tuple[int, bytes]:
        packed = super().set(values)
        if self._id is None:
            return packed
        return pack_header_extensions([*unpack_header_extensions(*packed), (self._id, DELAYS)])


def hasten(sender: RTCRtpSender) -> None:
    """Before the connection is negotiated: aiortc has no public place for it."""
    hidden: dict[str, Any] = vars(sender)
    del hidden[_MAP]  # KeyError where another aiortc calls it otherwise
    hidden[_MAP] = Asking()
