"""From a session's senses into its channels, until they end or somebody stops it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from . import stage
from .capture import Camera, Source
from .channel import Channel
from .types import AudioChunk


async def feed(
    source: Source | Camera, native: Channel[Any], stop: asyncio.Event, last: bool = False
) -> None:
    """Runs the source until it ends or `stop` is set, which then closes its channel.

    With `last` nothing goes on after it: the others are to stop.
    """
    running = asyncio.create_task(source.run(native))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    if last:
        stop.set()
    await native.close()


async def share(
    native: Channel[AudioChunk],
    sinks: list[Channel[AudioChunk]],
    seconds: float,
    stop: asyncio.Event,
    audible: Callable[[AudioChunk], AudioChunk],
) -> None:
    """Hands what is `audible` to each sink; after `seconds` (0: never) cuts it to the sample
    and stops."""
    origin: float | None = None
    async for chunk in native:
        origin = chunk.t if origin is None else origin
        left = round((origin + seconds - chunk.t) * chunk.rate) if seconds else len(chunk.samples)
        if left > 0:
            whole = audible(chunk)
            await stage.send([AudioChunk(chunk.t, whole.samples[:left], chunk.rate)], sinks)
        if left <= len(chunk.samples) and seconds:
            stop.set()
            break
    for sink in sinks:
        await sink.close()
