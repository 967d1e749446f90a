"""configs/train/meshtalk-tiny.toml: the loss falls, resume is exact, the export loads and runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import config as settings
from engine.errors import ConfigError
from engine.head import Head
from engine.speech import MeshTalk, Model, SpeechConfig
from engine.types import AudioChunk
from training import loop, recipes
from training.data import store
from training.data.clips import clips, part
from training.meshtalk import data, recipe, rows, steps
from training.meshtalk.steps import Config

TINY = Path(__file__).parents[2] / "configs/train/meshtalk-tiny.toml"


@pytest.fixture(scope="module")
def tiny(synthesisers: None, tmp_path_factory: pytest.TempPathFactory) -> Config:
    torch.set_num_threads(1)
    config = settings.load(Config, TINY)
    folder = tmp_path_factory.mktemp("data")
    return replace(config, data=replace(config.data, folder=folder))


def run_in(folder: Path, config: Config, most: float = float("inf")) -> bool:
    folder.mkdir(exist_ok=True)
    run = loop.Run(folder, config.seed, torch.device("cpu"), float("inf"), most)
    return steps.fit(config, run)


def weights(file: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(file, weights_only=True)["net"])


def losses_of(config: Config, folder: Path) -> tuple[float, float]:
    """The share of the motion not explained by an untrained and by the trained first step."""
    motions = data.load(steps.run_data(folder, config.data), "train")
    sizes = steps.full_sizes(config, steps.run_data(folder, config.data))
    space = data.load_space(steps.run_data(folder, config.data))
    regions = steps.losses.Regions(Head.load(), space)
    shelf = data.Shelf(motions, torch.device("cpu"))
    batch = data.crops(shelf, config.length, 8, np.random.default_rng(9), 0.1)
    ends = torch.from_numpy(data.hears(config.length)).long()
    found = []
    for trained in (False, True):
        torch.manual_seed(0)
        net = steps.MeshTalk(sizes)
        if trained:
            net.load_state_dict(weights(folder / "first.pt"))
        with torch.no_grad():
            parts = steps.losses.first_step(net.eval(), regions, batch, ends, 1, config.weights)
        found.append(float(parts["reconstruction"]))
    return found[0], found[1]


def test_loss_falls_resume_is_exact_and_the_export_runs(tmp_path: Path, tiny: Config) -> None:
    assert run_in(tmp_path / "whole", tiny)
    before, after = losses_of(tiny, tmp_path / "whole")
    assert after < 0.8 * before

    part = tmp_path / "part"
    finished = [run_in(part, tiny, 25) for _ in range(4)]  # 25, 50, 60 + 25, 30 steps
    assert finished == [False, False, False, True]
    for name in ("first.pt", "second.pt"):
        one, two = weights(tmp_path / "whole" / name), weights(part / name)
        assert all(torch.equal(one[k], two[k]) for k in one), name

    recipes.save_config(part, tiny)
    folder = recipe.export(part, tmp_path / "model")
    model, head = Model.load(folder, "cpu"), Head.load()
    stage = MeshTalk(SpeechConfig(), head, head.neutral, 30, 0, "cpu", model)
    faces = stage.push(AudioChunk(0.0, np.zeros(8000, np.float32), 16_000)) + stage.finish()
    assert len(faces) == 15 and faces[0].vertices.shape == head.neutral.shape


def test_a_limit_is_told(tmp_path: Path, tiny: Config) -> None:
    assert not run_in(tmp_path / "none", tiny, 0)
    assert (tmp_path / "none" / "first.pt").exists()


@pytest.mark.parametrize("name", ["regression", "voca", "continuous"])
def test_rows_learn_and_go_on_where_they_stopped(tmp_path: Path, tiny: Config, name: str) -> None:
    rows.fit_rows(tiny, [name], tmp_path, torch.device("cpu"), 0.0)
    assert steps.finished(tmp_path / name, "first") == 0
    rows.fit_rows(tiny, [name], tmp_path, torch.device("cpu"), 5.0)
    assert steps.finished(tmp_path / name, "first") == tiny.first.steps
    second = steps.finished(tmp_path / name, "second")
    assert second == (tiny.second.steps if name == "continuous" else 0)
    with pytest.raises(ConfigError, match="another configuration"):
        rows.fit_rows(replace(tiny, batch=5), [name], tmp_path, torch.device("cpu"), 5.0)
    with pytest.raises(ConfigError, match="baseline"):
        steps.load_run(tmp_path / name)


def test_an_unknown_row_is_told() -> None:
    with pytest.raises(ConfigError, match="no row nothing; there are meshtalk"):
        recipes.chosen(["nothing"], rows.ROWS)
    assert recipes.chosen([], rows.ROWS) == list(rows.ROWS)


def test_a_manner_that_was_told_apart_is_spoken_in(tmp_path: Path, tiny: Config) -> None:
    head = Head.load()
    made = list(clips(part("train"), 4, len(head.identity_basis), 5))
    for k, clip in enumerate(made):
        store.save(tmp_path / "wide", str(k), replace(clip, weights=2 * clip.weights))
    store.write_page(tmp_path / "wide", {"people": 1})
    recorded = data.Recorded((tmp_path / "wide",), 1)
    config = replace(tiny, data=replace(tiny.data, recorded=recorded, balance=0.0))
    assert run_in(tmp_path / "run", config)
    recipes.save_config(tmp_path / "run", config)
    model = Model.load(recipe.export(tmp_path / "run", tmp_path / "model"), "cpu")
    assert model.manners == ["made", "wide"]
    sound = AudioChunk(0.0, made[0].samples[:8000], 16_000)
    moved = {}
    for name in ("", "made", "wide"):
        stage = MeshTalk(SpeechConfig(manner=name), head, head.neutral, 30, 0, "cpu", model)
        moved[name] = np.stack([f.vertices for f in stage.push(sound) + stage.finish()])
    assert np.array_equal(moved[""], moved["made"])
    assert np.abs(moved["wide"] - moved["made"]).max() > 0.05  # millimetres
    with pytest.raises(ConfigError, match="speech.manner = none: this model has .*wide"):
        MeshTalk(SpeechConfig(manner="none"), head, head.neutral, 30, 0, "cpu", model)


def test_manners_are_drawn_as_often_as_asked() -> None:
    frames = np.array([0, 60, 120, 600], np.int32)  # two short clips in one manner, a long one
    template = np.array([[9, 1, 0], [8, 1, 0], [7, 0, 1]], np.float32)
    nothing = np.zeros((0, 1), np.float32)
    motions = data.Motions(*[nothing] * 5, template, frames, frames)
    for balance, share in ((1.0, 0.2), (0.5, 1 / 3), (0.0, 0.5)):
        chances = data.Shelf(motions, torch.device("cpu"), 2, balance).chances
        assert chances[:2].sum() / chances.sum() == pytest.approx(share)
        assert chances[0] == chances[1]
