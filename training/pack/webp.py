"""Many pictures as one array of bytes."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.types import Bytes

Packed = tuple[Bytes, NDArray[np.int64]]  # bytes of all, and how many each has


def pack(pictures: Iterable[Bytes], quality: int) -> Packed:
    """Pictures (h, w, 3) RGB or (h, w) grey, of any sizes."""
    made = []
    for one in pictures:
        shown = one[..., ::-1] if one.ndim == 3 else one
        flags = [cv2.IMWRITE_WEBP_QUALITY, quality]
        made.append(cv2.imencode(".webp", np.ascontiguousarray(shown), flags)[1].ravel())
    return np.concatenate(made), np.array([len(m) for m in made], np.int64)


def unpack(packed: Packed, grey: bool = False) -> Iterator[Bytes]:
    data, sizes = packed
    ends = np.cumsum(sizes)
    flag = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
    for begin, end in zip(ends - sizes, ends, strict=True):
        shown = np.asarray(cv2.imdecode(data[begin:end], flag))
        yield np.asarray(shown if grey else shown[..., ::-1], np.uint8)
