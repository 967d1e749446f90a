"""A page that sends its own camera and microphone: a peer connection that only receives.

`POST /send` with an offer answers like /offer, under the same rules (see guard). One page sends
at a time, and only where the session asked for it; what comes goes to `take`, which the
session gives. Pages say `{"bye": true}` on their data channel, or are gone when it falls silent.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCRtpReceiver,
    RTCSessionDescription,
)

from .webrtc import MALFORMED, Peer, check_keys, without_hidden_names

_CONNECT = 10.0  # seconds in which a page must have connected
_SILENCE = 5.0  # seconds without a word from a page that has spoken before: it is gone
log = logging.getLogger("likeness.deliver")
Take = Callable[[RTCRtpReceiver], None]


class Busy(Exception):
    """Another page sends already."""


class Intake:
    """What pages may send: `kinds` of "audio" and "video"."""

    def __init__(self, kinds: tuple[str, ...], take: Take) -> None:
        self.kinds = kinds
        self.ice: Callable[[], list[RTCIceServer]] = list  # set by the server
        self._take = take
        self._guest: _Guest | None = None
        self._names = itertools.count(1)

    @property
    def is_open(self) -> bool:
        """Whether no page sends at this moment."""
        return self._guest is None or self._guest.gone.is_set()

    async def answer(self, sdp: str) -> str:
        """The SDP that answers a page's offer to send; ValueError where it is none, or Busy."""
        if not self.is_open:
            raise Busy
        guest = self._guest = _Guest(
            f"sender {next(self._names)}", self.kinds, self._take, self.ice()
        )
        try:
            return await guest.answer(sdp)
        except ValueError:
            await guest.close()
            raise

    async def close(self) -> None:
        if self._guest is not None:
            await self._guest.close()


class _Guest:
    """One page that sends."""

    def __init__(
        self, name: str, kinds: tuple[str, ...], take: Take, ice: list[RTCIceServer]
    ) -> None:
        self.name, self.gone = name, asyncio.Event()
        self._kinds, self._take = kinds, take
        self._connected = asyncio.Event()
        self._word = asyncio.Event()
        self._peer = Peer(RTCConfiguration(iceServers=ice))
        self._peer.on("connectionstatechange", self._on_connection)
        self._peer.on("datachannel", lambda channel: channel.on("message", self._on_message))
        self._attending: asyncio.Task[None] | None = None
        self._ended = False

    async def answer(self, sdp: str) -> str:
        sdp = without_hidden_names(sdp)
        try:
            check_keys(sdp)
            await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            self._receive()
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except MALFORMED as e:
            raise ValueError(f"not an offer that can be answered: {e or type(e).__name__}") from e
        self._attending = asyncio.create_task(self._attend())
        return str(self._peer.localDescription.sdp)

    def _receive(self) -> None:
        """Takes one stream of each kind that is wanted; others are refused."""
        wanted = list(self._kinds)
        for transceiver in self._peer.getTransceivers():
            taken = transceiver.kind in wanted and transceiver.receiver.track is not None
            transceiver.direction = "recvonly" if taken else "inactive"
            if taken:
                wanted.remove(transceiver.kind)
                self._take(transceiver.receiver)
        if wanted == list(self._kinds):
            raise ValueError(f"it sends no {' nor '.join(wanted)}")

    async def _attend(self) -> None:
        """Until the page is gone."""
        try:
            await asyncio.wait_for(self._connected.wait(), _CONNECT)
            log.info("%s sends", self.name)
            while not self.gone.is_set():
                self._word.clear()
                await asyncio.wait_for(self._word.wait(), _SILENCE)
        except TimeoutError:
            log.info("%s is silent", self.name)
        finally:
            await self._end()

    def _on_connection(self) -> None:
        if self._peer.connectionState == "connected":
            self._connected.set()
        if self._peer.connectionState in ("failed", "closed"):
            self._leave()

    def _on_message(self, text: str | bytes) -> None:
        """Pages say something every second; what it is only matters at the end."""
        if isinstance(text, str) and "bye" in text[:32]:
            self._leave()
        self._word.set()

    def _leave(self) -> None:
        self.gone.set()
        self._connected.set()
        self._word.set()

    async def close(self) -> None:
        self._leave()
        if self._attending is not None:
            await self._attending
        else:
            await self._end()

    async def _end(self) -> None:
        self._leave()
        if self._ended:
            return  # aiortc's close, if it failed, would be awaited for ever the second time
        self._ended = True
        try:
            await self._peer.close()
        except MALFORMED:
            log.info("%s could not be closed whole", self.name)
