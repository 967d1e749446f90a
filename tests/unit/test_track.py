"""Tracking without its nets: smoothing, means, places, and who moves what."""

import numpy as np
import pytest

from engine.faces.crop import similarity
from engine.head import ARKIT, INDEX, Head
from engine.render.camera import turn
from engine.track import Drive, Nets
from engine.track.mean import Mean
from engine.track.mouth import Compare
from engine.track.place import Place, angles, project
from engine.track.smooth import Each, of_weights
from engine.types import FaceMesh, FaceParams, Motion, Tracked, VideoFrame, World

FPS = 30


@pytest.fixture(scope="module")
def head():
    return Head.load()


@pytest.fixture(scope="module")
def nets(head):
    return Nets(head, "cpu")


def params(t, weights, confidence=1.0, mouth=1.0, yaw=0.3):
    view = np.array([0.5, 0, 0, 0, 320, 240, 0], np.float32)
    return FaceParams(
        t, 1, view, np.zeros(60, np.float32), weights, np.full((8, 8, 3), 0.4, np.float32),
        np.zeros(9, np.float32), np.zeros((68, 2), np.float32), np.zeros((468, 2), np.float32),
        np.array([yaw, 0, 0], np.float32), confidence, mouth,
    )  # fmt: skip


def test_a_blink_of_five_frames_is_kept_and_noise_is_not():
    blink, jaw = INDEX["eyeBlinkLeft"], INDEX["jawOpen"]
    rng = np.random.default_rng(0)
    smooth, got = of_weights(), []
    shape = np.zeros(60)
    shape[30:35] = 0.4, 0.9, 1.0, 0.8, 0.3
    for k in range(60):
        weights = np.full(52, 0.2, np.float32)
        weights[blink] = shape[k]
        weights[jaw] += rng.normal(0, 0.02)
        got.append(smooth.push(k / FPS, weights))
    got = np.array(got)
    assert got[:, blink].max() > 0.85 and got[36:, blink].max() < 0.5
    assert got[20:30, jaw].std() < 0.012


def test_what_moves_fast_lags_less_than_a_plain_low_pass():
    quick, plain = Each(1.0, 10.0), Each(1.0, 0.0)
    for k in range(30):
        one = np.array([min(max(k - 10, 0) / 5, 1.0)], np.float32)
        a, b = quick.push(k / FPS, one), plain.push(k / FPS, one)
        if k == 15:
            assert a[0] > 0.7 > b[0]


def test_a_mean_is_weighted_and_begins_with_what_there_is():
    mean = Mean()
    assert mean.push(np.array([1.0], np.float32), 0.0) == 1.0
    mean.push(np.array([3.0], np.float32), 1.0)
    assert mean.push(np.array([5.0], np.float32), 1.0) == pytest.approx(4.0, abs=1e-3)
    assert mean.push(np.array([100.0], np.float32), 0.0) == pytest.approx(4.0, abs=1e-3)


def test_angles_undo_a_turn():
    for wanted in ((0.3, -0.2, 0.1), (-0.7, 0.4, -0.5), (0.0, 0.0, 0.0)):
        np.testing.assert_allclose(angles(turn(np.array(wanted, np.float32))), wanted, atol=1e-6)


def test_a_crops_viewpoint_is_the_frames_through_the_way_between_them(head, nets):
    place = Place(head, nets)
    view = np.array([-0.1, 0.2, -0.4, 0.15, 0.05, -0.1, 0.02], np.float32)
    a = np.array([(10, 10), (100, 20), (20, 90)], np.float32)
    to_frame = similarity(a, a @ np.array([[1.5, 0.9], [-0.9, 1.5]], np.float32) + 40)
    in_crop = project(head.neutral, view, nets.centre)  # in units of the crop, y down
    scaled = (in_crop - [*view[4:6], view[6]]) / nets.unit + [view[4], -view[5], view[6]]
    pixels = (scaled[:, :2] + 1) * nets.size / 2 - 0.5
    wanted = pixels @ to_frame[:, :2].T + to_frame[:, 2]
    made = project(head.neutral, place.in_frame(view, to_frame), nets.centre)[:, :2]
    np.testing.assert_allclose(made, wanted, atol=0.05)


def test_landmarks_at_the_standard_place_need_no_crop(head, nets):
    place = Place(head, nets)
    way = place.of_landmarks(place._front)
    np.testing.assert_allclose(way, [[1, 0, 0], [0, 1, 0]], atol=1e-4)


def test_a_hand_before_the_mouth_is_noticed(head, nets):
    compare = Compare(head, nets)
    reflectance = np.full((nets.texels, nets.texels, 3), 0.4, np.float32)
    light = np.zeros(9, np.float32)
    light[0] = 1 / 0.282095
    view = np.array([np.log(1.5), 0, 0, 0, 200, 200, 0], np.float32)
    placed = project(head.neutral, view, nets.centre)
    skin = np.full((400, 400, 3), round(255 * 0.4 ** (1 / 2.2)), np.uint8)
    free = compare.fit(skin, placed, reflectance, light)
    assert free.mouth < 0.01 and free.rest < 0.01
    lips = head.landmarks(placed, 68)[48:68, :2]
    (x0, y0), (x1, y1) = (lips.min(0) - 15).astype(int), (lips.max(0) + 15).astype(int)
    skin[y0:y1, x0:x1] = 20
    covered = compare.fit(skin, placed, reflectance, light)
    assert covered.mouth > 0.4 and covered.rest < 0.15


class Driven:
    """A Drive, a second of worlds long."""

    def __init__(self, head):
        self.drive = Drive(head, head.neutral)
        self.head, self.k = head, 0
        self.said = np.zeros(52, np.float32)
        self.said[INDEX["jawOpen"]] = 0.5

    def go(self, frames, weights=None, **more):
        picture = np.zeros((48, 64, 3), np.uint8)
        for _ in range(frames):
            t = self.k / FPS
            found = params(t, weights, **more) if weights is not None else None
            self.drive.see(Tracked(t, VideoFrame(t, picture), found))
            mesh = FaceMesh(t, self.head.pose(self.head.neutral, self.said))
            [out] = self.drive.push(World(t, mesh, Motion(t, self.said, np.zeros(3, np.float32))))
            self.k += 1
        return out


def smile():
    weights = np.zeros(52, np.float32)
    weights[[INDEX["mouthSmileLeft"], INDEX["mouthSmileRight"]]] = 0.8
    weights[INDEX["eyeBlinkLeft"]] = 0.6
    return weights


def test_the_camera_takes_over_and_gives_back_when_the_face_is_lost(head):
    driven = Driven(head)
    assert driven.go(3).motion.weights[INDEX["jawOpen"]] == 0.5
    out = driven.go(60, smile())
    np.testing.assert_allclose(out.motion.weights, smile(), atol=1e-3)
    np.testing.assert_allclose(out.face.vertices, head.pose(head.neutral, smile()), atol=0.02)
    assert out.motion.head[0] == pytest.approx(0.3, abs=1e-3) and driven.drive.words == "camera"
    first = driven.go(1)
    assert np.abs(first.motion.weights - smile()).max() < 0.2, "no jump when the face is lost"
    assert driven.go(40).motion.weights == pytest.approx(driven.said, abs=1e-3)
    assert driven.drive.words == "speech"


def test_lips_come_from_sound_while_the_mouth_is_covered(head):
    driven = Driven(head)
    out = driven.go(40, smile(), mouth=0.0)
    assert out.motion.weights[INDEX["jawOpen"]] == pytest.approx(0.5, abs=1e-3)
    assert out.motion.weights[INDEX["mouthSmileLeft"]] < 1e-3
    assert out.motion.weights[INDEX["eyeBlinkLeft"]] == pytest.approx(0.6, abs=1e-3)
    assert driven.drive.words == "camera, lips from speech"


def test_a_face_that_is_not_believed_moves_nothing(head):
    out = Driven(head).go(40, smile(), confidence=0.0)
    assert out.motion.weights[ARKIT.index("mouthSmileLeft")] == 0


def test_a_camera_that_falls_silent_is_not_believed_for_long(head):
    driven = Driven(head)
    driven.go(60, smile())
    mesh = FaceMesh(3.0, head.neutral)
    for t in np.arange(2.0, 5.0, 1 / FPS):
        [out] = driven.drive.push(World(t, mesh, Motion(t, driven.said, np.zeros(3, np.float32))))
    assert out.motion.weights == pytest.approx(driven.said, abs=1e-3)


def test_pictures_travel_only_where_a_view_shows_them(head):
    driven = Driven(head)
    assert driven.go(10, smile()).seen is None
    driven.drive.view = "layers"
    seen = driven.go(1, smile()).seen
    assert seen is not None and seen.view == "layers" and seen.picture.shape == (48, 64, 3)
