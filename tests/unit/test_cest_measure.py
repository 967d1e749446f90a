"""What CEST is measured by: answers that are known, and what must not pass."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from training.cest import measure
from training.cest.evaluate import Figures, table, verdict
from training.cest.losses import Ablation
from training.cest.net import Sizes
from training.cest.place import apply, inverse, similarity
from training.cest.render_synthetic import lamp, random_light
from training.cest.steps import Config, row_name
from training.cest.supervised import angle


def face(open_mouth: float = 0.0, open_eyes: float = 1.0) -> np.ndarray:
    """68 points of a plain face: only eyes and lips matter here."""
    points = np.zeros((68, 2), np.float32)
    for first, x in ((36, -0.4), (42, 0.4)):
        ring = [(-0.1, 0), (-0.05, 0.03), (0.05, 0.03), (0.1, 0), (0.05, -0.03), (-0.05, -0.03)]
        points[first : first + 6] = np.array(ring) * [1, open_eyes] + [x, 0.3]
    for upper, lower, x in ((61, 67, -0.1), (62, 66, 0.0), (63, 65, 0.1)):
        points[upper] = x, -0.4 + open_mouth / 2
        points[lower] = x, -0.4 - open_mouth / 2
    return points


def test_landmark_errors_are_shares_of_the_eyes_distance() -> None:
    wanted = face()[None]
    assert measure.landmark_errors(wanted + [0.08, 0], wanted)[0] == pytest.approx(0.1, abs=1e-5)
    assert measure.landmark_errors(wanted + [0.1, 0], wanted, True)[0] == pytest.approx(0.1)


def test_openings_follow_lips_and_lids() -> None:
    wide, shut = face(0.2)[None], face(0.2, 0.1)[None]
    assert measure.mouth_opening(wide)[0] == pytest.approx(0.2, abs=1e-5)
    assert measure.mouth_opening(face()[None])[0] == 0
    assert measure.eye_opening(shut)[0] == pytest.approx(0.1 * measure.eye_opening(wide)[0], 1e-4)


def test_blinks_are_counted_once_each_and_found_when_near() -> None:
    wanted = np.ones(60, np.float32)
    wanted[10:13] = wanted[40:42] = 0.2
    late, never = np.roll(wanted, 2), np.ones(60, np.float32)
    assert measure.blink_counts(late, wanted) == (2, 2)
    assert measure.blink_counts(np.roll(wanted, 8), wanted) == (2, 0)
    assert measure.blink_counts(never, wanted) == (2, 0)


def test_copying_the_texture_fails_where_the_light_turns() -> None:
    """The bound is 0.3; a reflectance that is the texture changes as much as the texture."""
    torch.manual_seed(0)
    skin = torch.rand(1, 3, 8, 8)
    across = torch.linspace(-1, 1, 8)
    light = torch.stack([0.6 + 0.3 * k * across.expand(8, 8) for k in (-1.0, 0.0, 1.0)])
    texture, there = skin * light[:, None], torch.ones(8, 8, dtype=torch.bool)
    assert measure.turning(texture, texture, there) == pytest.approx(1)
    assert measure.turning(texture, skin.expand(3, -1, -1, -1), there) < 1e-5
    partly = skin * (0.9 + 0.1 * light[:, None])
    assert measure.turning(texture, partly, there) < 0.3


def test_even_light_is_not_the_turned_light() -> None:
    rng = np.random.default_rng(0)
    true = np.array([random_light(rng) for _ in range(6)])
    assert measure.light_correlation(torch.from_numpy(true * 1.7), true) > 0.999
    others = torch.from_numpy(np.array([lamp(-1.0, 0.4)] * 6))
    right = np.array([lamp(1.0, 0.4)] * 6)
    assert measure.light_correlation(others, right) < 0.5


def test_angles_between_rotations() -> None:
    turn = torch.tensor([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    assert float(angle(turn, turn)[0]) == pytest.approx(0, abs=0.1)
    assert float(angle(turn, torch.eye(3)[None])[0]) == pytest.approx(90, abs=1e-3)


def test_spreads_within_and_between() -> None:
    groups = [torch.tensor([[0.0], [2.0]]), torch.tensor([[10.0], [12.0]])]
    assert measure.spreads(groups) == (1.0, 5.0)


def test_a_similarity_is_found_and_undone() -> None:
    rng = np.random.default_rng(1)
    points = rng.standard_normal((9, 2)).astype(np.float32)
    affine = np.array([[1.2, -0.5, 3], [0.5, 1.2, -1]], np.float32)
    found = similarity(points, apply(affine, points))
    assert np.abs(found - affine).max() < 1e-5
    assert np.abs(apply(inverse(found), apply(affine, points)) - points).max() < 1e-5


def test_rows_are_named_by_their_flags() -> None:
    assert row_name(Config()) == "conditional"
    assert row_name(Config(sizes=Sizes(independent=True))) == "independent"
    assert row_name(Config(ablation=Ablation(averaging=True))) == "averaging"
    figures = Figures(*[0.5] * len(Figures.__slots__))
    assert len(table({"a": figures, "b": figures}).splitlines()) == 1 + len(Figures.__slots__)


def test_the_verdict_says_how_far_the_full_loss_leads() -> None:
    plain = Figures(*[0.5] * len(Figures.__slots__))
    rows = {"conditional": replace(plain, other=8.0), "independent": replace(plain, other=10.0)}
    [line] = verdict(rows)
    assert "20.0 % below independent" in line and "wanted: 15 %" in line
    assert verdict({"averaging": plain}) == []
