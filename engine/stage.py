"""What a stage is, and the one coroutine that runs any of them."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Protocol, TypeVar

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
    stages: Sequence[Stage[Any, Any]],
    source: Channel[A],
    sinks: Sequence[Channel[B]],
    pool: Executor,
    stats: Stats,
) -> None:
    """Feeds `stages`, one after another, from `source` until that closes; all work is in `pool`.

    Stages that keep pace with one another share one way to the pool and back, which costs the
    event loop more than a light stage costs the pool.
    """
    loop = asyncio.get_running_loop()
    async for item in source:
        await send(await loop.run_in_executor(pool, push, stages, [item], stats), sinks)
    await send(await loop.run_in_executor(pool, finish, stages, stats), sinks)
    for sink in sinks:
        await sink.close()


def push(stages: Sequence[Stage[Any, Any]], values: list[Any], stats: Stats) -> list[Any]:
    """What comes out of the last stage for `values` into the first; each push is timed."""
    for stage in stages:
        made = []
        for value in values:
            with stats.timed(stage.name):
                made += stage.push(value)
        values = made
    return values


def finish(stages: Sequence[Stage[Any, Any]], stats: Stats) -> list[Any]:
    """The tail of each stage, through those after it."""
    values: list[Any] = []
    for i, stage in enumerate(stages):
        values = push(stages[i : i + 1], values, stats) + stage.finish()
    return values


async def send(values: list[B], sinks: Sequence[Channel[B]]) -> None:
    """To all that are sinks at this moment: a list of them may grow while it is in use."""
    for value in values:
        for sink in tuple(sinks):
            await sink.put(value)
