"""What a session says of its camera: how many faces, how good the picture is, and what to do."""

from dataclasses import dataclass
from typing import Any

from ..stats import Stats
from ..types import Faces

_STALE = 2.0  # seconds without a picture after which the camera is said to give none
_SETTLED = 0.5  # seconds that an advice or a loss lasts before it is said: no flicker


@dataclass(frozen=True, slots=True)
class _Last:
    """What the last frames showed."""

    t: float = float("-inf")
    faces: int = 0
    quality: float = 0.0
    size: tuple[int, int] = (0, 0)


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
        self._last = _Last(item.t, len(item.faces), best.quality if best else 0.0, (w, h))
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
            return "no face is seen" if self._seen == float("-inf") else "the face is lost"
        return self._advice if t - self._since > _SETTLED else ""
