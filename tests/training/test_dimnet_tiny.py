"""configs/train/dimnet-tiny.toml: loss falls, resume is exact, the export loads in the engine."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine import config as settings
from engine.errors import ConfigError, ModelError
from engine.voices import Model
from engine.voices.level import levelled
from training import loop, recipes
from training.dimnet import data, embed, evaluate, learn, measure, run
from training.dimnet.export import export
from training.fit import dispatch

ROOT = Path(__file__).parents[2]
TINY = ROOT / "configs/train/dimnet-tiny.toml"
PEOPLE = 48  # the odd ones are women; all have a voice and a face


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Made-up people: a woman's voice is strong in other bands than a man's, her face is redder."""
    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    names = [f"person {k}" for k in range(PEOPLE) for _ in range(4)]
    frames, pixels = [], []
    for name in names:
        k = int(name.split()[1])
        beat = np.sin(np.arange(220)[:, None] * (0.5 if k % 2 else 0.2) + np.arange(64) * 0.3)
        frames.append((3 * beat + rng.normal(-5, 2, (220, 64))).astype(np.float16))
        face = np.random.default_rng(k).integers(40, 160, (4, 4, 3)) + np.array(
            [60 * (k % 2), 0, 0]
        )
        noise = rng.normal(0, 20, (112, 112, 3))
        pixels.append(np.clip(cv2.resize(face.astype(np.float32), (112, 112)) + noise, 0, 255))
    (made / "voices").mkdir()
    (made / "faces").mkdir()
    np.save(made / "voices/frames.npy", np.concatenate(frames))
    start = np.cumsum([0, *(len(f) for f in frames)]).tolist()
    files = [f"{n}/{k}" for k, n in enumerate(names)]
    page = {
        "start": start,
        "people": names,
        "files": files,
        "how": ["clean"] * len(names),
        "missed": [],
    }
    (made / "voices/voices.json").write_text(json.dumps(page))
    np.save(made / "faces/faces.npy", np.stack(pixels).astype(np.uint8))
    (made / "faces/faces.json").write_text(
        json.dumps({"names": names, "files": files, "missed": []})
    )
    with (made / "people.csv").open("w") as out:
        rows = [(f"person {k}", "female" if k % 2 else "male") for k in range(PEOPLE)]
        csv.writer(out).writerows([("person", "gender"), *rows])
    return made


@pytest.fixture(scope="module")
def tiny(folder):
    config = settings.load(run.Config, TINY)
    where = {
        "voices": str(folder / "voices"),
        "faces": str(folder / "faces"),
        "people": str(folder / "people.csv"),
    }
    return replace(config, data=replace(config.data, **where))


def fit(where, config, most=float("inf")):
    recipes.save_config(where, config)
    place = loop.Run(where, config.seed, torch.device("cpu"), float("inf"), most)
    return run.fit(config, place, run.material_of(config))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny):
    where = tmp_path_factory.mktemp("run")
    assert fit(where, tiny)
    return where


def test_learns_and_tells_people_it_has_never_met(whole, tiny):
    looks = [loss for _, loss in json.loads((whole / "looks.json").read_text())]
    assert len(looks) == 2 and min(looks) < 0.9 * looks[0]
    material = data.load(tiny.data, tiny.sizes.pixels)
    held = measure.held_out(run.trained(whole, material), material, "gender")
    assert held.voice_told.right.mean() > 0.8 and held.face_told.right.mean() > 0.8
    trained_on = {material.voice.names[r] for r in material.voice.rows("train")}
    assert not trained_on & (set(held.voices.person) | set(held.faces.person))


def test_resume_is_exact(whole, tiny, tmp_path):
    done = [fit(tmp_path, tiny, 15) for _ in range(3)]
    assert done == [False, False, True]
    one, two = (torch.load(w / "net.pt", weights_only=True)["net"] for w in (whole, tmp_path))
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert run.saved_config(tmp_path) == tiny


def test_stops_when_development_people_are_told_no_better():
    config = run.Config(patience=2)
    looks = [(k, v) for k, v in enumerate((1.0, 0.5, 0.6, 0.7))]
    assert run.stopped(looks, config) and not run.stopped(looks[:3], config)


@pytest.fixture(scope="module")
def exported(whole, tmp_path_factory):
    made = tmp_path_factory.mktemp("model")
    measured = made / "measured.json"
    argv = ["dimnet", "--run", str(whole), "--picture", str(made / "p.png"), "--threads", "1",
            "--json", str(measured)]  # fmt: skip
    assert dispatch("evaluate", "evaluate", argv) == 0
    assert (made / "p.png").stat().st_size > 10_000
    return export(whole, made / "model", measured)


def test_the_export_is_the_net(whole, tiny, exported):
    model = Model.load(exported)
    assert set(model.heads) == {"gender"} and model.classes("gender") == ["female", "male"]
    assert "person 1" not in (exported / "about.json").read_text()
    material = data.load(tiny.data, tiny.sizes.pixels)
    net, rows = run.trained(whole, material), np.arange(3)
    mel = np.stack([levelled(material.voices.of(int(r))[:100]) for r in rows])
    with torch.no_grad():
        own = net.voice(torch.from_numpy(mel)).numpy()
    assert model.voices(mel) == pytest.approx(own, abs=0.05)
    from training.sphereface2 import faces

    crops = faces.load(Path(tiny.data.faces)).pixels[:3]
    assert model.faces(crops) == pytest.approx(embed.face_embeddings(net, material, rows), abs=0.05)


@pytest.fixture(scope="module")
def on_templates(exported, tiny, tmp_path_factory):
    """A face side on the recogniser's templates, for the voice side that was exported."""
    config = replace(
        tiny,
        ears=str(exported),
        data=replace(tiny.data, covariates=("gender",)),
        sizes=replace(tiny.sizes, sees="templates"),
    )
    where = tmp_path_factory.mktemp("templates")
    assert fit(where, config)
    return where, config, export(where, where / "model")


def test_a_face_side_on_templates_leaves_the_voice_side_as_it_was(exported, on_templates, tiny):
    where, config, made = on_templates
    assert (made / "voice.onnx").read_bytes() == (exported / "voice.onnx").read_bytes()
    model, material = Model.load(made), run.material_of(config)
    net, rows = run.trained(where, material), np.arange(3)
    wanted = embed.face_embeddings(net, material, rows)
    from training.sphereface2 import faces

    crops = faces.load(Path(tiny.data.faces)).pixels[:3]
    assert model.faces(crops) == pytest.approx(wanted, abs=0.05)
    assert model.about["templates"]["model"] == "sphereface2" and "pixels" not in model.about
    assert len(list(Path(tiny.data.faces).glob("sphereface2-*.npy"))) == 1, "made once, and kept"


def test_templates_of_another_recogniser_are_refused(on_templates, tmp_path):
    made = shutil.copytree(on_templates[2], tmp_path / "model")
    about = json.loads((made / "about.json").read_text())
    about["templates"]["sha256"] = "0" * 64
    (made / "about.json").write_text(json.dumps(about))
    with pytest.raises(ModelError, match="another recogniser"):
        Model.load(made)


def test_ears_of_other_sizes_or_classes_are_told(exported, on_templates):
    _, config, _ = on_templates
    wider = replace(config, sizes=replace(config.sizes, voice=0.1))
    named = replace(config, data=replace(config.data, covariates=("identity", "gender")))
    for other in (wider, named):
        with pytest.raises(ConfigError, match="other sizes or classes"):
            run.build(other, run.material_of(other))
    taught = replace(config, teach=1.0)
    material = run.material_of(taught)
    with pytest.raises(ConfigError, match="teach"):
        learn.Learner(taught, material, run.build(taught, material))


def test_figures_travel_with_the_model(exported):
    about = Model.load(exported).about
    measured = json.loads((exported.parent / "measured.json").read_text())
    assert about["calibration"] == measured["calibration"]
    assert 0 < about["calibration"]["gender"]["voice"]["most"] < 1
    ways = about["metrics"]["ways"]["voice to face"]
    assert {"mAP person", "1:2 G", "EER U"} <= set(ways)


def test_wrong_commands_are_one_line(whole, tmp_path, capsys):
    age = ["--run", str(whole), "--covariate", "age"]
    for more in (["--run", str(tmp_path)], ["--trials", "x.csv"], [], age):
        assert dispatch("evaluate", "evaluate", ["dimnet", *more]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_scores_of_listed_trials(exported, tmp_path):
    with (tmp_path / "t.csv").open("w") as out:
        rows = [("voice", "face"), ("sample.ogg", "gone.png"), ("gone", "gone.png")]
        csv.writer(out).writerows(rows)
    argv = ["dimnet", "--trials", str(tmp_path / "t.csv"), "--root", str(ROOT / "engine/capture"),
            "--scores", str(tmp_path / "s.csv"), "--model", str(exported)]  # fmt: skip
    assert dispatch("evaluate", "evaluate", argv) == 0
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert [r["similarity"] for r in rows] == ["", ""]


def test_what_cannot_be_learnt_is_told(tiny, tmp_path):
    for change in ({"covariates": ("age",)}, {"people": str(tmp_path / "gone.csv")},
                   {"voices": str(tmp_path)}):  # fmt: skip
        with pytest.raises(ConfigError):
            data.load(replace(tiny.data, **change), 32)


def test_optimum_and_trials_agree_for_perfect_labels():
    rng = np.random.default_rng(0)
    person = np.array([f"p{k}" for k in range(400)])
    group = np.arange(400) % 2
    embedding = np.stack([1.0 - group, group], 1).astype(np.float32)
    items = measure.Items(embedding, person, group)
    found = measure.cross(items, items, "class", 0)
    best = measure.trials.optimum(np.eye(2), np.eye(2), measure.AMONG)
    for n in measure.AMONG:
        assert found[f"1:{n} U"] == pytest.approx(best.matching[n], abs=0.025)
        assert found[f"1:{n} G"] == pytest.approx(1 / n, abs=0.025)
    assert found["EER U"] == pytest.approx(best.eer, abs=0.03) and best.eer == pytest.approx(1 / 3)
    assert found["mAP class"] == pytest.approx(1, abs=1e-6)
    by_person = measure.trials.by_person(items, items, 200, 2, True, rng)
    assert (person[by_person.probe] == person[by_person.gallery[:, 0]]).all()
    assert (group[by_person.gallery[:, 0]] == group[by_person.gallery[:, 1]]).all()
    assert (person[by_person.gallery[:, 0]] != person[by_person.gallery[:, 1]]).all()


def test_evaluate_answers_as_a_library(whole):
    held, covariate, classes = evaluate._held([whole], None)
    found = evaluate.report(held, covariate, len(classes))
    assert found.truth == "person" and found.people["speakers"] == len(set(held[0].voices.person))
