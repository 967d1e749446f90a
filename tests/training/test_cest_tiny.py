"""configs/train/cest-tiny.toml: losses fall, a stopped run goes on, the export answers as torch."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch

from engine import config as settings
from engine.head import Head
from engine.model import open_model
from training import loop, recipes
from training.cest import data, evaluate, recipe, rows, steps
from training.cest.place import ROOM
from training.cest.render_synthetic import (
    Known,
    Studio,
    random_expression,
    random_light,
    random_person,
    random_pose,
)
from training.cest.skins import random_skin
from training.cest.sources import PAGE
from training.cest.steps import Config

TINY = Path(__file__).parents[2] / "configs/train/cest-tiny.toml"
SIDE = 40


def pack(studio: Studio, file: Path, seed: int, frames: int = 4) -> None:
    """A made-up person's clip whose landmarks are the head's own, for no teacher is needed here."""
    rng = np.random.default_rng(seed)
    identity = random_person(rng, len(studio.head.identity_basis))
    skin = random_skin(rng, studio.head.neutral)
    shown, points, known = [], [], []
    for _ in range(frames):
        known.append(Known(random_pose(rng), random_expression(rng), random_light(rng)))
        pixels, marks = studio.draw(studio.head.person(identity), skin, known[-1], rng)
        shown.append(pixels)
        points.append(marks)
    said = {"name": file.stem, "person": file.stem, "source": "synthetic"}
    np.savez(
        file, said=json.dumps([said] * frames), pixels=np.array(shown), points=np.array(points),
        rotation=np.array([k.rotation for k in known]),
        expression=np.array([k.expression for k in known]),
        light=np.array([k.light for k in known]), identity=identity, albedo=studio.albedo(skin),
    )  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Config:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("faces")
    studio = Studio(Head.load(), SIDE, ROOM)
    for part, seed in (("train", 0), ("train", 1), ("train", 2), ("test", 3)):
        pack(studio, folder / f"synthetic-{part}-moves-{seed:03d}.npz", seed)
    (folder / PAGE).write_text(json.dumps({"size": SIDE, "room": ROOM}))
    config = settings.load(Config, TINY)
    return replace(config, data=replace(config.data, folder=folder, most=None))


def run_in(folder: Path, config: Config, most: float = float("inf")) -> bool:
    folder.mkdir(exist_ok=True)
    recipes.save_config(folder, config)
    return steps.fit(config, loop.Run(folder, config.seed, torch.device("cpu"), float("inf"), most))


def weights(file: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(file, weights_only=True)["net"])


def losses_of(config: Config, net: steps.Cest) -> dict[str, float]:
    """Means over eight batches: one alone says little of so short a training."""
    faces = data.load(config.data.folder, "train")
    trainer = steps.Trainer(config, net, faces, torch.device("cpu"))
    with torch.no_grad():
        found = [trainer.second(0, np.random.default_rng(seed)) for seed in range(8)]
    return {k: float(np.mean([parts[k] for parts in found])) for k in found[0]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny: Config) -> Path:
    """The run that is trained without a stop."""
    folder = tmp_path_factory.mktemp("whole")
    assert run_in(folder, tiny)
    return folder


def same(one: Path, two: Path) -> bool:
    """Whether two checkpoints hold the same weights, to the bit."""
    first, second = weights(one), weights(two)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_losses_fall_the_table_is_made_and_the_export_answers(
    tmp_path: Path, tiny: Config, whole: Path
) -> None:
    before = losses_of(tiny, steps.new_net(tiny))
    after = losses_of(tiny, steps.load_net(whole)[1].train())
    for name in ("landmarks", "swapped", "mirrored"):
        assert after[name] < 0.9 * before[name], name

    table_and_sheet(tmp_path, whole, tiny)

    model = open_model(recipe.export(whole, tmp_path / "model", appearance=whole))
    assert max(model.about["onnx_difference"].values()) < 1e-4, "the graphs are the same"
    assert 0 < max(model.about["halves_difference"].values()) < 0.01
    answers_as_torch(model.path, steps.load_net(whole)[1])


def test_resume_is_exact(tmp_path: Path, tiny: Config, whole: Path) -> None:
    """Cut in the first step where a checkpoint was just written, and in the second between two."""
    assert [run_in(tmp_path, tiny, 15) for _ in range(4)] == [False, False, False, True]
    for name in ("first.pt", "second.pt"):
        assert same(tmp_path / name, whole / name), name


def test_another_runs_first_step_is_taken_over(tmp_path: Path, tiny: Config, whole: Path) -> None:
    alike = replace(tiny, begin=whole)
    assert run_in(tmp_path / "alike", alike)
    assert same(tmp_path / "alike/second.pt", whole / "second.pt")

    other = replace(alike, ablation=steps.Ablation(averaging=True))
    assert not run_in(tmp_path / "other", other, 5)
    assert same(tmp_path / "other/first.pt", whole / "first.pt")


def test_a_net_is_gone_on_with_by_schedules_of_ones_own(
    tmp_path: Path, tiny: Config, whole: Path
) -> None:
    on = replace(
        tiny, start=whole, first=replace(tiny.first, steps=0), second=replace(tiny.second, steps=2)
    )
    assert run_in(tmp_path / "on", on)
    assert same(tmp_path / "on/first.pt", whole / "second.pt"), "no steps: as it began"
    begun, gone = weights(whole / "second.pt"), weights(tmp_path / "on/second.pt")
    off = [float((gone[k] - v).abs().max()) for k, v in begun.items() if k.endswith(".weight")]
    assert 0 < max(off) < 0.1, "two steps further, and not from nothing"
    pair = steps.load_net(whole, appearance=tmp_path / "on")[1].state_dict()
    for name, value in pair.items():
        own = gone if name.startswith(("reflectance.", "illumination.")) else begun
        assert torch.equal(value, own[name]), name
    none = replace(on, second=on.first, mean=tmp_path / "on")
    assert run_in(tmp_path / "mean", none)
    for name, value in weights(tmp_path / "mean/second.pt").items():
        middle = (begun[name].double() + gone[name].double()) / 2
        assert torch.allclose(value.double(), middle, atol=1e-6), name
    assert run_in(tmp_path / "mean", replace(none, start=tmp_path / "gone")), "needs no start again"
    with pytest.raises(steps.ConfigError, match="give start as well"):
        run_in(tmp_path / "alone", replace(none, start=None))
    with pytest.raises(steps.ConfigError, match="give one"):
        run_in(tmp_path / "both", replace(on, begin=whole))
    wide = replace(on, sizes=replace(on.sizes, width=0.25))
    with pytest.raises(steps.ConfigError, match="has other nets"):
        run_in(tmp_path / "wide", wide)
    assert run_in(tmp_path / "wide", replace(wide, start=None))
    with pytest.raises(steps.ConfigError, match="do not fit together"):
        steps.load_net(whole, appearance=tmp_path / "wide")


def test_rows_share_a_first_step_where_they_can_and_end_in_one_table(
    tmp_path: Path, tiny: Config, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(whole, tmp_path / rows.FULL)
    names, cpu = ["averaging", "independent"], torch.device("cpu")
    rows.fit_rows(tiny, names, tmp_path, cpu, minutes=0)
    assert capsys.readouterr().out.count("stopped by the time limit") == 2
    rows.fit_rows(tiny, names, tmp_path, cpu, minutes=60)
    assert same(tmp_path / "averaging/first.pt", whole / "first.pt")
    assert not same(tmp_path / "independent/first.pt", whole / "first.pt")
    with pytest.raises(steps.ConfigError, match="another configuration"):
        rows.fit_rows(replace(tiny, seed=1), ["averaging"], tmp_path, cpu, minutes=0)
    with pytest.raises(steps.ConfigError, match="no row wrong"):
        rows.fit_rows(tiny, ["wrong"], tmp_path, cpu, minutes=0)
    capsys.readouterr()
    folders = [str(tmp_path / name) for name in (rows.FULL, *names)]
    evaluate.main(["--rows", *folders, "--data", str(tiny.data.folder), "--quick"])
    told = capsys.readouterr().out
    assert "below independent with another's (wanted: 15 %)" in told
    assert "seconds a training step: swap 0." in told
    assert steps.spent(tmp_path / "independent") > 0


def table_and_sheet(folder: Path, run: Path, config: Config) -> None:
    evaluate.main(
        ["--rows", str(run), "--data", str(config.data.folder), "--quick",
         "--sheet", str(folder / "sheet.png"), "--json", str(folder / "figures.json")]
    )  # fmt: skip
    figures = json.loads((folder / "figures.json").read_text())["conditional"]
    assert set(figures) == set(evaluate.Figures.__slots__)
    assert 0 < figures["rotation_degrees"] < 60 and 0 < figures["shape_mm"] < 30
    assert figures["albedo"] > 0 and figures["step_seconds"] > 0
    assert (folder / "sheet.png").stat().st_size > 1000


def answers_as_torch(folder: Path, net: steps.Cest) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (1, 32, 32, 3)).astype(np.uint8)
    track, look = (
        ort.InferenceSession(str(folder / f), providers=["CPUExecutionProvider"])
        for f in ("track.onnx", "appearance.onnx")
    )
    view, identity, expression = track.run(None, {"pixels": pixels})
    with torch.no_grad():
        wanted = net.parameters_of(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255)
    assert np.abs(view - wanted[0].numpy()).max() < 0.01  # the file holds halves
    assert expression.min() >= 0 and expression.max() <= 1 and identity.shape == (1, 10)
    inputs = {"pixels": pixels, "viewpoint": view, "identity": identity, "expression": expression}
    reflectance, light = look.run(None, inputs)
    assert reflectance.shape == (1, 32, 32, 3) and light.shape == (1, 9)
    assert reflectance.min() >= 0 and reflectance.max() <= 1


def test_the_told_row_learns_what_renders_hold(tmp_path: Path, tiny: Config) -> None:
    config = replace(tiny, weights=replace(tiny.weights, truth=1.0))
    assert steps.row_name(config) == "told of renders"
    assert run_in(tmp_path / "told", config)
    before = losses_of(config, steps.new_net(config))
    after = losses_of(config, steps.load_net(tmp_path / "told")[1].train())
    for name in ("rotation", "light", "albedo"):
        assert after[name] < before[name], name


def test_a_batch_keeps_groups_and_partners(tiny: Config) -> None:
    faces = data.load(tiny.data.folder, "train")
    mix = data.Mix(real=0, synthetic=3, frames=2, photographs=0)
    batch = data.Batches(faces, 32, mix, data.Shake()).draw(np.random.default_rng(0))
    assert batch.pictures.shape == (6, 3, 32, 32) and batch.landmarks.shape == (6, 468, 2)
    assert batch.group.tolist() == [0, 0, 1, 1, 2, 2]
    assert batch.partner.tolist() == [1, 0, 3, 2, 5, 4]
    again = data.Batches(faces, 32, mix, data.Shake()).draw(np.random.default_rng(0))
    assert torch.equal(batch.pictures, again.pictures)
    with pytest.raises(steps.ConfigError, match="photographs"):
        data.Batches(faces, 32, data.Mix(), data.Shake())
