"""Tracking with its nets, on our own drawn heads: where things are is known."""

import time

import numpy as np
import pytest

from engine.faces import Finder, Follow
from engine.head import INDEX, Head
from engine.head.avatar import avatar_names
from engine.track import Nets, Track
from engine.track.place import main_points
from engine.types import VideoFrame
from tests.faces_seen import at, place, scene
from tests.faces_seen import head as drawn

FPS = 30
EYES = np.array([136.4, 113.4])  # the middle of Nora's eyes in her picture
APART = 42.0  # pixels between them
YAW = 0.15  # radians: how the golden heads are turned


@pytest.fixture(scope="module")
def loaded():
    head = Head.load()
    return head, Nets(head, "cpu"), Finder("cpu")


def track(loaded, pictures):
    """What is tracked in pictures at 30 a second."""
    head, nets, finder = loaded
    follow, made = Follow(finder), Track(head, nets)
    frames = [VideoFrame(k / FPS, p) for k, p in enumerate(pictures)]
    return [made.push(follow.push(f)[0])[0] for f in frames]


def test_a_drawn_head_is_where_it_is(loaded):
    wall = scene(640, 480)
    ways = [at(250 + 4 * k, 240, 1.2) for k in range(20)]
    got = track(loaded, [place(wall, drawn(), way) for way in ways])
    eyes = [main_points(g.params.landmarks68)[:2].mean(0) for g in got]
    off = [np.hypot(*(e - (w[:, :2] @ EYES + w[:, 2]))) for e, w in zip(eyes, ways, strict=True)]
    print(f"\noff by {np.median(off):.1f} pixels")
    assert np.median(off) < 0.12 * 1.2 * APART
    assert min(g.params.confidence for g in got) > 0.5


def test_drawn_heads_are_turned_as_they_are(loaded):
    wall = scene(480, 480)
    pictures = [place(wall, drawn(name), at(240, 240, 1.5)) for name in avatar_names()]
    yaws = [track(loaded, [picture] * 4)[-1].params.head[0] for picture in pictures]
    print(f"\n{np.degrees(yaws).round(1)} degrees; they are turned by {np.degrees(YAW):.1f}")
    assert np.median(np.abs(np.array(yaws) - YAW)) < np.radians(4)


def test_both_eyes_turn_together(loaded):
    picture = place(scene(480, 480), drawn(), at(240, 240, 1.5))
    weights = track(loaded, [picture] * 8)[-1].params.expression
    for left, right in (("Out", "In"), ("In", "Out"), ("Up", "Up"), ("Down", "Down")):
        one, other = INDEX[f"eyeLook{left}Left"], INDEX[f"eyeLook{right}Right"]
        assert weights[one] == pytest.approx(weights[other], abs=1e-4)


def test_a_still_face_stands_still_under_noise(loaded):
    rng = np.random.default_rng(0)
    still = place(scene(640, 480), drawn(), at(320, 240, 1.0))
    noisy = [np.clip(still + rng.normal(0, 2, still.shape), 0, 255).astype("u1") for _ in range(40)]
    got = [g.params for g in track(loaded, noisy)][20:]
    marks = np.array([p.landmarks68 for p in got]).std(0).max()
    weights = np.array([p.expression for p in got]).std(0).max()
    print(f"\njitter {marks:.2f} pixels, {weights:.4f} of a weight")
    assert marks < 0.3 and weights < 0.01


def test_a_face_that_leaves_is_lost_and_found_and_a_new_one_starts_afresh(loaded):
    wall = scene(640, 480)
    here = place(wall, drawn("nora"), at(250, 240, 1.0))
    other = place(wall, drawn("kenji"), at(380, 240, 1.0))
    got = track(loaded, [here] * 6 + [wall] * 20 + [other] * 6)
    assert [g.params is not None for g in got[2:6]] == [True] * 4
    assert [g.params is not None for g in got[9:26]] == [False] * 17
    first, last = got[5].params, got[-1].params
    assert last is not None and first.track != last.track
    alone = track(loaded, [other] * 6)[-1].params
    assert np.abs(last.identity - alone.identity).max() < 0.2, "nothing of the other person is left"


@pytest.mark.parametrize("pixels", [
    np.zeros((480, 640, 3), np.uint8), np.full((480, 640, 3), 127, np.uint8),
    np.zeros((20, 20, 3), np.uint8), np.zeros((2160, 3840, 3), np.uint8),
], ids=["black", "grey", "20x20", "4K"])  # fmt: skip
def test_pictures_without_a_face_give_none(loaded, pixels):
    assert [g.params for g in track(loaded, [pixels] * 3)] == [None] * 3


def test_half_a_face_upside_down_and_4k_are_survived(loaded):
    cut = place(scene(640, 480), drawn(), at(20, 240, 1.0))
    large = place(scene(3840, 2160), drawn(), at(1900, 1000, 4.0))
    upside = np.ascontiguousarray(place(scene(640, 480), drawn(), at(320, 240, 1.0))[::-1, ::-1])
    for picture in (cut, large, upside):
        for got in track(loaded, [picture] * 8):
            if got.params is not None:
                assert np.isfinite(got.params.landmarks468).all()


def test_a_frame_is_tracked_in_time(loaded):
    head, nets, finder = loaded
    picture = place(scene(640, 480), drawn(), at(320, 240, 1.2))
    follow, made, taken = Follow(finder), Track(head, nets), []
    for k in range(40):
        [faces] = follow.push(VideoFrame(k / FPS, picture))
        began = time.thread_time()
        made.push(faces)
        taken.append(time.thread_time() - began)
    print(f"\n{1e3 * np.median(taken):.1f} ms a frame, {1e3 * np.mean(taken):.1f} with appearance")
    assert np.median(taken) < 3 * 0.012
