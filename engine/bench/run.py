"""A whole session, measured from outside: a process of its own and a viewer over real WebRTC."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import psutil
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from ..capture.choose import SAMPLE
from ..errors import DeliveryError
from .figures import Figures

SETTLE = 4.0  # seconds before anything is measured: caches fill, rates settle


@contextmanager
def told() -> Iterator[None]:
    """What goes wrong with the session that is measured, as one line."""
    try:
        yield
    except TimeoutError as e:
        raise DeliveryError("the session gave no picture in time; try it with ./run live") from e
    except (aiohttp.ClientError, ConnectionError) as e:
        raise DeliveryError(f"the session does not answer: {e}; try it with ./run live") from e
    except psutil.Error as e:
        raise DeliveryError(f"the session ended while it was measured: {e}") from e


class Live:
    """A session in a process of its own."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "engine.live", "--audio", str(SAMPLE), *options]
        self.began = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = ""

    async def address(self) -> str:
        """The page's address, once it is printed."""
        assert self.process.stdout is not None
        while line := await asyncio.to_thread(self.process.stdout.readline):
            if line.startswith("open "):
                self.url = line.split()[1]
                return self.url
        raise DeliveryError("the session ended before it served; what it said is above")

    def family(self) -> list[psutil.Process]:
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def cpu(self) -> list[float]:
        """Seconds of processor time so far: the engine's own process, then the renderer's."""
        times = [p.cpu_times() for p in self.family()]
        own, *others = [t.user + t.system for t in times]
        return [own, sum(others)]

    def memory(self) -> float:
        """Megabytes that are its own, shared pages counted once."""
        return sum(p.memory_full_info().pss for p in self.family()) / 1e6

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def http_session() -> aiohttp.ClientSession:
    """Answers that are no success are errors."""
    return aiohttp.ClientSession(raise_for_status=True)


class Receiver:
    """A viewer that takes both streams and counts pictures."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection()
        self.pictures = 0
        self.first = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.peer.on("track", self._take)

    def _take(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.ensure_future(self._count(track)))

    async def _count(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                await track.recv()
                if track.kind == "video":
                    self.pictures += 1
                    self.first.set()
        except MediaStreamError:
            return

    async def connect(self, url: str) -> None:
        for kind in ("video", "audio"):
            self.peer.addTransceiver(kind, direction="recvonly")
        self.peer.createDataChannel("likeness")
        await self.peer.setLocalDescription(await self.peer.createOffer())
        offer = {"sdp": self.peer.localDescription.sdp, "type": "offer"}
        async with http_session() as http, http.post(f"{url}offer", json=offer) as said:
            answer = RTCSessionDescription(**await said.json())
        await self.peer.setRemoteDescription(answer)

    async def close(self) -> None:
        await self.peer.close()
        await asyncio.gather(*self._tasks)


@asynccontextmanager
async def watched(*options: str) -> AsyncIterator[tuple[Live, Receiver]]:
    """A running session with one viewer that has seen its first picture."""
    live, receiver = Live("--port", "0", *options), Receiver()
    with told():
        try:
            await receiver.connect(await live.address())
            await asyncio.wait_for(receiver.first.wait(), 30)
            yield live, receiver
        finally:
            await receiver.close()
            live.end()


async def stats_of(live: Live) -> dict[str, Any]:
    with told():
        async with http_session() as http, http.get(f"{live.url}stats") as said:
            return dict(await said.json())


async def chain(seconds: float, *options: str) -> Figures:
    """The whole chain for `seconds`: processor, memory, rate, milliseconds by stage, drops."""
    figures = Figures()
    async with watched(*options) as (live, receiver):
        figures.values["first frame s"] = round(time.perf_counter() - live.began, 2)
        await asyncio.sleep(SETTLE)
        cpu, pictures, began = live.cpu(), receiver.pictures, time.perf_counter()
        await asyncio.sleep(seconds)
        taken = time.perf_counter() - began
        each = [(now - then) / taken for now, then in zip(live.cpu(), cpu, strict=True)]
        figures.values["cores"] = round(sum(each), 2)
        figures.values["cores, drawing alone"] = round(sum(each[1:]), 2)
        figures.values["frames a second"] = round((receiver.pictures - pictures) / taken, 1)
        figures.values["memory MB"] = round(live.memory())
        said = await stats_of(live)
        figures.milliseconds, figures.counts = said["milliseconds"], said["counts"]
        figures.values["declared delay ms"] = round(said["delay"] * 1e3)
    return figures
