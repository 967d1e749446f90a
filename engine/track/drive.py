"""Speech, idle life and camera become one face: each where it knows best, by confidence."""

from dataclasses import replace

import cv2
import numpy as np

from ..head import ARKIT, Head
from ..timeline import Timeline
from ..types import VIEWS, FaceMesh, FaceParams, Floats, Motion, Seen, Tracked, World

CLOSE = 0.2  # seconds in which the camera takes over, and gives back
OLD = 1.0  # seconds without any frame: what the camera saw before says nothing any more
FULL = 0.5  # confidence from which on the camera has its full say
LARGEST = 512  # pixels of the longer side of what a scene is shown of the camera
SPAN = 3.0  # seconds of what was tracked that are kept: more than any look-ahead
_LIPS = np.array([name.startswith(("jaw", "mouth", "tongue", "cheek")) for name in ARKIT])


class Drive:
    """Worlds of speech and idle life -> worlds in which the avatar does what the camera sees.

    `see` takes what was tracked, `push` the worlds; both in the order of time, and from one
    thread at a time.
    """

    name, lookahead = "drive", 0.0

    def __init__(self, head: Head, person: Floats) -> None:
        self._head, self._person = head, person
        self.view = VIEWS[0]
        self.worn: Floats | None = None  # (v, 3) whose face the avatar wears, in place of its own
        self._seen: Timeline[Tracked] = Timeline(SPAN)
        self._last: FaceParams | None = None  # of the last frame with a face in it
        self._t: float | None = None
        self.camera = self.lips = 0.0  # how much of the face, of the mouth, is the camera's now

    @property
    def newest(self) -> float:
        """The time of the last frame that was tracked; minus infinity before."""
        return self._seen.newest

    def see(self, tracked: Tracked) -> None:
        if tracked.t > self._seen.newest:
            self._seen.add(tracked)

    def push(self, item: World) -> list[World]:
        tracked = self._now(item.t)
        now = tracked.params if tracked else None
        self._last = now or self._last
        step = 0.0 if self._t is None else item.t - self._t
        self._t = item.t
        sure = min((now.confidence if now else 0.0) / FULL, 1.0)
        share = min(step / CLOSE, 1.0)
        self.camera += share * (sure - self.camera)
        self.lips += share * (sure * (now.mouth if now else 0.0) - self.lips)
        if self._last is not None and self.camera >= 1e-3:
            item = self._blended(item, self._last, self._shown(tracked))
        return [self._dressed(item)]

    def finish(self) -> list[World]:
        return []

    @property
    def words(self) -> str:
        """What drives the face: for the page."""
        if self.camera < 0.5:
            return "speech"
        return "camera" if self.lips > 0.5 else "camera, lips from speech"

    @property
    def face(self) -> FaceParams | None:
        """What is known of the person who moves the avatar now; None where nobody does."""
        return self._last if self.camera > FULL else None

    def forget(self) -> None:
        """Nothing of a person is kept here any more."""
        self.worn, self._last, self.camera, self.lips = None, None, 0.0, 0.0
        self._seen = Timeline(SPAN)

    def _now(self, t: float) -> Tracked | None:
        seen = self._seen.at(t)
        return seen if seen is not None and t - seen.t < OLD else None

    def _blended(self, item: World, params: FaceParams, seen: Seen | None) -> World:
        share = np.where(_LIPS, self.lips, self.camera).astype(np.float32)
        own = item.motion.weights
        weights = own + share * (params.expression - own)
        moved = self._head.pose(self._person, weights) - self._head.pose(self._person, own)
        angles = item.motion.head + np.float32(self.camera) * (params.head - item.motion.head)
        face = FaceMesh(item.t, item.face.vertices + moved)
        motion = Motion(item.t, weights.astype(np.float32), angles.astype(np.float32))
        return replace(item, face=face, motion=motion, seen=seen)

    def _dressed(self, item: World) -> World:
        if self.worn is None:
            return item
        weights = item.motion.weights
        moved = self._head.pose(self.worn, weights) - self._head.pose(self._person, weights)
        return replace(item, face=FaceMesh(item.t, item.face.vertices + moved))

    def _shown(self, tracked: Tracked | None) -> Seen | None:
        """Nothing for the avatar's view: pictures would only be carried about."""
        if self.view == VIEWS[0] or tracked is None or tracked.params is None:
            return None
        pixels, params = tracked.frame.pixels, tracked.params
        scale = min(LARGEST / max(pixels.shape[:2]), 1.0)
        if scale < 1:
            size = [round(side * scale) for side in pixels.shape[1::-1]]
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
            params = _scaled(params, scale)
        return Seen(self.view, pixels, params)


def _scaled(params: FaceParams, by: float) -> FaceParams:
    """The same face in a picture that is `by` times as large."""
    view = params.viewpoint.copy()
    view[0] += np.log(by)
    view[4:6] = (view[4:6] + 0.5) * by - 0.5
    view[6] *= by
    marks = (params.landmarks68 + np.float32(0.5)) * np.float32(by) - np.float32(0.5)
    return replace(params, viewpoint=view, landmarks68=marks)
