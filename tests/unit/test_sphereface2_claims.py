"""The bench's claims: every variant can be configured and built; verdicts; pictures; digits."""

from pathlib import Path

import numpy as np
import pytest

from engine import config as settings
from training.sphereface2 import bench, verdicts
from training.sphereface2.claims import CLAIMS
from training.sphereface2.digits import digits
from training.sphereface2.run import learner
from training.sphereface2.verdicts import Compared, judge


@pytest.mark.parametrize("name", list(CLAIMS))
def test_variants_are_distinct_and_can_be_built(name: str) -> None:
    claim = CLAIMS[name]
    configs = {}
    for variant in claim.variants:
        if variant.special is None:
            config = settings.override(bench.BASE, variant.sets)
            learner(config, 20)
            configs[variant.name] = config
    assert len({repr(c) for c in configs.values()}) == len(configs)
    names = [v.name for v in claim.variants]
    assert len(set(names)) == len(names)
    assert all(c.better in names and c.worse in names for c in claim.compared)


@pytest.mark.parametrize("name", list(CLAIMS))
def test_tables_and_pictures_of_results_with_gaps(name: str, tmp_path: Path) -> None:
    """Two seeds each; one variant diverged once and so has no rates."""
    claim, rng = CLAIMS[name], np.random.default_rng(0)
    results = {v.name: [made(rng), made(rng)] for v in claim.variants}
    results[claim.variants[1].name][1] = {"diverged": 1.0, "finished": 1.0}
    text = verdicts.text(claim, results)
    assert "2, 1 diverged" in text and text.count("**") == 2 * len(claim.compared)
    claim.draw(results, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 10_000


def made(rng: np.random.Generator) -> verdicts.Result:
    measures = {m for c in CLAIMS.values() for m in c.measures}
    points = rng.normal(size=(40, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    curve = np.linspace(0.2, 1, len(bench.GRID)).tolist()
    return {
        **{m: float(rng.random()) for m in measures}, "diverged": 0.0, "finished": 1.0,
        "roc": curve, "seen roc": curve, "points": points.tolist(), "labels": [1, 2] * 20,
    }  # fmt: skip


def rows(*values: float) -> list[verdicts.Result]:
    return [{"eer": v} for v in values]


@pytest.mark.parametrize(
    ("better", "worse", "margin", "word"),
    [((0.10, 0.11, 0.10), (0.20, 0.21, 0.22), 0, "held"),
     ((0.20, 0.21, 0.22), (0.10, 0.11, 0.10), 0, "did not hold"),
     ((0.10, 0.20, 0.30), (0.20, 0.20, 0.20), 0, "undecided"),
     ((0.201, 0.202, 0.2), (0.2, 0.201, 0.2), 0.01, "held"),
     ((0.1,), (0.2,), 0, "undecided")],
)  # fmt: skip
def test_verdicts(better, worse, margin, word) -> None:
    results = {"a": rows(*better), "b": rows(*worse)}
    found = judge(Compared("says", "a", "b", "eer", low=True, margin=margin), results)
    assert found.word == word and found.low <= found.effect <= found.high


def test_runs_without_a_figure_decide_nothing() -> None:
    found = judge(Compared("says", "a", "b", "eer"), {"a": [{"diverged": 1}], "b": rows(0.1)})
    assert found.word.startswith("undecided")


@pytest.mark.parametrize(("loss", "m"), [("softmax", None), ("l-softmax", 2)])
def test_digits_are_learnt(tmp_path: Path, loss: str, m: int | None) -> None:
    found = digits(loss, m, tmp_path, 0, 60)
    assert found["test error"] < 0.2 and found["inter"] > found["intra"]


def test_angles() -> None:
    from training.sphereface2.faces import Faces

    degrees = np.radians([0, 10, 40, 60, 200])
    e = np.stack([np.cos(degrees), np.sin(degrees)], 1)
    person = np.array([0, 0, 1, 1, 2])
    people = Faces(np.zeros((5, 2, 2, 3), np.uint8), person, ("a", "b", "c"), ("",) * 5)
    found = bench.angles(people, e)
    assert found["widest"] == pytest.approx(15) and found["nearest"] == pytest.approx(30)
    assert found["met"] == 1.0
