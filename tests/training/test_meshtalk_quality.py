"""The shipped MeshTalk on clips it never heard: a small run of `training.evaluate meshtalk`.

The bounds are loose, for a few clips say little; about.json holds the figures of the long run.
"""

from dataclasses import asdict

import pytest
import torch

from engine.model import MODELS, open_model
from training.meshtalk import evaluate


@pytest.fixture(scope="module")
def found(synthesisers: None) -> dict[str, evaluate.Figures]:
    torch.set_num_threads(1)
    figures = evaluate.evaluate(MODELS / "meshtalk", 2)
    print(evaluate.table(figures))
    return figures


@pytest.mark.parametrize("part", ["test", "voices"])
def test_lips_follow_the_generators(found: dict[str, evaluate.Figures], part: str) -> None:
    heard = found[part]
    assert heard.closure_generator > 0.95
    assert heard.correlation > 0.65 and heard.closure > 0.75
    assert heard.closure > heard.closure_by_chance + 0.2
    assert abs(heard.lag_frames) <= 1 and abs(heard.silent_opening) < 0.1


@pytest.mark.parametrize("part", ["test", "voices"])
def test_seeds_change_the_lids_and_not_the_lips(
    found: dict[str, evaluate.Figures], part: str
) -> None:
    assert found[part].seeds_lips > 0.8 > found[part].seeds_lids


def test_the_model_card_has_the_long_runs_figures() -> None:
    metrics = open_model(MODELS / "meshtalk").about["metrics"]
    assert set(metrics) == {"test", "voices"}
    for figures in metrics.values():
        assert set(figures) == set(evaluate.Figures.__slots__)
        assert figures["clips"] >= 12


def test_the_table_has_a_row_a_figure(found: dict[str, evaluate.Figures]) -> None:
    assert len(evaluate.table(found).splitlines()) == 1 + len(asdict(found["test"]))
