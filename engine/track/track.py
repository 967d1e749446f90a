"""The stage that follows one face: what it does in every frame, how it looks now and then."""

from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import numpy as np

from ..errors import ConfigError
from ..head import INDEX, Head
from ..types import Face, FaceParams, Faces, Floats, Tracked, VideoFrame
from . import smooth
from .fine import Fine
from .mean import Mean
from .mouth import Compare
from .nets import Nets, Shape
from .place import Place, angles, apply, compose, inverse, main_points, matrix, project

AGREE = 0.12, 0.40  # of the eyes' distance between finder and nets: full trust, none
SURE = 0.45, 0.75  # the finder's score: no trust, full trust
COVERED = 2.4, 1.4  # times the rest's misfit at the mouth: covered, free
UNLIKE = 0.17, 0.12  # misfit of the face beside the mouth: no face at all, one
USELESS = 0.0, 0.05  # quality
NOISE = 0.02  # misfit that says nothing
COMPARED = 3  # frames: so often it is looked whether the mouth is covered
SETTLED = 6  # looks by which a crop is put right
EYES = np.array([[INDEX[f"eyeLook{a}Left"], INDEX[f"eyeLook{b}Right"]] for a, b in
                 (("Out", "In"), ("In", "Out"), ("Up", "Up"), ("Down", "Down"))])  # fmt: skip
FRONTAL = 0.6  # radians of yaw or pitch at which a frame says nothing of the person any more


@dataclass(frozen=True, slots=True)
class TrackConfig:
    """How faces are tracked, where a scene asks for it."""

    rate: float = 1.5  # looks a second at reflectance and light
    smooth: bool = True
    fine: bool = True  # lids and jaw also from the crop's own pixels
    speech: bool = True  # lips from sound where the mouth is not seen; costs its look-ahead
    avatars: Path = Path("avatars")  # where a worn face is saved, where its person asks for that

    def __post_init__(self) -> None:
        if not 0 < self.rate < inf:
            raise ConfigError(f"track.rate is {self.rate}: give looks a second, such as 1.5")


class Track:
    """Faces -> Tracked, one for each frame; the face that has been followed longest counts."""

    name, lookahead = "track", 0.0

    def __init__(self, head: Head, nets: Nets, config: TrackConfig | None = None) -> None:
        self._head, self._nets, self._config = head, nets, config or TrackConfig()
        self._place, self._compare = Place(head, nets), Compare(head, nets)
        self._fine = Fine(head) if self._config.fine else None
        self._number = 0
        self._begin(0, 1.0)

    def _begin(self, number: int, eyes: float) -> None:
        """Forgets whoever was followed before, unless it is the same face."""
        self._weights, self._view = smooth.of_weights(), smooth.of_viewpoint(4 * eyes)
        self._looks, self._right = 0, np.zeros((2, 3), np.float32)
        self._last: FaceParams | None = None
        if number == self._number:
            return
        self._number = number
        if self._fine:
            self._fine.forget()
        self._identity, self._reflectance = Mean(), Mean()
        self._light = np.zeros(9, np.float32)
        self._looked, self._mouth, self._like = -inf, 1.0, 1.0
        self._person, self._mean = self._head.neutral, np.zeros(self._nets.modes, np.float32)
        self._frames = 0

    def push(self, item: Faces) -> list[Tracked]:
        if not item.faces:
            self._last = None
            return [Tracked(item.t, item.frame, None)]
        face = item.faces[0]
        main = face.points[[0, 1, 3]]
        if face.track != self._number or self._last is None:
            self._begin(face.track, float(np.hypot(*(main[1] - main[0]))))
        return [Tracked(item.t, item.frame, self._params(item.t, item.frame, face))]

    def finish(self) -> list[Tracked]:
        return []

    def _params(self, t: float, frame: VideoFrame, face: Face) -> FaceParams:
        to_frame = self._crop(frame, face)
        pixels = self._place.cut(frame.pixels, to_frame)
        shape = self._nets.shape(pixels)
        viewpoint = self._place.in_frame(shape.viewpoint, to_frame)
        weights = shape.expression.copy()
        weights[EYES] = weights[EYES].mean(1, keepdims=True)  # they turn together: nets cross them
        if self._looks < SETTLED:
            self._put_right(self._place.of_finding(face.points), self._marks(shape, to_frame))
        if self._fine:
            marks = apply(inverse(to_frame), self._marks(shape, to_frame))
            weights = self._fine.correct(weights, pixels, marks)
        if self._config.smooth:
            viewpoint = self._view.push(t, viewpoint)
            weights = np.clip(self._weights.push(t, weights), 0, 1)
        turned = angles(matrix(viewpoint))
        belief = float(np.clip(1 - np.abs(turned[:2]).max() / FRONTAL, 0, 1)) * face.quality
        self._identity.push(shape.identity, belief + 1e-3)
        due = t - self._looked >= 1 / self._config.rate
        if due:
            self._mean = self._identity.now
            self._person = self._head.person(self._mean)
        placed = project(self._head.pose(self._person, weights), viewpoint, self._nets.centre)
        confidence = self._confidence(face, placed)
        if due:
            if self._like < 0.5 and face.score > SURE[1]:
                self._reflectance = Mean()  # what was learned is of nobody who is here now
            self._look(t, pixels, shape, belief * confidence)
        self._frames += 1
        if due or self._frames % COMPARED == 0:
            self._watch_mouth(frame, placed)
        self._last = FaceParams(
            t, face.track, viewpoint, self._mean, weights, self._reflectance.now, self._light,
            self._head.landmarks(placed, 68)[:, :2], self._head.landmarks(placed, 468)[:, :2],
            turned, confidence, self._mouth,
        )  # fmt: skip
        return self._last

    def _watch_mouth(self, frame: VideoFrame, placed: Floats) -> None:
        fit = self._compare.fit(frame.pixels, placed, self._reflectance.now, self._light)
        self._mouth += 0.5 * (_seen(fit.mouth, fit.rest) - self._mouth)
        if np.isfinite(fit.rest):
            self._like += 0.3 * (_ramp(fit.rest, *UNLIKE) - self._like)

    def _crop(self, frame: VideoFrame, face: Face) -> Floats:
        """By the finder's points, put right by what the first looks found.

        Not by the last frame's landmarks: a crop that follows what was found in it drifts.
        """
        finding = self._place.of_finding(face.points)
        if self._looks == 0:
            shape = self._nets.shape(self._place.cut(frame.pixels, finding))
            self._put_right(finding, self._marks(shape, finding))
        return compose(finding, self._right)

    def _put_right(self, finding: Floats, marks: Floats) -> None:
        """Takes in where the crop should have been, as seen from the finder's."""
        wanted = compose(inverse(finding), self._place.of_landmarks(marks))
        self._looks += 1
        self._right = self._right + (wanted - self._right) / np.float32(min(self._looks, 2))

    def _marks(self, shape: Shape, to_frame: Floats) -> Floats:
        """(68, 2) of one look, in pixels of the frame."""
        points = self._head.pose(self._head.person(shape.identity), shape.expression)
        viewpoint = self._place.in_frame(shape.viewpoint, to_frame)
        return self._head.landmarks(project(points, viewpoint, self._nets.centre), 68)[:, :2]

    def _confidence(self, face: Face, placed: Floats) -> float:
        mine = main_points(self._head.landmarks(placed, 68)[:, :2])
        agree = _ramp(_apart(mine, face.points[[0, 1, 3]]), AGREE[1], AGREE[0])
        if agree == 0:
            self._looks = 0  # the crop was put right by looks at something else: once more
        sure = _ramp(face.score, *SURE) * _ramp(face.quality, *USELESS)
        return agree * sure * self._like

    def _look(self, t: float, pixels: "np.ndarray", shape: Shape, belief: float) -> None:  # type: ignore[type-arg]
        """Reflectance and light, given the person's mean shape."""
        reflectance, light = self._nets.appearance(pixels, replace(shape, identity=self._mean))
        self._reflectance.push(reflectance, belief + 1e-3)
        self._light, self._looked = light, t


def _apart(mine: Floats, theirs: Floats) -> float:
    """Mean distance of three main points (3, 2), by the eyes' distance."""
    eyes = float(np.hypot(*(theirs[1] - theirs[0])))
    middles = np.abs(np.linalg.norm(mine - theirs, axis=1))
    return float(middles.mean()) / max(eyes, 1e-6)


def _seen(mouth: float, rest: float) -> float:
    """How far the mouth is as well explained as the rest of the face."""
    if not (np.isfinite(mouth) and np.isfinite(rest)):
        return 1.0
    return _ramp((mouth + NOISE) / (rest + NOISE), *COVERED)


def _ramp(x: float, none: float, full: float) -> float:
    return float(np.clip((x - none) / (full - none), 0, 1))
