"""The microphones of this machine itself, where it has any."""

import asyncio

import pytest

from engine.capture import CaptureConfig, list_devices, open_source
from engine.channel import Channel
from engine.clock import Clock
from engine.errors import DeviceError
from engine.stats import Stats
from engine.types import AudioChunk


async def test_default_microphone_gives_sound() -> None:
    try:
        devices = list_devices()
    except DeviceError as e:
        pytest.skip(str(e))
    if not devices:
        pytest.skip("this machine has no microphone")
    clock, stats = Clock(), Stats()
    source = open_source(CaptureConfig(), clock, stats, live=True)
    sink: Channel[AudioChunk] = Channel("sound", 500)
    running = asyncio.create_task(source.run(sink))
    await asyncio.sleep(2.0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    heard = [await anext(sink) for _ in range(len(sink))]
    print(f"{source.describe}: {len(heard)} blocks in 2 s, {dict(stats.counts)}")
    assert source.is_microphone and stats.counts["microphone.lost"] == 0
    assert 1.7 < heard[-1].end - heard[0].t < 2.1
