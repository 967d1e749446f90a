"""configs/train/voice2face-tiny.toml: it learns, resume is exact, the export runs in the engine."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine import config as settings
from engine.errors import ConfigError, ModelError
from engine.head import Head
from engine.model import MODELS
from engine.voices import Model
from engine.voices.imagine import Imagination
from training import loop, recipes
from training.fit import dispatch
from training.voice2face import data, losses, measure, run
from training.voice2face.export import export
from training.voice2face.judge import FaceJudge, learn
from training.voice2face.people import FILE
from training.voice2face.shipped import opened
from training.voice2face.space import fit_space, numbers_of

ROOT = Path(__file__).parents[2]
TINY = ROOT / "configs/train/voice2face-tiny.toml"
PEOPLE = 40  # the odd ones are women; each has a voice, a face and a head


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Made-up people: a woman's voice beats faster than a man's, her face is redder."""
    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    names = [f"person {k}" for k in range(PEOPLE) for _ in range(2)]
    frames, pixels = [], []
    for name in names:
        k = int(name.split()[1])
        beat = np.sin(np.arange(220)[:, None] * (0.5 if k % 2 else 0.2) + np.arange(64) * 0.3)
        frames.append((3 * beat + rng.normal(-5, 2, (220, 64))).astype(np.float16))
        face = np.random.default_rng(k).integers(40, 160, (4, 4, 3)) + [80 * (k % 2), 0, 0]
        pixels.append(np.clip(cv2.resize(face.astype(np.float32), (112, 112)), 0, 255))
    for name in ("voices", "faces", "heads"):
        (made / name).mkdir()
    np.save(made / "voices/frames.npy", np.concatenate(frames))
    start = np.cumsum([0, *(len(f) for f in frames)]).tolist()
    files = [f"{n}/{k}" for k, n in enumerate(names)]
    page = {"people": names, "files": files, "how": ["clean"] * len(names), "missed": []}
    (made / "voices/voices.json").write_text(json.dumps({"start": start, **page}))
    np.save(made / "faces/faces.npy", np.stack(pixels).astype(np.uint8))
    (made / "faces/faces.json").write_text(json.dumps({"names": names, "files": files}))
    write_heads(made / "heads" / FILE, rng)
    with (made / "people.csv").open("w") as out:
        rows = [(f"person {k}", "female" if k % 2 else "male") for k in range(PEOPLE)]
        csv.writer(out).writerows([("person", "gender"), *rows])
    return made


def write_heads(file, rng):
    women = (np.arange(PEOPLE) % 2)[:, None]
    identity = rng.normal(0, 0.5, (PEOPLE, 20)) + women * np.eye(20)[0]
    tone = 0.3 + 0.05 * rng.random((PEOPLE, 1, 1, 3)) + 0.1 * women[:, :, None, None]
    shade = np.broadcast_to(tone, (PEOPLE, 64, 64, 3)) + 0.01 * rng.random((PEOPLE, 64, 64, 3))
    names = np.array([f"person {k}" for k in range(PEOPLE)])
    np.savez(
        file,
        people=names,
        identity=identity.astype(np.float32),
        reflectance=shade.astype(np.float16),
    )


@pytest.fixture(scope="module")
def tiny(folder):
    config = settings.load(run.Config, TINY)
    where = {name: str(folder / name) for name in ("voices", "faces")}
    people = replace(config.data, **where, people=str(folder / "people.csv"))
    return replace(config, data=people, heads=str(folder / "heads"))


@pytest.fixture(scope="module")
def material(tiny):
    return run.material_of(tiny)


def fit(where, config, material, most=float("inf")):
    recipes.save_config(where, config)
    place = loop.Run(where, config.seed, torch.device("cpu"), float("inf"), most)
    return run.fit(config, place, material)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny, material):
    where = tmp_path_factory.mktemp("run")
    assert fit(where, tiny, material)
    return where


def test_nobody_who_is_held_out_is_learnt_from(material):
    trained = {material.voice.names[r] for r in material.voice.rows("train")}
    for side in (material.voice, material.face, material.heads.side):
        held = {side.names[r] for r in measure.held(side, "gender")}
        assert held and not held & trained


def test_it_learns(whole, tiny, material):
    """Noise leads closer to the mean face than in a net that has learnt nothing."""
    fresh = run.Generators(*(run.build(tiny, material, kind).mean for kind in run.KINDS))
    done = run.trained(whole, material)
    wanted = material.mean_face(), material.space.middle
    for before, after, mean in zip(
        run.imagine(fresh, material.silence),
        run.imagine(done, material.silence),
        wanted,
        strict=True,
    ):
        assert np.abs(after - mean).mean() < 0.95 * np.abs(before - mean).mean()


def test_resume_is_exact(whole, tiny, material, tmp_path):
    done = [fit(tmp_path, tiny, material, 25) for _ in range(3)]
    assert done == [False, False, True]
    for name in ("head.pt", "face.pt"):
        one, two = (torch.load(w / name, weights_only=True)["net"] for w in (whole, tmp_path))
        assert all(torch.equal(one[k], two[k]) for k in one)
        mean, newest = ([v for k, v in one.items() if k.startswith(p)] for p in ("mean", "gen"))
        assert not all(map(torch.equal, mean, newest))
    assert run.saved_config(tmp_path) == tiny


def test_the_export_imagines_the_same(whole, material, tmp_path):
    model = export(whole, material, tmp_path / "model")
    ears = Model.load()
    imagination = Imagination.load(ears, model)
    voices = material.whole(np.arange(4))
    faces, heads = run.imagine(run.trained(whole, material), voices)
    assert imagination.heads(voices) == pytest.approx(heads, abs=0.02)
    assert np.abs(imagination.faces(voices) - measure.to_bytes(faces).astype(int)).max() <= 3
    assert imagination.about["classes"] == ["female", "male"]
    nets, again = opened(model)  # as it is measured: what the folder's card names, in its own space
    shown, numbers = run.imagine(nets, voices)
    assert (measure.to_bytes(shown) == imagination.faces(voices)).all()
    assert (numbers == imagination.heads(voices)).all()
    assert again.heads.numbers == pytest.approx(material.heads.numbers, abs=0.05)
    assert "person 1" not in (model / "about.json").read_text()
    about = json.loads((model / "about.json").read_text())
    about["listens"]["voice.onnx"] = "another"
    (model / "about.json").write_text(json.dumps(about))
    with pytest.raises(ModelError, match="another voice net"):
        Imagination.load(ears, model)


def test_faces_made_of_directions_are_learnt_and_exported(tiny, material, tmp_path):
    config = replace(tiny, sizes=replace(tiny.sizes, parts=6), head=replace(tiny.head, steps=1))
    assert fit(tmp_path, config, material)
    nets, voices = run.trained(tmp_path, material), material.whole(np.arange(4))
    faces, _ = run.imagine(nets, voices)
    middle = nets.face.get_buffer("middle").reshape(64, 64, 3).numpy()
    mean = (material.mean_face() + material.mean_face()[:, ::-1]) / 2
    assert faces.shape == (4, 64, 64, 3) and np.abs(middle - mean).max() < 0.01
    assert np.abs(faces - middle).max() > 0.001, "voices move it"
    model = Imagination.load(Model.load(), export(tmp_path, material, tmp_path / "model"))
    assert np.abs(model.faces(voices) - measure.to_bytes(faces).astype(int)).max() <= 3


def test_figures_of_people_held_out(whole, material):
    nets, ears = run.trained(whole, material), Model.load()
    judge, made = FaceJudge(material), measure.for_held(nets, material)
    found = measure.matches(nets, material, judge)
    assert found["judge of heads, real heads"][0] > 0.9
    assert {"faces, clean, 1 s", "heads, clean, 1 s"} <= set(found)
    assert set(measure.noise(nets, material, ears, made)) >= {"face, brown", "head, white"}
    assert 0 <= measure.matching(made, material, judge.templates, "own")["own, within a class"] <= 1


def test_heads_are_nearer_to_the_head_models_own_person_of_their_class(material):
    presets, space = Head.load().presets, material.space
    shapes = np.stack([presets[c][: len(space.identity_mean)] for c in material.classes])
    numbers = np.zeros((2, space.numbers), np.float32)
    numbers[:, : shapes.shape[1]] = (shapes - space.identity_mean) / space.identity_scale
    for labels, right in (([0, 1], 1.0), ([1, 0], 0.0), ([0, 0], 0.5)):
        made = measure.Imagined(np.arange(2), np.array(labels), np.zeros(0), numbers)
        assert measure.by_axis(made, material) == (right, 2)


def test_heads_survive_their_space(folder):
    heads = data.people.load(folder / "heads")
    space = fit_space(heads, 4)
    numbers = numbers_of(space, heads)
    assert numbers.std(0) == pytest.approx(1, abs=0.05)
    assert space.identity(numbers[3]) == pytest.approx(heads.identity[3], abs=1e-4)
    assert np.abs(space.reflectance(numbers[3]) - heads.reflectance[3]).mean() < 0.02


def test_critics_do_not_learn_from_what_moves_the_generator(tiny, material):
    critic = run.build(tiny, material, "head").critic
    x = torch.randn(4, material.space.numbers, requires_grad=True)
    losses.generator_loss(losses.unmoved(critic, x), torch.zeros(4, dtype=int)).backward()
    assert x.grad is not None and all(p.grad is None for p in critic.parameters())
    assert all(p.requires_grad for p in critic.parameters())


def test_sameness_costs_and_difference_does_not():
    labels = torch.tensor([0, 1, 0, 1])
    real = torch.tensor([[0.0], [5.0], [1.0], [6.0]])
    same, apart = torch.zeros(4, 1), 2 * real
    assert losses.too_alike(same, labels, real, labels, 0.5) == pytest.approx(0.5)
    assert losses.too_alike(apart, labels, real, labels, 0.5) == 0


def test_a_judge_learns_what_can_be_learnt():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    x = rng.normal(0, 1, (200, 5)).astype(np.float32)
    x[:, 0] += 4 * labels
    assert (learn(x[:100], labels[:100], 2)(x[100:]) == labels[100:]).mean() > 0.9


def test_what_is_missing_is_said(tiny, tmp_path, capsys, monkeypatch):
    with pytest.raises(ConfigError, match="holds no heads"):
        run.material_of(replace(tiny, heads=str(tmp_path)))
    monkeypatch.chdir(tmp_path)  # the shipped model's card names runs/, which is not there
    assert dispatch("evaluate", "evaluate", ["voice2face"]) == 2
    assert "cannot read runs" in capsys.readouterr().err
    assert dispatch("evaluate", "evaluate", ["voice2face", "--judge", str(tmp_path)]) == 2
    assert "--run" in capsys.readouterr().err
    another = ["voice2face", "--model", str(MODELS / "dimnet")]
    assert dispatch("evaluate", "evaluate", another) == 1
    assert "is no model of Voice2Face" in capsys.readouterr().err
    assert dispatch("evaluate", "evaluate", [*another, "--run", str(tmp_path)]) == 2
    assert "not both" in capsys.readouterr().err
    assert dispatch("evaluate", "evaluate", ["voice2face", "--trials", str(tmp_path / "t")]) == 2
    assert "--root" in capsys.readouterr().err
