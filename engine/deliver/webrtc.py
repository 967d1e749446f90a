"""One viewer: a peer connection with the session's two streams and a channel for words.

The data channel is made by the page. It carries JSON both ways:
page -> server   {"ping": ms}  {"report": {name: number}}
                 {"ready": true} once it shows pictures: then sound begins
                 {"want": ["motion", "event"]} to be sent them, where the session has them
server -> page   {"pong": ms, "t": s}  {"state": {...}} twice a second  {"bye": reason}
                 in some states "claim": who is before the camera, signed (docs/claims.md)
                 {"motion": {...}} each frame  {"event": {...}}: see feed.py
                 {"bye": reason, "cut": true} to a viewer whose line is too bad
`t` is session time, so that the page can tell its own clock's distance from the session's.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.rtp import (
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
)
from aiortc.sdp import SessionDescription, candidate_from_sdp
from cryptography.hazmat.primitives.hashes import SHA256

from ..clock import Clock
from .fanout import Fanout, Outlet
from .promptly import hasten

_CODECS = {"video": {"video/VP8", "video/rtx"}, "audio": {"audio/opus"}}
_CONNECT = 10.0  # seconds in which a viewer must have connected
_SILENCE = 6.0  # seconds without a word from a page that has spoken before: it is gone
_RELEASE = 3.0  # seconds after which sound begins for a viewer that does not say when
_DEAF = 10.0  # seconds without a receiver's report after which nothing arrives there
_STATE = 0.5  # seconds between two states
_REPORT = re.compile(r"[a-z_0-9]{1,32}")
_BACKLOG = 64 * 1024  # bytes that may wait for a page before frames of motion are left out
_CANDIDATES = 32  # taken of those that come late
_TEXT = 8192  # characters in the longest message taken from a page
# What aiortc's parser and negotiation raise where a text is no offer: it checks by failing.
MALFORMED = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(AssertionError, StopIteration),
    *(InternalError, InvalidAccessError, InvalidStateError, OperationError),
)
log = logging.getLogger("likeness.deliver")


class Viewer:
    """Somebody who watches. `closed` is set once the connection is over, for whatever reason."""

    def __init__(
        self,
        name: str,
        fanout: Fanout,
        clock: Clock,
        state: Callable[["Viewer"], dict[str, Any]],
        joined: Callable[["Viewer"], None] = lambda viewer: None,
        ice: Sequence[RTCIceServer] = (),
    ) -> None:
        """`state` is what the page is told of the session; `joined` is called once it watches."""
        self.name, self.since = name, clock.now()
        self.closed, self._joined = asyncio.Event(), asyncio.Event()
        self.report: dict[str, float] = {}  # what the page says that it measured
        self.outlets = {kind: Outlet(kind) for kind in ("audio", "video")}
        self._fanout, self._clock, self._state = fanout, clock, state
        self.joined = False  # whether it ever watched
        self.cut = ""  # why it was cut off, if it was
        self._reported: float | None = None  # when its receiver reported last
        self.wants: frozenset[str] = frozenset()  # what the page asked for: see `offer`
        self._on_join = joined
        self._ending = False
        self._channel: RTCDataChannel | None = None
        self._heard: float | None = None  # when the page said something last
        self._peer = Peer(RTCConfiguration(iceServers=list(ice)))
        for outlet in self.outlets.values():
            self._add(outlet)
        # A browser that starts video is busy, takes the first sound late, buffers 0.2 s of it
        # for that, and needs ten seconds to catch up. So sound waits for the page to be ready.
        self.outlets["audio"].held = True
        self._peer.on("datachannel", self._on_channel)
        self._peer.on("connectionstatechange", self._on_connection)

    def _add(self, outlet: Outlet) -> None:
        transceiver = self._peer.addTransceiver(outlet, direction="sendonly")
        offered = RTCRtpSender.getCapabilities(outlet.kind).codecs
        transceiver.setCodecPreferences([c for c in offered if c.mimeType in _CODECS[outlet.kind]])
        on_feedback(transceiver.sender, self._fanout.request_key, self._note_lost)
        outlet.stamp = partial(last_rtp_timestamp, transceiver.sender)
        if outlet.kind == "video" and self._fanout.prompt:
            hasten(transceiver.sender)

    def _note_lost(self, part: float) -> None:
        self._reported = self._clock.now()
        self._fanout.rate.note(self.name, part, self._reported)

    async def answer(self, sdp: str) -> str:
        """The SDP that answers an offer; ValueError where that is no offer for our streams."""
        sdp = without_hidden_names(sdp)
        try:
            check_keys(sdp)
            await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except MALFORMED as e:
            raise ValueError(f"not an offer that can be answered: {e or type(e).__name__}") from e
        self._fanout.outlets.update(self.outlets.values())
        return str(self._peer.localDescription.sdp)

    async def call(self, exchange: Callable[[str], Awaitable[str]]) -> None:
        """Offers the streams: `exchange` takes the offer and gives the other side's answer, from
        which ValueError where it is none."""
        await self._peer.setLocalDescription(await self._peer.createOffer())
        sdp = await exchange(self._peer.localDescription.sdp)
        try:
            check_keys(sdp)
            await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        except MALFORMED as e:
            raise ValueError(f"the answer cannot be used: {e or type(e).__name__}") from e
        self.release()
        self._fanout.outlets.update(self.outlets.values())

    async def trickle(self, fragment: str) -> bool:
        """Takes candidates that came after the offer (RFC 8840); False where the fragment asks for
        an ICE restart, which aiortc does not know. ValueError where it is none."""
        known = re.findall(r"^a=ice-ufrag:(\S+)", self._peer.remoteDescription.sdp, re.M)
        if set(re.findall(r"^a=ice-ufrag:(\S+)", fragment, re.M)) - set(known):
            return False
        mid, found = "0", []
        try:
            for line in without_hidden_names(fragment).splitlines():
                if line.startswith("a=mid:"):
                    mid = line[6:]
                elif line.startswith("a=candidate:"):
                    candidate = candidate_from_sdp(line[12:])
                    candidate.sdpMid = mid
                    found.append(candidate)
            for candidate in found[:_CANDIDATES]:
                await self._peer.addIceCandidate(candidate)
        except MALFORMED as e:
            raise ValueError(f"not candidates that can be used: {e or type(e).__name__}") from e
        return True

    async def attend(self, noted: Callable[[], None] = lambda: None) -> None:
        """Tells the page the state of things until the connection is over; then cleans up. `noted`
        is called once it stands."""
        try:
            await asyncio.wait_for(self._joined.wait(), _CONNECT)
            if not self.closed.is_set():
                self.joined = True
                self._reported = self._clock.now()
                self._on_join(self)
                noted()
            asyncio.get_running_loop().call_later(_RELEASE, self.release)
            while not (self.closed.is_set() or self._is_silent() or self._is_cut()):
                self._say_state()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.closed.wait(), _STATE)
        except TimeoutError:
            log.info("%s did not connect", self.name)
        finally:
            await self.close(self.cut)

    def _is_cut(self) -> bool:
        """Whether to give this viewer up, so that nobody is kept by it from a better picture."""
        now = self._clock.now()
        if self._fanout.rate.hopeless(self.name, now):
            self.cut = "Too much of the picture is lost on the way"
        elif self._reported is not None and now > self._reported + _DEAF:
            self.cut = "Nothing arrives there any more"
        if self.cut:
            log.info("%s was cut off: %s", self.name, self.cut)
        return bool(self.cut)

    def _is_silent(self) -> bool:
        return self._heard is not None and self._clock.now() > self._heard + _SILENCE

    def release(self) -> None:
        """Lets the sound begin."""
        self.outlets["audio"].held = False

    def _ties(self) -> dict[str, Any]:
        """What ties a viewer's readings to session time: RTP and wall-clock origins."""
        origins = {kind: outlet.origin for kind, outlet in self.outlets.items()}
        return {"t": self._clock.now(), "rtp": origins, "wall": time.time() - self._clock.now()}

    async def close(self, reason: str) -> None:
        """Ends the connection; the page is told `reason`."""
        if self._ending:
            return  # aiortc's close, if it failed, would be awaited for ever the second time
        self._ending = True
        if reason:
            self._say({"bye": reason} | ({"cut": True} if self.cut else {}))
            await asyncio.sleep(0.05)
        self.closed.set()
        self._joined.set()
        self._fanout.outlets.difference_update(self.outlets.values())
        self._fanout.rate.forget(self.name)
        with suppress(*MALFORMED):  # a peer that was built by half cannot be closed whole
            await self._peer.close()

    def describe(self) -> dict[str, Any]:
        """For /stats: how this viewer does, by the server's count and by its own."""
        return {
            "name": self.name,
            "seconds": round(self._clock.now() - self.since, 1),
            "sent": {k: o.sent for k, o in self.outlets.items()},
            "dropped": {k: o.dropped for k, o in self.outlets.items()},
            "reported": self.report,
        }

    def _on_connection(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self.closed.set()
        if self._peer.connectionState in ("connected", "failed", "closed"):
            self._joined.set()  # also without a data channel: a program may want none

    def _on_channel(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        self._joined.set()
        channel.on("message", self._on_message)
        channel.on("close", self.closed.set)
        self._say_state()

    def _on_message(self, text: str | bytes) -> None:
        message = _parsed(text)
        self._heard = self._clock.now()
        if _is_number(ping := message.get("ping")):
            self._say({"pong": ping, "t": self._clock.now()})
        if "ready" in message:
            self.release()
        if isinstance(want := message.get("want"), list):
            self.wants = frozenset(w for w in want[:8] if isinstance(w, str))
        if isinstance(report := message.get("report"), dict):
            self.report = {
                k: float(v) for k, v in list(report.items())[:32]
                if _REPORT.fullmatch(k) and _is_number(v)
            }  # fmt: skip

    @property
    def ends(self) -> tuple[str, str] | None:
        """The fingerprints of our certificate and the viewer's, while the channel is open."""
        if self._channel is None or self._channel.readyState != "open":
            return None
        return fingerprints(self._channel)

    def offer(self, what: str, text: str) -> bool:
        """Sends `text` where the page wants `what`; False where too much waits for it already."""
        channel = self._channel
        if what not in self.wants or channel is None or channel.readyState != "open":
            return True
        if channel.bufferedAmount > _BACKLOG:
            return False
        channel.send(text)
        return True

    def _say_state(self) -> None:
        self._say({"state": self._state(self) | self._ties()})

    def _say(self, message: dict[str, Any]) -> None:
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(json.dumps(message, allow_nan=False))


def _parsed(text: str | bytes) -> dict[str, Any]:
    """A JSON object from a page; {} for anything else, since nobody is there to be told."""
    if not isinstance(text, str) or len(text) > _TEXT:
        return {}
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _is_number(value: Any) -> bool:
    """Whether it is one that JSON can carry back: Python's parser also takes NaN and 10**400."""
    return isinstance(value, int | float) and -1e15 < value < 1e15


def check_keys(sdp: str) -> None:
    """ValueError where a stream lacks what secures it; aiortc would notice after its answer."""
    streams = SessionDescription.parse(sdp).media
    if not streams:
        raise ValueError("it has no streams")
    for stream in streams:
        if stream.dtls is None or not stream.dtls.fingerprints:
            raise ValueError("a stream has no fingerprint")
        if stream.ice is None or not (stream.ice.usernameFragment and stream.ice.password):
            raise ValueError("a stream has no ice-ufrag or ice-pwd")


def without_hidden_names(sdp: str) -> str:
    """An offer without its `.local` candidates, which stand for addresses a browser hides.

    Looking them up takes a second or more and is not needed: the browser's checks reach our
    own candidates, and show where it is. For the same reason no end of candidates is taken.
    """
    hidden = re.compile(r"^a=candidate:\S+ \d+ \S+ \d+ \S+\.local\b|^a=end-of-candidates")
    return "".join(line for line in sdp.splitlines(keepends=True) if not hidden.match(line))


# aiortc hides four things that are needed here; what follows, and promptly.py, touch them.


class Peer(RTCPeerConnection):
    """A peer connection that may be closed while it connects.

    aiortc connects in a task that nobody awaits, and goes on to the next stream after a close:
    the error it then raises would be reported as lost, though nothing is.
    """

    async def _RTCPeerConnection__connect(self) -> None:
        try:
            await super()._RTCPeerConnection__connect()  # type: ignore[misc]
        except InvalidStateError:
            if self.signalingState != "closed":
                raise


def on_feedback(
    sender: RTCRtpSender, need_key: Callable[[], None], lost: Callable[[float], None]
) -> None:
    """Calls `need_key` where the receiver asks for a key frame, `lost` with the part of packets
    that it missed. aiortc's own answer is an order to its own encoder, which packets that were
    encoded elsewhere never pass."""
    handle = sender._handle_rtcp_packet

    async def handle_and_tell(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            need_key()
        if isinstance(packet, RtcpRrPacket):
            for report in packet.reports:
                if report.ssrc == sender._ssrc:
                    lost(report.fraction_lost / 256)
        await handle(packet)

    sender._handle_rtcp_packet = handle_and_tell  # type: ignore[method-assign]


def last_rtp_timestamp(sender: RTCRtpSender) -> int:
    """Of the packet sent last. aiortc begins at random: only the sender can tell where."""
    return int(vars(sender)["_RTCRtpSender__rtp_timestamp"])


def fingerprints(channel: RTCDataChannel) -> tuple[str, str]:
    """SHA-256 of both certificates that this very channel runs under, ours first: "AB:CD:...".

    Of the certificates and not of what the SDP says of them, which passes through other hands.
    """
    dtls = vars(channel)["_RTCDataChannel__transport"].transport
    own = next(f for f in dtls.getLocalParameters().fingerprints if f.algorithm == "sha-256")
    theirs = dtls._ssl.get_peer_certificate(as_cryptography=True)
    return own.value, theirs.fingerprint(SHA256()).hex(":").upper()
