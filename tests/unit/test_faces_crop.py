import cv2
import numpy as np
import pytest

from engine.faces import CEST, IDENTITY, Finder, assess, crop, placement
from engine.faces.crop import _TEMPLATE, cut, similarity
from engine.types import VideoFrame
from tests.faces_seen import at, head, place, scene


def moved(points, matrix):
    return points @ matrix[:, :2].T + matrix[:, 2]


def spread68():
    """68 landmarks of which only those that a crop uses are in their places."""
    points = np.zeros((68, 2), np.float32)
    points[36:42], points[42:48], points[30] = _TEMPLATE[0], _TEMPLATE[1], _TEMPLATE[2]
    points[48], points[54] = _TEMPLATE[3], _TEMPLATE[4]
    return points


@pytest.fixture(scope="module")
def finder():
    return Finder("cpu")


def test_a_similarity_is_found_again():
    angle, scale = 0.4, 2.5
    a = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([a, (30, -12)]).astype(np.float32)
    assert np.allclose(similarity(_TEMPLATE, moved(_TEMPLATE, matrix)), matrix, atol=1e-3)


@pytest.mark.parametrize("points", [_TEMPLATE, spread68()])
def test_points_in_the_standard_place_are_left_there(points):
    assert np.allclose(placement(points, IDENTITY), np.eye(2, 3), atol=1e-4)


def test_a_pixel_of_the_crop_is_the_one_of_the_frame_that_to_frame_says():
    y, x = np.mgrid[:240, :320]
    frame = VideoFrame(1.5, np.stack([x * 0.7, y, x * 0], -1).astype(np.uint8))
    face = crop(frame, moved(_TEMPLATE, at(170, 130, 0.9, 20)), CEST, track=3)
    assert (face.t, face.track, face.pixels.shape) == (1.5, 3, (256, 256, 3))
    for where in ((100, 100), (140, 150), (120, 90)):
        u, v = moved(np.array(where, np.float32), face.to_frame)
        seen = face.pixels[where[1], where[0]]
        assert abs(seen[0] - 0.7 * u) < 1.5 and abs(seen[1] - v) < 1.5


def test_a_large_face_is_averaged_and_stays_in_place():
    small = scene(128, 128, 3)
    large = cv2.resize(small, (1280, 1280), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 40, large.shape)
    noisy = np.clip(large + noise, 0, 255).astype(np.uint8)
    to_frame = np.array([[9.7, 0.5, 70.3], [-0.5, 9.7, 90.8]], np.float32)
    truth = cut(cv2.GaussianBlur(large, (0, 0), 4), to_frame, 112).astype(float)
    got = cut(noisy, to_frame, 112)
    assert np.abs(got - truth).mean() < 10  # unaveraged it would be some 30
    shifted = cut(cv2.GaussianBlur(large, (0, 0), 4), to_frame + [[0, 0, 10], [0, 0, 0]], 112)
    clean = cut(large, to_frame, 112)
    assert np.abs(clean - truth).mean() < 0.3 * np.abs(shifted - truth).mean()


def test_outside_of_the_frame_is_black():
    face = crop(VideoFrame(0, np.full((60, 60, 3), 200, np.uint8)), _TEMPLATE, IDENTITY)
    assert face.pixels[80:, 80:].max() == 0
    assert face.pixels[30, 30].min() == 200


def test_the_wide_cut_holds_the_whole_face(finder):
    [found] = finder.find(head())
    face = crop(VideoFrame(0, head()), found.points, CEST)
    corners = np.array([found.box[:2], found.box[2:]])
    back = cv2.invertAffineTransform(face.to_frame)
    assert (moved(corners, back) > 15).all() and (moved(corners, back) < 240).all()
    [again] = finder.find(face.pixels)
    eyes = again.points[:2]
    assert abs(eyes[1, 0] - eyes[0, 0] - 0.24 * CEST) < 8
    assert np.allclose(eyes.mean(0), (0.5 * CEST, 0.4 * CEST), atol=8)


@pytest.mark.parametrize(
    "points", [np.zeros((5, 2)), np.zeros((7, 2)), np.full((6, 2), np.nan), np.zeros((5, 3))]
)
def test_points_that_are_no_face_are_refused(points):
    with pytest.raises(ValueError, match="points"):
        crop(VideoFrame(0, head()), points.astype(np.float32), IDENTITY)


def quality_of(picture, points):
    return assess(cut(picture, placement(points, IDENTITY), IDENTITY), points)


def test_quality_falls_with_each_of_its_reasons_and_says_which(finder):
    frame = place(scene(640, 480), head(), at(320, 240, 1.0))
    [found] = finder.find(frame)
    good = quality_of(frame, found.points)
    assert good.score > 0.8 and good.advice == ""
    blurred = quality_of(cv2.GaussianBlur(frame, (0, 0), 4), found.points)
    assert blurred.score < 0.3 and "still" in blurred.advice
    dark = quality_of((frame * 0.1).astype(np.uint8), found.points)
    assert dark.score < 0.3 and "light" in dark.advice
    little = cv2.resize(frame, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    far = quality_of(little, found.points / 4)
    assert far.score < 0.1 and far.size == far.score and "closer" in far.advice
    aside = found.points.copy()
    aside[2, 0] += 30
    assert quality_of(frame, aside).pose < 0.2 < good.pose
