"""The little arithmetic that sources need: fixed blocks, mono, silence."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Floats

BLOCK = 0.01  # seconds of sound that a source hands over at a time


def block_size(rate: int) -> int:
    """Samples in a block, at least one."""
    return max(1, round(rate * BLOCK))


def mono(frames: NDArray[Any]) -> Floats:
    """(n, channels) or (n,) in [-1, 1] -> (n,), the mean of the channels; always a copy."""
    if frames.ndim == 1:
        return np.array(frames, np.float32)
    return np.asarray(frames.mean(axis=1), np.float32)


def silence(n: int) -> Floats:
    return np.zeros(n, np.float32)


def cut(pieces: Iterable[Floats], size: int) -> Iterator[Floats]:
    """The same samples in blocks of `size`; the last may be shorter."""
    held: list[Floats] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count >= size:
            joined = np.concatenate(held)
            whole = count - count % size
            yield from (joined[i : i + size] for i in range(0, whole, size))
            held, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(held)


def seconds_late(age: float, n: int, rate: int) -> float:
    """How long before its arrival a block's last sample was heard.

    `age` is what PortAudio says of the first sample: seconds since it was converted. Some
    drivers answer less than the block itself lasts, which cannot be.
    """
    return max(0.0, age - n / rate)
