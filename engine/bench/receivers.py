"""`python -m engine.bench.receivers URL COUNT`: viewers that count pictures and decode none.

Writes a line a second: how many pictures each has had so far. Ends with its input.
"""

import asyncio
import json
import os
import sys
import threading
from typing import Any

import aiohttp
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)


class Counted:
    """Stands for the queue to aiortc's decoder, which is given nothing but its end."""

    def __init__(self) -> None:
        self.count = 0
        self._ended = threading.Event()

    def put(self, item: Any) -> None:
        self.count += item is not None
        if item is None:
            self._ended.set()

    def get(self) -> None:
        self._ended.wait()


class Blind:
    """A viewer over WHEP."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.pictures = Counted()
        for kind in ("video", "audio"):
            self.peer.addTransceiver(kind, direction="recvonly")
        self.peer.on("track", self._blind)

    def _blind(self, track: MediaStreamTrack) -> None:
        for each in self.peer.getTransceivers():
            if each.receiver.track is track:
                counted = self.pictures if track.kind == "video" else Counted()
                vars(each.receiver)["_RTCRtpReceiver__decoder_queue"] = counted

    async def connect(self, url: str, http: aiohttp.ClientSession) -> None:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        headers = {
            "Content-Type": "application/sdp",
            "Authorization": f"Bearer {os.environ.get('LIKENESS_TOKEN', '')}",
        }
        offer = self.peer.localDescription.sdp
        async with http.post(f"{url}live/whep", data=offer, headers=headers, ssl=False) as said:
            answer = await said.text()
            said.raise_for_status()
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))


async def main(url: str, count: int) -> None:
    viewers = [Blind() for _ in range(count)]
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with aiohttp.ClientSession() as http:
        for viewer in viewers:
            await viewer.connect(url, http)
    while not ended.done():
        print(json.dumps([viewer.pictures.count for viewer in viewers]), flush=True)
        await asyncio.wait([ended], timeout=1)
    await asyncio.gather(*(viewer.peer.close() for viewer in viewers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
