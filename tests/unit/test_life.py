"""Idle life: what it adds, and what it leaves alone."""

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.head import INDEX, Head
from engine.head.life import Blinks, Life, LifeConfig
from engine.types import FaceMesh

FPS = 30
BLINK = INDEX["eyeBlinkLeft"]
LIPS = [k for name, k in INDEX.items() if name.startswith(("jaw", "mouth", "tongue", "cheekPuff"))]


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load()


def talk(k: int) -> dict[str, float]:
    return {"jawOpen": 0.15 + 0.15 * np.sin(0.9 * k), "mouthPucker": 0.2 * (k % 17 > 8)}


def lively(head, seed=1, seconds=20.0, face=lambda k: {}, config=None, fps=FPS):
    """(weights (n, 52), angles (n, 3), vertices (n, v, 3) of every 40th vertex)."""
    life = Life(head, head.neutral, seed, fps, config)
    worlds = []
    for k in range(round(seconds * fps)):
        weights = np.zeros(len(INDEX), np.float32)
        for name, value in face(k).items():
            weights[INDEX[name]] = value
        worlds += life.push(FaceMesh(k / fps, head.pose(head.neutral, weights)))
    assert life.finish() == []
    return (
        np.array([w.motion.weights for w in worlds]),
        np.array([w.motion.head for w in worlds]),
        np.array([w.face.vertices[::40] for w in worlds]),
    )


def blinks(weights):
    shut = weights[:, BLINK] > 0.5
    return int((shut[1:] & ~shut[:-1]).sum())


@pytest.mark.parametrize("seed", [1, 2])
def test_a_silent_face_blinks_eight_to_twenty_five_times_a_minute(head, seed):
    assert 8 <= blinks(lively(head, seed, 60)[0]) <= 25


def test_blinks_that_come_too_often_are_held_back(head):
    def nervous(k):
        shut = 1.0 if k % 40 < 5 else 0.0  # 45 a minute
        return {"eyeBlinkLeft": shut, "eyeBlinkRight": shut}

    assert 8 <= blinks(lively(head, 1, 60, nervous)[0]) <= 25


@pytest.mark.parametrize("nervous", [False, True])
def test_blinks_come_as_often_as_is_asked(nervous):
    def counted(rate):
        made = Blinks(np.random.default_rng(0), 6.0, 1 / FPS, rate)
        shown = np.zeros((120 * FPS, len(INDEX)), np.float32)
        for k in range(len(shown)):
            said = np.zeros(len(INDEX), np.float32)
            said[[BLINK, INDEX["eyeBlinkRight"]]] = nervous and k % 40 < 5
            made.add(k / FPS, shown[k], said, False)
            shown[k] += said
        return blinks(shown)

    never, seldom, usual, often = (counted(rate) for rate in (0, 0.5, 1, 2))
    assert never == 0 and 0 < seldom < usual < often


def test_blinks_that_come_are_kept_and_not_doubled(head):
    def calm(k):
        shut = 1.0 if k % 100 < 5 else 0.0  # 18 a minute
        return {"eyeBlinkLeft": shut, "eyeBlinkRight": shut}

    assert 12 <= blinks(lively(head, 1, 40, calm)[0]) <= 15


def test_no_guard_no_blinks(head):
    assert blinks(lively(head, 1, 30, config=LifeConfig(blink_guard=0.0))[0]) == 0


def test_same_seed_same_life_and_another_seed_another(head):
    first, again, other = (lively(head, seed, 4, talk) for seed in (5, 5, 6))
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a, b)
    assert not np.allclose(first[1], other[1])


def test_the_lips_are_left_alone_whatever_the_seed(head):
    first, other = (lively(head, seed, 6, talk)[0][:, LIPS] for seed in (1, 2))
    assert np.abs(first - other).max() < 1e-3
    spoken = np.array([talk(k)["jawOpen"] for k in range(180)])
    assert np.corrcoef(first[:, LIPS.index(INDEX["jawOpen"])], spoken)[0, 1] > 0.99


def test_it_never_freezes_and_never_jerks(head):
    _, angles, vertices = lively(head, 4, 12)
    assert np.abs(np.diff(vertices, axis=0)).max((1, 2)).min() > 1e-4
    assert np.abs(np.diff(angles, axis=0)).max() * FPS < 0.6  # radians a second
    assert np.abs(angles).max() < 0.25 and angles[:, 0].std() > 0.008


def test_what_comes_later_changes_nothing_before(head):
    whole = lively(head, 3, 6, talk)
    cut = lively(head, 3, 6, lambda k: talk(k) if k < 90 else {"jawOpen": 1.0})
    for a, b in zip(whole, cut, strict=True):
        assert np.array_equal(a[:90], b[:90])


def test_weights_describe_the_vertices(head):
    life = Life(head, head.neutral, 2, FPS, LifeConfig(breath=0.0))
    for k in range(150):
        (world,) = life.push(FaceMesh(k / FPS, head.neutral.copy()))
        posed = head.pose(head.neutral, world.motion.weights)
        assert np.abs(posed - world.face.vertices).max() < 0.05  # millimetres


def test_eyes_stay_on_the_camera_as_the_head_turns(head):
    """Gaze goes against the head's yaw."""
    weights, angles, _ = lively(head, 8, 30)
    yaw = weights[:, INDEX["eyeLookOutLeft"]] - weights[:, INDEX["eyeLookInLeft"]]
    assert np.corrcoef(yaw, angles[:, 0])[0, 1] < -0.3


@pytest.mark.parametrize("fps", [4, 10, 24, 60, 120])
def test_the_head_moves_alike_at_any_frame_rate(head, fps):
    def syllables(k):
        return {"jawOpen": 0.15 + 0.15 * np.sin(25 * k / fps)}

    angles = lively(head, 4, 10, syllables, fps=fps)[1]
    assert np.abs(angles).max() < 0.25 and angles[:, 0].std() > 0.005
    assert np.abs(np.diff(angles, axis=0)).max() * fps < 0.6  # radians a second


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_settings_out_of_range_are_refused(value):
    with pytest.raises(ConfigError, match="life.sway"):
        LifeConfig(sway=value)
