"""Stores that are packed, sent and unpacked: the same people, nearly the same faces and sounds."""

import json

import numpy as np
import pytest

from training.dimnet.data import DataConfig, part_of
from training.fit import dispatch
from training.pack import small
from training.sphereface2 import faces as face_store
from training.voice2face import people as head_store
from training.voices import store as voice_store

NAMES = [f"person {k}" for k in range(8) for _ in range(3)]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Smooth faces and sounds of eight people, three of each, and a head a person."""
    to, rng = tmp_path_factory.mktemp("stores"), np.random.default_rng(0)
    for name in ("faces", "voices", "heads"):
        (to / name).mkdir()
    slope = np.linspace(0, 100, 112)[None, :, None, None]
    faces = rng.integers(40, 140, (24, 1, 1, 3)) + slope + np.zeros((1, 1, 112, 1))
    np.save(to / "faces/faces.npy", faces.astype(np.uint8))
    files = [f"{n}/{k}" for k, n in enumerate(NAMES)]
    (to / "faces/faces.json").write_text(json.dumps({"names": NAMES, "files": files}))
    np.save(to / "faces/teacher.npy", rng.normal(0, 1, (24, 128)).astype(np.float32))
    lengths = rng.integers(100, 300, 24)
    waves = [5 * np.sin(np.arange(n)[:, None] / 9 + np.arange(64) / 7) - 5 for n in lengths]
    np.save(to / "voices/frames.npy", np.concatenate(waves).astype(np.float16))
    page = {"start": np.cumsum([0, *lengths]).tolist(), "people": NAMES, "files": files,
            "how": ["clean"] * 24, "missed": []}  # fmt: skip
    (to / "voices/voices.json").write_text(json.dumps(page))
    shade = rng.random((8, 1, 1, 3)) * np.ones((8, 64, 64, 3))
    np.savez(to / "heads/heads.npz", people=np.array(NAMES[::3]),
             identity=rng.normal(0, 1, (8, 20)).astype(np.float32),
             reflectance=shade.astype(np.float16))  # fmt: skip
    return to


def through(stores, to, *more):
    where = [v for n in ("faces", "voices", "heads") for v in (f"--{n}", str(stores / n))]
    argv = ["pack", *where, "--pixels", "64", "--to", str(to / "small/p.npz"), *more]
    assert dispatch("prepare", "prepare", argv) == 0
    argv = ["pack", "--back", str(to / "small/p.npz"), "--to", str(to / "back")]
    assert dispatch("prepare", "prepare", argv) == 0
    return to / "back"


def test_what_comes_back_is_nearly_the_same(stores, tmp_path):
    back = through(stores, tmp_path)
    faces, before = (face_store.load(w / "faces") for w in (back, stores))
    assert faces.pixels.shape == (24, 64, 64, 3) and faces.files == before.files
    small = before.scaled(64).pixels.astype(int)
    assert np.abs(faces.pixels - small).mean() < 4
    assert faces.teacher == pytest.approx(before.teacher, abs=0.03)
    voices, heard = (voice_store.load(w / "voices") for w in (back, stores))
    assert voices.people == heard.people and (voices.start == heard.start).all()
    assert np.abs(np.asarray(voices.frames, float) - heard.frames).mean() < 0.5
    heads, seen = (head_store.load(w / "heads") for w in (back, stores))
    assert heads.people == seen.people
    assert heads.identity == pytest.approx(seen.identity, abs=2e-3)
    assert np.abs(heads.reflectance.astype(float) - seen.reflectance).mean() < 0.03


def test_people_held_out_and_what_is_too_much_stay_behind(stores, tmp_path):
    back = through(stores, tmp_path, "--without", "1/3", "--most", "2", "--seconds", "1")
    config = DataConfig(folds=3, fold=1)
    kept = {n for n in NAMES if part_of(n, config) != "held"}
    faces = face_store.load(back / "faces")
    assert set(faces.people) == kept < set(NAMES) and faces.counts.max() == 2
    voices = voice_store.load(back / "voices")
    assert set(voices.people) == kept and (np.diff(voices.start) == 100).all()


@pytest.mark.parametrize("shape", [(500,), (400, 3), (90, 2, 5)])
def test_numbers_come_back_to_half_a_step(shape):
    values = np.random.default_rng(1).normal(0, 2, shape).cumsum(0)
    held = small.steps("v", values, 0.01)
    assert np.abs(small.steps_of(held, "v") - values).max() <= 0.00501
    assert held["v"].nbytes < values.size * 2


def test_sound_of_any_length_comes_back():
    waves = 5 * np.sin(np.arange(9001)[:, None] / 9 + np.arange(80) / 7) - 5
    back = small.sound_of(small.sound("mel", waves, 60), "mel")
    assert back.shape == waves.shape and np.abs(back - waves).mean() < 0.3


@pytest.mark.parametrize("more", [
    [], ["--faces", "gone"], ["--faces", "x", "--without", "5/5"], ["--cest", "gone"],
    ["--meshtalk", "gone"], ["--synchrony", "gone"],
    ["--back", "gone"],
])  # fmt: skip
def test_wrong_requests_are_one_line(tmp_path, more, capsys):
    assert dispatch("prepare", "prepare", ["pack", "--to", str(tmp_path / "p"), *more]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("kind", ["cest", "meshtalk"])
def test_without_is_refused_where_a_recipe_holds_out_itself(tmp_path, kind, capsys):
    argv = ["pack", "--to", str(tmp_path / "p"), f"--{kind}", str(tmp_path), "--without", "0/5"]
    assert dispatch("prepare", "prepare", argv) == 2
    assert capsys.readouterr().err.startswith(f"--without is not for --{kind}")


def test_what_is_no_packed_file_is_one_line(stores, tmp_path, capsys):
    through(stores, tmp_path)
    whole = (tmp_path / "small/p.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.npz").write_bytes(b"something else")
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.savez(tmp_path / "other.npz", frames=np.zeros(3))
    capsys.readouterr()
    for name in ("cut.npz", "text.npz", "array.npy", "other.npz"):
        argv = ["pack", "--back", str(tmp_path / name), "--to", str(tmp_path / "there")]
        assert dispatch("prepare", "prepare", argv) == 2, name
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "there").exists()


def test_nobody_left_is_one_line(stores, tmp_path, capsys):
    one = [n for n in NAMES if part_of(n, DataConfig(folds=3, fold=1)) == "held"]
    (tmp_path / "f").mkdir()
    np.save(tmp_path / "f/faces.npy", np.zeros((len(one), 8, 8, 3), np.uint8))
    (tmp_path / "f/faces.json").write_text(json.dumps({"names": one, "files": one}))
    argv = ["pack", "--faces", str(tmp_path / "f"), "--without", "1/3", "--to", str(tmp_path / "p")]
    assert dispatch("prepare", "prepare", argv) == 2
    assert capsys.readouterr().err == "nobody is left to pack: leave --without away\n"
