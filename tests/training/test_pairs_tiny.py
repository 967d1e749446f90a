"""Made-up people, a few: made, resumed, shown, learnt from, measured beside their optimum."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import ConfigError
from training.dimnet import data
from training.dimnet.learn import Learner
from training.dimnet.run import saved_config, trained
from training.fit import dispatch
from training.pairs import evaluate, link, prepare, recipe
from training.pairs.faces import Sitter
from training.sphereface2 import faces as face_store
from training.voices import store as voice_store

ROOT = Path(__file__).parents[2]
PEOPLE = 36
PLAN = prepare.Plan(PEOPLE, pictures=2, utterances=1)
TINY = ["--threads", "1", "--device", "cpu",
        "--config", str(ROOT / "configs/train/dimnet-pairs.toml"),
        "--set", "schedule.steps=12", "--set", "check=6", "--set", "data.heard=12",
        "--set", "data.seen=12", "--set", "data.folds=3", "--set", "data.dev=0.2",
        "--set", "sizes.pixels=32"]  # fmt: skip

pytestmark = pytest.mark.skipif(
    shutil.which("espeak-ng") is None or shutil.which("flite") is None,
    reason="espeak-ng and flite are not installed",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    to = tmp_path_factory.mktemp("pairs")
    prepare.prepare(PLAN, to)
    return to


def test_the_stores_are_those_of_real_people(made):
    faces, voices = face_store.load(made / "faces"), voice_store.load(made / "voices")
    assert faces.pixels.shape == (2 * PEOPLE, 64, 64, 3) and len(voices) == PEOPLE
    assert set(faces.people) == set(voices.people) and len(faces.people) == PEOPLE
    assert np.diff(voices.start).min() >= prepare.LEAST
    with np.load(made / "heads.npz") as heads:
        assert (heads["own"] == link.draw(PEOPLE, 0).own).all()
        assert heads["identity"].shape == (PEOPLE, 100)
        assert heads["reflectance"].shape == (PEOPLE, 64, 64, 3)


def test_a_stopped_preparation_goes_on_and_another_plan_is_refused(made, tmp_path):
    shutil.copy(made / "plan.json", tmp_path)
    shutil.copy(made / "part-000.npz", tmp_path)
    before = (tmp_path / "part-000.npz").stat().st_mtime_ns
    prepare.prepare(PLAN, tmp_path)
    assert (tmp_path / "part-000.npz").stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match="begun otherwise"):
        prepare.prepare(prepare.Plan(PEOPLE, pictures=3, utterances=1), tmp_path)


def test_a_face_is_the_code_it_shows():
    sitter = Sitter()

    def width(code, seed):
        person = sitter.person(np.array(code), np.random.default_rng(seed))
        points = sitter.head.landmarks(sitter.head.person(person.identity), 68)
        return np.ptp(points[:17, 1]), np.ptp(points[4:13, 0])

    shapes = link.CLASSES["shape"]
    found = {
        s: np.mean([width([0, 1, 1, shapes.index(s)], k) for k in range(6)], 0) for s in shapes
    }
    assert found["long"][0] > found["short"][0] + 8
    assert found["square"][1] > found["pointed"][1] + 8
    person = sitter.person(np.array([1, 2, 0, 0]), np.random.default_rng(0))
    one, two = (sitter.picture(person, np.random.default_rng(s)) for s in (1, 2))
    assert one.shape == (64, 64, 3) and (one != two).any()
    assert (sitter.portrait(person) == sitter.portrait(person)).all()


@pytest.fixture(scope="module")
def study(made, tmp_path_factory):
    to = tmp_path_factory.mktemp("study")
    argv = ["pairs", "--data", str(made), "--to", str(to), *TINY]
    for name in ("IG-100", "I-100", "G-50", "pairs-50"):
        argv += ["--only", name]
    assert dispatch("fit", "recipe", argv) == 0
    return to


def test_the_study_learns_resumes_and_leaves_people_out(made, study):
    whole = saved_config(study / "IG-100")
    assert whole.data.covariates == ("identity", "gender")
    part = saved_config(study / "pairs-50")
    assert part.learn == "pairs" and part.data.share == 0.5
    learnt = {n: _names(saved_config(study / n)) for n in ("IG-100", "I-100", "pairs-50")}
    assert learnt["IG-100"] == learnt["I-100"] > learnt["pairs-50"]
    for name in learnt:
        looks = json.loads((study / name / "looks.json").read_text())
        assert len(looks) == 2 and looks[0][1] > 0
    again = ["pairs", "--data", str(made), "--to", str(study), *TINY, "--only", "IG-100"]
    before = (study / "IG-100/net.pt").read_bytes()
    assert dispatch("fit", "recipe", again) == 0
    assert (study / "IG-100/net.pt").read_bytes() == before


def test_identity_and_other_classifiers_shrink_apart(study):
    """The losses of one batch differ by half of each weight's square, times its own factor."""
    plain = saved_config(study / "IG-100")
    material = data.load(plain.data, plain.sizes.pixels)
    net = trained(study / "IG-100", material)

    def loss(**decay):
        torch.manual_seed(0)
        learner = Learner(replace(plain, **({"shrink": 0.0, "press": 0.0} | decay)), material, net)
        with torch.no_grad():
            return float(learner(0, np.random.default_rng(0))["total"])

    identity, gender = (
        float(net.heads[c].weight.detach().square().sum()) for c in ("identity", "gender")
    )
    least = loss()
    assert loss(shrink=2.0) - least == pytest.approx(identity, rel=1e-3)
    assert loss(press=2.0) - least == pytest.approx(gender, rel=1e-3)


def _names(config):
    material = data.load(config.data, config.sizes.pixels)
    return {material.face.names[r] for r in material.face.rows("train")}


def test_the_table_has_every_run_beside_the_optimum(made, study, tmp_path, capsys):
    runs = [w for n in ("IG-100", "I-100", "pairs-50") for w in ("--run", str(study / n))]
    argv = ["pairs", "--data", str(made), *runs, "--threads", "1", "--json", str(tmp_path / "j")]
    assert dispatch("evaluate", "evaluate", argv) == 0
    said = capsys.readouterr().out
    for name in ("chance", "best: gender", "best: all four", "DIMNet-IG, 100 %", "pairs, 50 %"):
        assert name in said
    rows = {r["name"]: r for r in json.loads((tmp_path / "j").read_text())["rows"]}
    top, chance = (rows[n]["ways"]["voice to face"] for n in ("best: all four", "chance"))
    assert chance["1:2 U"] == pytest.approx(0.5) and top["1:2 U"] > top["1:2 G"] > 0.9
    assert 0 < rows["DIMNet-IG, 100 %"]["accuracy"]["face gender"] <= 1
    assert rows["DIMNet-I, 100 %"]["error"]["voice to face, 1:2 U"] > 0


def test_faces_are_imagined_for_people_and_judged(made, study, tmp_path, capsys):
    where = {"data.voices": made / "voices", "data.faces": made / "faces", "heads": made,
             "data.people": made / "people.csv", "model": ""}  # fmt: skip
    small = {"data.heard": 8, "data.seen": 8, "data.folds": 3, "head.steps": 3, "face.steps": 3,
             "sizes.width": 0.05, "sizes.shades": 4, "sizes.parts": 8}  # fmt: skip
    sets = [f'{k}="{v}"' for k, v in where.items()] + [f"{k}={v}" for k, v in small.items()]
    argv = ["voice2face", "--config", str(ROOT / "configs/train/voice2face-pairs.toml")]
    argv += ["--to", str(tmp_path / "v"), "--device", "cpu", "--threads", "1"]
    assert dispatch("fit", "recipe", argv + [v for s in sets for v in ("--set", s)]) == 0
    argv = ["voice2face", "--run", str(tmp_path / "v"), "--judge", str(study / "IG-100")]
    argv += ["--pictures", str(tmp_path), "--json", str(tmp_path / "j"), "--threads", "1"]
    assert dispatch("evaluate", "evaluate", argv) == 0
    assert "imagined heads" in capsys.readouterr().out
    found = json.loads((tmp_path / "j").read_text())
    assert {"faces, ungrouped", "heads as drawn, within a gender"} <= set(found["1:2"])
    for share, low, high in (*found["1:2"].values(), found["told"]["gender"]["real faces"]):
        assert 0 <= low <= share <= high <= 1
    assert (tmp_path / "voice2face-people.png").stat().st_size > 5_000


def test_a_head_in_its_own_colours_is_the_person():
    sitter = Sitter()
    for seed in range(3):
        person = sitter.person(np.array([seed % 2, seed, 1, seed]), np.random.default_rng(seed))
        again = sitter.coloured(person.identity, sitter.albedo(person) / np.float32(255))
        one, two = (sitter.portrait(p).astype(int)[14:50, 16:48] for p in (person, again))
        assert np.abs(one - two).mean() < 10


def test_the_sheet_is_a_picture(made, tmp_path):
    from training.pairs.sheet import sheet

    sheet(made, tmp_path / "s.png")
    assert (tmp_path / "s.png").stat().st_size > 50_000


@pytest.mark.parametrize("name", ["IX-10", "IG", "IG-0", "-10", "pairs-x"])
def test_names_that_mean_nothing_are_refused(name):
    with pytest.raises(ConfigError, match="--only"):
        recipe.variant(recipe.Config(), name, Path("x"), Path("y"))


def test_way_there_is_none_at_chance_and_whole_at_the_top():
    counts = {"people": 40, "voices": 80, "faces": 160}
    chance, top = evaluate.best((), counts), evaluate.best(tuple(link.CLASSES), counts)
    assert evaluate.way_there(chance, top, "1:2 U") == pytest.approx(0, abs=1e-9)
    assert evaluate.way_there(top, top, "1:2 G") == 1
