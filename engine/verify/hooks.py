"""The Verifier in an event loop: frames in, changes out, the work in a thread."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

from ..types import Faces, Identity, VideoFrame
from .verifier import Verifier

Frames = Iterable[VideoFrame | Faces] | AsyncIterable[VideoFrame | Faces]


async def watch(verifier: Verifier, frames: Frames) -> AsyncIterator[Identity]:
    """Each change of a decision, as it comes about."""
    async for frame in _asynchronous(frames):
        for identity in await asyncio.to_thread(verifier.push, frame):
            if identity.t_decision == identity.t:
                yield identity
    verifier.finish()


async def _asynchronous(frames: Frames) -> AsyncIterator[VideoFrame | Faces]:
    if isinstance(frames, AsyncIterable):
        async for frame in frames:
            yield frame
        return
    each = iter(frames)
    while (following := await asyncio.to_thread(_next, each)) is not None:
        yield following


def _next(frames: Iterator[VideoFrame | Faces]) -> VideoFrame | Faces | None:
    return next(frames, None)
