import time

import cv2
import numpy as np
import pytest

from engine.errors import ConfigError
from engine.faces import FacesConfig, Finder, Follow
from engine.faces.euro import OneEuro
from engine.types import VideoFrame
from tests.faces_seen import at, head, place, scene

FPS = 30
EYES = np.array([136.4, 113.4])  # the middle of Nora's eyes in her picture
SIDE = 48.0  # half of her face's box


@pytest.fixture(scope="module")
def finder():
    return Finder("cpu")


def watch(follow, pictures, fps=FPS):
    """What follows from pictures at `fps`."""
    return [follow.push(VideoFrame(k / fps, p))[0] for k, p in enumerate(pictures)]


def eyes(seen):
    return seen.faces[0].points[:2].mean(0)


def truth(matrix):
    return matrix[:, :2] @ EYES + matrix[:, 2]


def test_a_face_in_motion_is_followed_under_one_number(finder):
    wall = scene(640, 480)
    paths = [at(200 + 150 * np.sin(k / 15), 240 + 60 * np.sin(k / 10), 1.0) for k in range(30)]
    seen = watch(Follow(finder), [place(wall, head(), p) for p in paths])
    assert all(len(s.faces) == 1 for s in seen)
    assert {s.faces[0].track for s in seen} == {1}
    off = [np.hypot(*(eyes(s) - truth(p))) for s, p in zip(seen, paths, strict=True)]
    print(f"\noff by {np.median(off):.1f} pixels, at most {max(off):.1f}")
    assert np.median(off) < 3 and max(off) < 8  # of 42 between the eyes, at 300 pixels a second


def test_a_still_face_stands_still_under_noise(finder):
    rng = np.random.default_rng(0)
    still = place(scene(640, 480), head(), at(320, 240, 1.0))
    noisy = [np.clip(still + rng.normal(0, 4, still.shape), 0, 255).astype("u1") for _ in range(25)]
    where = np.array([eyes(s) for s in watch(Follow(finder), noisy)])[10:]
    print(f"\njitter {where.std(0).max():.2f} pixels")
    assert where.std(0).max() < 0.3


def test_lost_and_found_within_three_frames(finder):
    wall = scene(640, 480)
    here, there = (place(wall, head(), at(x, 240, 0.9)) for x in (180, 460))
    pictures = [here] * 5 + [wall] * 5 + [there] * 5 + [here] * 5
    found = [len(s.faces) for s in watch(Follow(finder), pictures)]
    assert found[:5] == [1] * 5
    assert found[5 + 2 : 10] == [0] * 3
    assert found[10 + 2 : 15] == [1] * 3
    assert found[15 + 2 :] == [1] * 3


def test_a_number_outlives_a_blink_of_the_camera_but_not_an_absence(finder):
    wall = scene(640, 480)
    here = place(wall, head(), at(300, 240, 1.0))
    brief = watch(Follow(finder), [here] * 3 + [wall] * 5 + [here] * 3)
    assert brief[-1].faces[0].track == brief[0].faces[0].track
    long = watch(Follow(finder), [here] * 3 + [wall] * 20 + [here] * 3)
    assert long[-1].faces[0].track != long[0].faces[0].track


def test_several_faces_keep_their_numbers_as_they_pass(finder):
    wall = scene(640, 480)
    one, two = head("nora"), head("kenji")

    def both(k):
        picture = place(wall, one, at(150 + 11 * k, 140, 1.0))
        return place(picture, two, at(490 - 11 * k, 350, 1.0))

    seen = watch(Follow(finder), [both(k) for k in range(32)])
    assert all(len(s.faces) == 2 for s in seen[12:])
    upper = {min(s.faces, key=lambda f: f.box[1]).track for s in seen[12:]}
    lower = {max(s.faces, key=lambda f: f.box[1]).track for s in seen[12:]}
    assert len(upper) == len(lower) == 1 and upper != lower
    alone = watch(Follow(finder, FacesConfig(most=1)), [both(k) for k in range(6)])
    assert {len(s.faces) for s in alone} == {1}


def test_a_small_face_is_found_after_a_while(finder):
    wall = scene(1280, 720)
    small = place(wall, head(), at(900, 500, 0.5))
    assert finder.find(small) == []
    found = [len(s.faces) for s in watch(Follow(finder), [small] * 45)]
    print(f"\nseen from frame {found.index(1)} on")
    assert sum(found) == 45 - found.index(1) and found[-1] == 1


@pytest.mark.parametrize("degrees", [0, 45, 90, 180, 270])
def test_a_turned_head_is_found_and_its_points_turn_with_it(finder, degrees):
    picture = place(scene(640, 480), head(), at(320, 240, 1.2, degrees))
    seen = watch(Follow(finder), [picture] * 14)[-1]
    assert len(seen.faces) == 1
    right, left = seen.faces[0].points[:2]
    turned = np.degrees(np.arctan2(right[1] - left[1], left[0] - right[0])) % 360
    assert min(abs(turned - degrees), 360 - abs(turned - degrees)) < 12


def test_a_camera_that_changes_its_size_loses_nobody(finder):
    large = place(scene(640, 480), head(), at(300, 240, 1.2))
    small = cv2.resize(large, (320, 240), interpolation=cv2.INTER_AREA)
    seen = watch(Follow(finder), [large] * 3 + [small] * 3 + [large] * 3)
    assert [len(s.faces) for s in seen] == [1] * 9
    assert {s.faces[0].track for s in seen} == {1}
    assert np.allclose(eyes(seen[3]), eyes(seen[0]) / 2, atol=3)


def test_half_a_face_at_the_edge_is_followed_until_it_is_gone(finder):
    wall = scene(640, 480)
    paths = [at(320 + 12 * k, 240, 1.0) for k in range(40)]
    found = [len(s.faces) for s in watch(Follow(finder), [place(wall, head(), p) for p in paths])]
    assert found[:20] == [1] * 20 and found[-3:] == [0] * 3
    assert sum(abs(np.diff(found))) <= 3  # it goes once


GREY = cv2.cvtColor(cv2.cvtColor(head(), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
EDGES = np.repeat(255 - cv2.Canny(head(), 50, 120)[..., None], 3, 2)


@pytest.mark.parametrize(
    ("picture", "most"),
    [
        (np.zeros((480, 640, 3), np.uint8), 0),
        (np.full((480, 640, 3), 255, np.uint8), 0),
        (scene(640, 480), 0),
        (np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8), 0),
        (np.zeros((1, 1, 3), np.uint8), 0),
        (np.zeros((2, 2000, 3), np.uint8), 0),
        (cv2.resize(head(), (20, 20), interpolation=cv2.INTER_AREA), 1),
    ],
)
def test_what_is_no_face_or_hardly_one_breaks_nothing(finder, picture, most):
    seen = watch(Follow(finder), [picture] * 12)
    assert max(len(s.faces) for s in seen) <= most
    assert all(np.isfinite(f.points).all() and f.quality < 0.5 for s in seen for f in s.faces)


@pytest.mark.parametrize(
    "picture", [GREY, EDGES, cv2.resize(head(), (3840, 2160)), cv2.resize(head(), (64, 64))]
)
def test_grey_drawn_very_large_and_very_small_pictures_do(finder, picture):
    assert [len(s.faces) for s in watch(Follow(finder), [picture] * 3)] == [1] * 3


def test_a_frame_takes_little(finder):
    wall = scene(640, 480)
    pictures = [place(wall, head(), at(300 + k, 240, 1.0)) for k in range(30)]
    follow, taken = Follow(finder), []
    for k, picture in enumerate(pictures):
        begun = time.thread_time()
        follow.push(VideoFrame(k / FPS, picture))
        taken.append(1e3 * (time.thread_time() - begun))
    print(f"\nfollowing a face: {np.mean(taken):.2f} ms a frame")
    assert np.median(taken) < 3 * 4


def test_the_filter_is_steady_at_rest_and_keeps_up_in_motion():
    rng = np.random.default_rng(0)
    rest, moving = OneEuro(), OneEuro()
    still = [rest.push(k / FPS, rng.normal(0, 1, (6, 2)), 100) for k in range(300)][60:]
    assert np.std(still) < 0.5
    behind = [k - moving.push(k / FPS, np.full((6, 2), k), 100.0)[0, 0] for k in range(120)]
    assert 0 <= behind[-1] < 1.5  # pixels, at a third of the face's size a second


@pytest.mark.parametrize("wrong", [{"most": 0}, {"sure": 0.0}, {"sure": 1.0}])
def test_wrong_settings_are_told(wrong):
    with pytest.raises(ConfigError, match=r"faces\."):
        FacesConfig(**wrong)
