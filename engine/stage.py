"""What a stage is, and the one coroutine that runs any of them."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Protocol, TypeVar

from .channel import Channel
from .stats import Stats

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out")
A = TypeVar("A")
B = TypeVar("B")


class Stage(Protocol[In, Out]):
    """Turns a stream of In into a stream of Out, as plain synchronous Python.

    All of a stream's state is in the object: to start afresh, make another one.
    It knows no clock, no event loop and no thread. `push` and `finish` answer with a
    list: a generator's body would run elsewhere and later.
    """

    @property
    def name(self) -> str: ...

    @property
    def lookahead(self) -> float:
        """Seconds: the value for t is ready once input up to t + lookahead came."""

    def push(self, item: In) -> list[Out]: ...

    def finish(self) -> list[Out]: ...


async def run(
    stage: Stage[A, B],
    source: Channel[A],
    sinks: Sequence[Channel[B]],
    pool: Executor,
    stats: Stats,
) -> None:
    """Feeds `stage` from `source` until that closes; its work is done in `pool`."""
    loop = asyncio.get_running_loop()

    def timed_push(item: A) -> list[B]:
        with stats.timed(stage.name):
            return stage.push(item)

    async for item in source:
        await send(await loop.run_in_executor(pool, timed_push, item), sinks)
    await send(await loop.run_in_executor(pool, stage.finish), sinks)
    for sink in sinks:
        await sink.close()


async def send(values: list[B], sinks: Sequence[Channel[B]]) -> None:
    for value in values:
        for sink in sinks:
            await sink.put(value)
