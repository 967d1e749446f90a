"""What a session says of its camera: how many faces, how good the picture is, and what to do."""

from dataclasses import dataclass
from typing import Any

from ..stats import Stats
from ..types import Bytes, Face, Faces
from .follow import is_overturned

_STALE = 2.0  # seconds without a picture after which the camera is said to give none
_SETTLED = 0.5  # seconds that an advice or a loss lasts before it is said: no flicker


_SMALLEST = 64  # pixels of a picture's shorter side in which a face can be found
_BLACK, _PLAIN = 12.0, 3.0  # mean of a picture that is black, spread of one that shows nothing
_SPARSE = 16  # pixels: so far apart they are looked at


def _fault(pixels: Bytes, best: Face | None) -> str:
    """Why no face can be made out in this picture, or ""."""
    if min(pixels.shape[:2]) < _SMALLEST:
        return "the camera's picture is too small"
    if best:
        over = is_overturned(best.points)
        return "your face is upside down: turn the camera" if over else ""
    some = pixels[::_SPARSE, ::_SPARSE]
    if some.mean() < _BLACK:
        return "the camera's picture is black: is its lens covered?"
    return "the camera's picture shows nothing" if some.std() < _PLAIN else ""


@dataclass(frozen=True, slots=True)
class _Last:
    """What the last frames showed."""

    t: float = float("-inf")
    faces: int = 0
    quality: float = 0.0
    size: tuple[int, int] = (0, 0)
    fault: str = ""  # of the picture itself


class Report:
    """A stage that passes Faces on and can say at any moment how things are."""

    name, lookahead = "faces report", 0.0

    def __init__(self, stats: Stats) -> None:
        self._stats, self._last = stats, _Last()
        self._seen = float("-inf")  # t when a face was seen last
        self._advice, self._since = "", 0.0  # and since when it is given

    def push(self, item: Faces) -> list[Faces]:
        h, w = item.frame.pixels.shape[:2]
        best = item.faces[0] if item.faces else None
        if best is None and self._last.faces:
            self._stats.count("faces.lost")
        advice = best.advice if best else ""
        if advice != self._advice:
            self._advice, self._since = advice, item.t
        self._seen = item.t if best else self._seen
        fault = _fault(item.frame.pixels, best)
        self._last = _Last(item.t, len(item.faces), best.quality if best else 0.0, (w, h), fault)
        self._stats.count("camera.pictures")
        return [item]

    def finish(self) -> list[Faces]:
        return []

    def now(self, t: float) -> dict[str, Any]:
        """For the page and /stats, at session time `t`: plain values and one line of words."""
        last = self._last
        return {
            "faces": last.faces if t - last.t < _STALE else 0,
            "quality": round(last.quality, 2),
            "size": f"{last.size[0]}x{last.size[1]}",
            "words": self._words(t),
        }

    def _words(self, t: float) -> str:
        """ "" where all is well."""
        if t - self._last.t > _STALE:
            return "the camera gives no pictures"
        if not self._last.faces:
            if t - self._seen < _SETTLED:
                return ""
            if self._last.fault:
                return self._last.fault
            return "no face is seen" if self._seen == float("-inf") else "the face is lost"
        advice = self._advice if t - self._since > _SETTLED else ""
        return self._last.fault or advice
