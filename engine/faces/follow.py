"""Faces from frame to frame: each keeps its number for as long as it is followed.

A frame costs one look of the net for the face that is followed (at most two where there are
several: they take turns), in a square about the place where it is expected. All of the picture is
searched when a face is missed or there is none, and now and then for newcomers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import ConfigError
from ..types import Face, Faces, Floats, VideoFrame
from .crop import IDENTITY, cut, placement
from .euro import OneEuro
from .finder import Finder, Found, overlap
from .places import around, everywhere, upended
from .quality import assess

_KEEP = 0.35  # score from which on a face that is followed is still one
_SAME = 0.2  # overlap of two boxes from which on they may be one face in motion
_LOOKS = 2  # at faces that are followed, each frame
_NEWCOMERS = 5  # frames from one search for further faces to the next
_MISSES = 3  # frames in which a missed face is looked for near its last place
_MEMORY = 0.5  # seconds after which a face that comes back gets a new number
_STRIDE = 0.1  # seconds at most for which a face is expected to move on


def is_overturned(points: Floats) -> bool:
    """Whether a face's main points (6, 2) are upside down in the picture."""
    return bool(points[3, 1] < points[:2, 1].min())


@dataclass(frozen=True, slots=True)
class FacesConfig:
    """The [faces] section."""

    most: int = 4  # faces that are followed at one time
    sure: float = 0.6  # score from which on something new is a face

    def __post_init__(self) -> None:
        if self.most < 1:
            raise ConfigError(f"faces.most is {self.most}: at least 1 is needed")
        if not 0 < self.sure < 1:
            raise ConfigError(f"faces.sure is {self.sure}: give a score between 0 and 1")


@dataclass(slots=True)
class _Track:
    """One face that is followed."""

    number: int
    found: Found  # as last seen, smoothed
    seen: float  # t of that
    looked: int = 0  # frame in which it was looked at last
    missed: int = 0  # frames since it was seen
    filter: OneEuro = field(default_factory=OneEuro)

    def update(self, t: float, found: Found) -> None:
        size = float(np.mean(found.box[2:] - found.box[:2]))
        both = np.concatenate([found.points, found.box.reshape(2, 2)])
        both = self.filter.push(t, both, max(size, 1.0))
        self.found = Found(both[-2:].ravel(), both[:-2], found.score)
        self.seen, self.missed = t, 0

    def expected(self, t: float) -> Found:
        both = self.filter.predict(min(t, self.seen + _STRIDE))
        return replace(self.found, points=both[:-2], box=both[-2:].ravel())


class Follow:
    """A stage: VideoFrame -> one Faces a frame, those first that have been followed longest."""

    name, lookahead = "faces", 0.0

    def __init__(self, finder: Finder, config: FacesConfig | None = None) -> None:
        self._finder, self._config = finder, config or FacesConfig()
        self._tracks: list[_Track] = []
        self._size = 0, 0  # of the last frame
        self._places: Iterator[Floats] = iter(())
        self._frames = self._numbers = 0

    def push(self, item: VideoFrame) -> list[Faces]:
        self._frames += 1
        self._fit(item)
        self._tracks = [k for k in self._tracks if item.t - k.seen < _MEMORY]
        others = self._look_again(item)
        if self._is_search_due():
            others += self._finder.look(item.pixels, next(self._places), self._config.sure)
        for other in sorted(others, key=_score, reverse=True):
            self._meet(item, other)
        self._merge()
        seen = [k for k in self._tracks if not k.missed]
        return [Faces(item.t, item, tuple(self._face(item, k) for k in seen))]

    def finish(self) -> list[Faces]:
        return []

    def _fit(self, item: VideoFrame) -> None:
        """Where the frames change their size, as browsers' do, the faces do so too."""
        h, w = item.pixels.shape[:2]
        if (w, h) == self._size:
            return
        if all(self._size):
            ratio: Floats = np.divide((w, h), self._size, dtype=np.float32)
            for track in self._tracks:
                track.filter.scale(ratio)
        self._size, self._places = (w, h), everywhere(w, h)

    def _look_again(self, item: VideoFrame) -> list[Found]:
        """Looks for the faces that are followed; answers with what else was seen."""
        others = []
        waiting = [k for k in self._tracks if k.missed < _MISSES]
        for track in sorted(waiting, key=lambda k: k.looked)[:_LOOKS]:
            track.looked = self._frames
            expected = track.expected(item.t)
            square = around(expected, 1 + track.missed)
            found = self._finder.look(item.pixels, square, _KEEP)
            same = _closest(expected, found)
            if is_overturned(expected.points) and self._frames % _NEWCOMERS == 0:
                turned = self._finder.look(item.pixels, upended(expected), self._config.sure)
                better = max(turned, key=_score, default=None)
                if better and (same is None or better.score > same.score):
                    same, track.filter = better, OneEuro()
            if same is None:
                track.missed += 1
            else:
                track.update(item.t, same)
            others += [f for f in found if f is not same and f.score > self._config.sure]
        return others

    def _is_search_due(self) -> bool:
        missing = any(k.missed for k in self._tracks) or not self._tracks
        return missing or self._frames % _NEWCOMERS == 0

    def _meet(self, item: VideoFrame, found: Found) -> None:
        """A face that nobody follows yet, looked at again from close by to be sure."""
        followed = [k for k in self._tracks if not k.missed]
        if len(followed) >= self._config.most or any(_is_same(k.found, found) for k in followed):
            return
        squares = around(found), upended(found)
        close = [f for s in squares for f in self._finder.look(item.pixels, s, self._config.sure)]
        sure = max((f for f in close if _is_same(found, f)), key=_score, default=None)
        if sure is None or any(_is_same(k.found, sure) for k in followed):
            return
        track = next((k for k in self._tracks if k.missed and _is_near(k.found, sure)), None)
        if track is None:
            self._numbers += 1
            track = _Track(self._numbers, sure, item.t)
            self._tracks.append(track)
        track.filter, track.looked = OneEuro(), self._frames
        track.update(item.t, sure)

    def _merge(self) -> None:
        """Two that follow one face become the older of them."""
        kept: list[_Track] = []
        for track in self._tracks:
            twins = (k for k in kept if not (k.missed or track.missed))
            if not any(_is_same(k.found, track.found, 0.5) for k in twins):
                kept.append(track)
        self._tracks = kept

    def _face(self, item: VideoFrame, track: _Track) -> Face:
        found = track.found if track.seen == item.t else track.expected(item.t)
        tight = cut(item.pixels, placement(found.points, IDENTITY), IDENTITY)
        quality = assess(tight, found.points)
        return Face(
            track.number, found.box, found.points, found.score, quality.score, quality.advice
        )


def _score(found: Found) -> float:
    return found.score


def _closest(expected: Found, found: list[Found]) -> Found | None:
    """The one that is most likely the face that was expected, if any is."""
    best = max(found, key=lambda f: _overlap(expected, f), default=None)
    return best if best is not None and _is_same(expected, best) else None


def _overlap(one: Found, other: Found) -> float:
    return float(overlap(one.box, other.box[None])[0])


def _is_same(one: Found, other: Found, least: float = _SAME) -> bool:
    return _overlap(one, other) > least


def _is_near(one: Found, other: Found) -> bool:
    """Whether one face, missed for a moment, may be the other: near by and about as large."""
    a, b = (float(np.mean(f.box[2:] - f.box[:2])) for f in (one, other))
    apart = float(np.hypot(*(one.box[:2] + one.box[2:] - other.box[:2] - other.box[2:]))) / 2
    return apart < 1.2 * max(a, b) and max(a, b) < 1.5 * min(a, b)
