"""What was tracked of a face, frame by frame, as arrays: one .npz, written at the end."""

from typing import Any

import numpy as np

from ..types import FaceParams, Tracked
from .part import PartFile

TEXELS = 256  # of the reflectance's side
_EACH = ("viewpoint", "expression", "illumination", "landmarks68", "landmarks468", "head",
         "confidence", "mouth")  # fmt: skip
_NAMES = {"landmarks68": "landmarks"}


class ParamsFile:
    """Arrays of n frames; where no face is found a row is NaN and `found` is False.

    `t (n,)` seconds from the first frame, `found (n,)`, `viewpoint (n, 7)` and `head (n, 3)` (see
    FaceParams), `expression (n, 52)`, `illumination (n, 9)`, `landmarks (n, 68, 2)` and
    `landmarks468 (n, 468, 2)` in pixels of the source, `confidence (n,)`, `mouth (n,)`; and of the
    person, at the end: `identity (k,)`, `reflectance (256, 256, 3)` linear RGB.
    """

    def __init__(self, path: Any) -> None:
        self._file = PartFile(path, "--params", (".npz",))
        self._t: list[float] = []
        self._rows: list[dict[str, Any] | None] = []
        self._last: FaceParams | None = None

    def push(self, item: Tracked) -> Tracked:
        self._t.append(item.t)
        self._last = item.params or self._last
        found = item.params
        row = {name: np.float32(getattr(found, name)) for name in _EACH} if found else None
        self._rows.append(row)
        return item

    def finish(self) -> None:
        """Completes the file and gives it its name; without a frame there is no file."""
        if not self._t:
            self.abort()
            return
        arrays: dict[str, Any] = {"t": np.array(self._t) - self._t[0],
                  "found": np.array([row is not None for row in self._rows])}  # fmt: skip
        first = next((row for row in self._rows if row is not None), None)
        if first is not None and self._last is not None:
            empty = {name: np.full_like(value, np.nan) for name, value in first.items()}
            for name in _EACH:
                rows = [(row or empty)[name] for row in self._rows]
                arrays[_NAMES.get(name, name)] = np.array(rows, np.float32)
            arrays["identity"] = self._last.identity
            arrays["reflectance"] = _large(self._last.reflectance)
        with self._file.writing():
            np.savez_compressed(self._file.part, **arrays)
        self._file.keep()

    def abort(self) -> None:
        self._file.drop()


def _large(reflectance: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """(s, s, 3) -> (TEXELS, TEXELS, 3), bilinear."""
    side = len(reflectance)
    at = np.clip((np.arange(TEXELS) + 0.5) * side / TEXELS - 0.5, 0, side - 1)
    low = np.minimum(at.astype(int), side - 2)
    share = (at - low).astype(np.float32)[:, None, None]
    rows = reflectance[low] * (1 - share) + reflectance[low + 1] * share
    share = share[None, :, 0]
    return np.asarray(rows[:, low] * (1 - share) + rows[:, low + 1] * share, np.float32)
