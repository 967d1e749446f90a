"""A session without an engine: a moving picture that flashes at each beep, served for real.

`python -m tests.browser.synthetic --port N [--alpha] [--seconds S]` prints the link and serves.
Picture k is at t = k / 30; for the first three pictures of every second the corner is white, and
for the same tenth of a second a 1 kHz tone sounds.
"""

import argparse
import asyncio
import functools

import cv2
import numpy as np

from engine.channel import Channel
from engine.clock import Clock
from engine.deliver import DeliverConfig, Server
from engine.stats import Stats
from engine.types import AudioChunk, Picture

FPS, RATE, DELAY = 30, 48_000, 0.16
CHUNK = 1024  # samples, on purpose no multiple of a WebRTC frame
FLASH = 0.1  # seconds, at the start of each


@functools.cache
def picture(k, alpha=False, size=512):
    """A ball that circles over a soft ground; with `alpha` the ground is transparent."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    pixels = np.stack([60 + 60 * y, 70 + 50 * x, 110 + 40 * (1 - y)], -1).astype(np.uint8)
    angle = 2 * np.pi * k / (2 * FPS)
    at = (int(size * (0.5 + 0.2 * np.cos(angle))), int(size * (0.5 + 0.2 * np.sin(angle))))
    cv2.circle(pixels, at, size // 8, (230, 160, 90), -1, cv2.LINE_AA)
    if (k % FPS) / FPS < FLASH:
        pixels[: size // 8, : size // 8] = 255
    if not alpha:
        return pixels
    matte = np.zeros((size, size), np.uint8)
    cv2.circle(matte, at, size // 8, 255, -1, cv2.LINE_AA)
    return np.dstack([pixels, matte])


def tone(first, n):
    """Samples `first` to `first + n` of the beeps."""
    i = np.arange(first, first + n)
    return (0.5 * np.sin(2 * np.pi * 1000 * i / RATE) * (i % RATE < FLASH * RATE)).astype(
        np.float32
    )


class Session:
    """Server and source on one clock."""

    def __init__(self, config=None, alpha=False, info=None, late=0.08, vouch=None, prompt=False):
        self.clock, self.stats = Clock(), Stats()
        self.pictures, self.sound = Channel("pictures", 4), Channel("sound", 64)
        self.alpha, self.late = alpha, late  # late: how long the pretended engine takes
        about = {"avatar": "synthetic", "source": "beeps", "provider": "cpu", "microphone": False}
        about |= info or {}
        self.server = Server(
            config or DeliverConfig(port=0), self.clock, DELAY, self.stats, lambda: about,
            vouch=vouch, prompt=prompt,
        )  # fmt: skip

    async def __aenter__(self):
        await self.server.__aenter__()
        # two seconds repeat: drawing them takes more time than sending them
        loop = [await asyncio.to_thread(picture, k, self.alpha) for k in range(2 * FPS)]
        serving = self.server.run(self.pictures, self.sound)
        self._tasks = [asyncio.ensure_future(c) for c in (self._draw(loop), self._speak(), serving)]
        return self

    async def __aexit__(self, *error):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.server.__aexit__(*error)

    def stop_drawing(self):
        self._tasks[0].cancel()

    async def _draw(self, loop):
        k = int(self.clock.now() * FPS) + 1
        while True:
            await self.clock.sleep_until(k / FPS + self.late)
            await self.pictures.put(Picture(k / FPS, loop[k % len(loop)]))
            k += 1

    async def _speak(self):
        first = int(self.clock.now() * RATE)
        while True:
            await self.clock.sleep_until((first + CHUNK) / RATE)
            await self.sound.put(AudioChunk(first / RATE, tone(first, CHUNK), RATE))
            first += CHUNK


async def serve(args):
    config = DeliverConfig(host=args.host, port=args.port, tls=tuple(args.tls))
    async with Session(config, args.alpha, {"microphone": args.microphone}) as session:
        print(session.server.url, flush=True)
        await asyncio.sleep(args.seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", nargs="*", default=[])
    parser.add_argument("--alpha", action="store_true")
    parser.add_argument("--microphone", action="store_true")
    parser.add_argument("--seconds", type=float, default=3600)
    asyncio.run(serve(parser.parse_args()))
