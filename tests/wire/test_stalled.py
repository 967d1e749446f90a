"""Viewers that stall are cut off with a reason, and slow nobody: a machine that sleeps, and a
player that has stopped while its page goes on."""

import os
import signal
import subprocess
import sys
import time

import aiohttp

from engine.deliver import webrtc
from tests.browser.synthetic import Session
from tests.wire.test_webrtc import until, watching

DEAF = 3.0  # seconds, for this test; a receiver reports every second or so
REASON = "Nothing arrives there any more"
WATCH = """
import asyncio, sys, aiohttp
from tests.wire.test_webrtc import watching

async def main():
    async with aiohttp.ClientSession() as http, watching(sys.argv[1], http):
        await asyncio.sleep(120)

asyncio.run(main())
"""


async def test_who_stalls_is_cut_off_with_the_reason_and_slows_nobody(monkeypatch, caplog):
    monkeypatch.setattr(webrtc, "_DEAF", DEAF)
    caplog.set_level("INFO", "likeness.deliver")
    async with Session() as session, aiohttp.ClientSession() as http:
        url = session.server.url
        sleeper = subprocess.Popen([sys.executable, "-c", WATCH, url])  # noqa: ASYNC220  # at once
        try:
            await until(lambda: session.server.watching == 1, 30)
            async with watching(url, http) as healthy, watching(url, http) as stopped:
                await healthy.tracks["video"].recv()
                await stopped.tracks["video"].recv()
                os.kill(sleeper.pid, signal.SIGSTOP)
                for each in stopped.peer.getReceivers():
                    await each.stop()
                began, seen = time.monotonic(), 0
                while len(session.server.viewers) > 1:
                    await healthy.tracks["video"].recv()
                    seen += 1
                    assert time.monotonic() - began < 30
                taken = time.monotonic() - began
                assert await stopped.heard("bye") == REASON
        finally:
            sleeper.kill()
            sleeper.wait()
        print(f"\ncut off within {taken:.1f} s, beside {seen / taken:.0f} pictures a second")
        assert seen / taken > 5, "the others are slowed down"
        assert caplog.text.count(f"was cut off: {REASON}") == 2
