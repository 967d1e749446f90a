"""The shipped head: names, bounds, linearity, left and right, lips, lids, landmarks, inverse."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError, ModelError
from engine.head import ARKIT, INDEX, Head, Solver
from engine.model import MODELS

INNER_PAIRS = ((61, 67), (62, 66), (63, 65))
LID_PAIRS = ((37, 41), (38, 40), (43, 47), (44, 46))


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load()


def weights(**named: float) -> np.ndarray:
    row = np.zeros(52, np.float32)
    for name, value in named.items():
        row[INDEX[name]] = value
    return row


def gaps(head: Head, vertices: np.ndarray, pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    points = head.landmarks(vertices)
    return np.array([np.linalg.norm(points[a] - points[b]) for a, b in pairs])


def drop(head: Head, vertices: np.ndarray, pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    """How far the upper point lies above the lower one."""
    points = head.landmarks(vertices)
    return np.array([points[a, 1] - points[b, 1] for a, b in pairs])


def people(head: Head, count: int = 6) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    modes = len(head.identity_basis)
    return [head.person(rng.normal(size=modes).astype(np.float32)) for _ in range(count)]


def test_names_are_apples() -> None:
    assert len(ARKIT) == len(set(ARKIT)) == 52
    assert ARKIT[0] == "eyeBlinkLeft" and ARKIT[17] == "jawOpen" and ARKIT[-1] == "tongueOut"
    lefts = [name for name in ARKIT if name.endswith("Left") and name[:-4] not in ("jaw", "mouth")]
    assert all(name[:-4] + "Right" in ARKIT for name in lefts)


def test_sizes_fit_together(head: Head) -> None:
    v, r = len(head.neutral), len(head.corner_vertex)
    assert 5000 <= v <= 7000
    assert head.faces.min() == 0 and head.faces.max() == v - 1
    assert head.identity_basis.shape[0] >= 80 and head.identity_basis.shape[1:] == (v, 3)
    assert head.expression_basis.shape == (52, v, 3)
    assert head.corner_uv.shape == (r, 2) and 0 <= head.corner_uv.min() <= head.corner_uv.max() <= 1
    assert np.array_equal(head.corner_vertex[head.corner_faces], head.faces)
    assert {"mouth", "upper", "eyes", "neck"} <= set(head.masks)
    for mask in (*head.masks.values(), head.head_weight):
        assert mask.shape == (v,) and mask.min() >= 0 and mask.max() <= 1
    assert len(head.presets) >= 12


def test_every_triangle_belongs_to_one_part(head: Head) -> None:
    drawn = [ids for name, ids in head.parts.items() if name != "hair_cap"]
    assert np.array_equal(np.sort(np.concatenate(drawn)), np.arange(len(head.faces)))
    assert set(head.parts["hair_cap"]) <= set(head.parts["skin"])


def test_is_a_head_in_millimetres(head: Head) -> None:
    skin = head.neutral[np.unique(head.faces[head.parts["skin"]])]
    face = skin[skin[:, 1] > 0]
    assert 120 < face[:, 1].max() < 180
    assert 90 < face[:, 2].max() < 140  # the nose is in front
    left, right = head.eye_centres
    assert 55 < left[0] - right[0] < 70 and abs(left[1] - right[1]) < 0.5


def test_is_symmetric(head: Head) -> None:
    mirrored = head.neutral * [-1, 1, 1]
    for at in range(0, len(mirrored), 97):
        distance = np.linalg.norm(head.neutral - mirrored[at], axis=1)
        twin = int(distance.argmin())
        assert distance[twin] < 0.5
        for mask in head.masks.values():
            assert abs(mask[twin] - mask[at]) < 0.12


def test_left_is_the_persons_left(head: Head) -> None:
    for name, basis in zip(ARKIT, head.expression_basis, strict=True):
        if not name.endswith(("Left", "Right")) or name.startswith(("jaw", "mouthLeft", "mouthRi")):
            continue
        centre = (np.abs(basis).sum(1) * head.neutral[:, 0]).sum()
        assert (centre > 0) == name.endswith("Left"), name
    for name, side in (("jawLeft", 1), ("jawRight", -1), ("mouthLeft", 1), ("mouthRight", -1)):
        assert head.expression_basis[INDEX[name]][:, 0].sum() * side > 0, name


def test_eyes_turn_where_their_names_say(head: Head) -> None:
    ways = {"In": (0, -1), "Out": (0, 1), "Up": (1, 1), "Down": (1, -1)}
    for side, sign in (("Left", 1), ("Right", -1)):
        ball = np.unique(head.faces[head.parts[f"eye_{side.lower()}"]])
        front = ball[head.neutral[ball, 2].argmax()]
        for way, (axis, towards) in ways.items():
            moved = head.expression_basis[INDEX[f"eyeLook{way}{side}"]][front, axis]
            assert moved * towards * (sign if axis == 0 else 1) > 3, (side, way)


def test_pose_is_linear_in_the_weights(head: Head) -> None:
    rng = np.random.default_rng(2)
    for person in people(head, 2):
        row = rng.random(52).astype(np.float32)
        dense = person + np.tensordot(row, head.shapes(person), 1)
        assert np.abs(head.pose(person, row) - dense).max() < 2e-3
        assert np.array_equal(head.pose(person, np.zeros(52, np.float32)), person)
    dense = head.neutral + np.tensordot(row, head.expression_basis, 1)
    assert np.abs(head.pose(head.neutral, row) - dense).max() < 2e-3


def test_everybodys_lips_meet_and_mouth_close_undoes_jaw_open(head: Head) -> None:
    for person in [head.neutral, *people(head), *map(head.person, head.presets.values())]:
        assert gaps(head, person, INNER_PAIRS).max() < 0.6
        wide = gaps(head, head.pose(person, weights(jawOpen=1)), INNER_PAIRS)
        assert wide.min() > 25
        shut = gaps(head, head.pose(person, weights(jawOpen=1, mouthClose=1)), INNER_PAIRS)
        assert shut.max() < 0.05 * wide.max()


def test_everybodys_eyes_shut(head: Head) -> None:
    for person in [head.neutral, *people(head), *map(head.person, head.presets.values())]:
        assert drop(head, person, LID_PAIRS).min() > 3
        shut = head.pose(person, weights(eyeBlinkLeft=1, eyeBlinkRight=1))
        assert np.abs(drop(head, shut, LID_PAIRS)).max() < 1.0


def test_jaw_takes_lower_teeth_and_tongue(head: Head) -> None:
    basis = head.expression_basis[INDEX["jawOpen"]]
    for part, low in (("teeth_lower", -15), ("tongue", -5)):
        assert basis[np.unique(head.faces[head.parts[part]]), 1].mean() < low
    assert np.abs(basis[np.unique(head.faces[head.parts["teeth_upper"]])]).max() < 1


def test_landmarks_are_in_the_usual_order(head: Head) -> None:
    points = head.landmarks(head.neutral)
    assert points.shape == (68, 3) and head.landmarks(head.neutral, 468).shape == (468, 3)
    x, y, z = points.T
    assert x[0] < 0 < x[16] and abs(x[8]) < 1 and y[8] == y[:17].min()
    assert (np.diff(x[:17]) > -4).all() and (np.diff(x[17:27]) > 0).all()
    assert z[30] == z.max() and y[30] < y[29] < y[28] < y[27]
    assert x[36] < x[39] < 0 < x[42] < x[45] and x[48] < x[60] < x[64] < x[54]
    assert y[51] > y[62] and y[66] > y[57]
    assert np.abs(points[:17] * [-1, 1, 1] - points[16::-1]).max() < 1.5
    assert np.abs(points[36:42].mean(0)[:2] - head.eye_centres[1][:2]).max() < 5


def test_solver_finds_the_weights_again(head: Head) -> None:
    rng = np.random.default_rng(4)
    for person in people(head, 2):
        solver = Solver(head, person)
        for _ in range(12):
            row = np.where(rng.random(52) < 0.4, rng.random(52), 0).astype(np.float32)
            found = solver.weights(head.pose(person, row))
            assert np.abs(found - row).max() < 0.01
        assert np.abs(solver.weights(person)).max() < 1e-3


def test_solver_stays_in_bounds(head: Head) -> None:
    solver = Solver(head, head.neutral)
    beyond = head.pose(head.neutral, weights(jawOpen=1.7, browInnerUp=-0.5))
    found = solver.weights(beyond)
    assert found.min() >= 0 and found.max() <= 1 and found[INDEX["jawOpen"]] > 0.9


def test_too_many_coefficients_are_refused(head: Head) -> None:
    with pytest.raises(ConfigError, match="coefficients"):
        head.person(np.zeros(len(head.identity_basis) + 1, np.float32))


def test_about_says_what_it_is(head: Head) -> None:
    assert head.about["explained_variance"]["80"] > 0.9
    assert head.about["licence"] == "CC0-1.0"
    size = sum(file.stat().st_size for file in (MODELS / "head").iterdir())
    assert size < 6e6


def test_an_altered_head_is_refused(tmp_path: Path) -> None:
    copy = shutil.copytree(MODELS / "head", tmp_path / "head")
    data = bytearray((copy / "head.npz").read_bytes())
    data[1000] ^= 1
    (copy / "head.npz").write_bytes(data)
    with pytest.raises(ModelError, match="head.npz"):
        Head.load(copy)


def test_other_shape_names_are_refused(tmp_path: Path) -> None:
    copy = shutil.copytree(MODELS / "head", tmp_path / "head")
    about = json.loads((copy / "about.json").read_text())
    about["shapes"].reverse()
    (copy / "about.json").write_text(json.dumps(about))
    with pytest.raises(ModelError, match="face shapes"):
        Head.load(copy)
