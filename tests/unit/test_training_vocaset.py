"""Meshes in VOCASET's layout, made of our own head in another size, come back as its weights."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import ConfigError
from engine.head import Head
from engine.head.arkit import INDEX
from engine.types import Floats
from training.data import store
from training.data.voices import RATE
from training.vocaset.prepare import main

TURN = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], np.float32)  # another axis is forward


def theirs(head: Head, face: Floats) -> Floats:
    """A mesh in metres, turned, whose vertices are the 68 points."""
    return head.landmarks(face, 68) @ TURN * np.float32(0.001) + np.float32(0.3)


def wave(n: int) -> Floats:
    return np.asarray(0.4 * np.sin(np.arange(n) / 12) ** 2, np.float32)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    head, folder = Head.load(), tmp_path / "voca"
    for name in ("wav", "vertices_npy"):
        (folder / name).mkdir(parents=True)
    rest = theirs(head, head.neutral)
    (folder / "templates.pkl").write_bytes(pickle.dumps({"S_1": rest, "S_2": rest}, protocol=2))
    (folder / "landmarks.txt").write_text(" ".join(map(str, range(68))))
    sound = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE)
    rows = np.zeros((120, 52), np.float32)
    rows[:, INDEX["jawOpen"]], rows[:, INDEX["mouthPucker"]] = wave(120), 0.5 - wave(120)
    mesh = np.stack([theirs(head, head.pose(head.neutral, w)) for w in rows])
    for name in ("S_1_sentence01", "S_2_sentence01", "S_3_sentence01"):
        soundfile.write(folder / "wav" / f"{name}.wav", sound, RATE)
        np.save(folder / "vertices_npy" / f"{name}.npy", mesh.reshape(120, -1))
    np.save(folder / "vertices_npy" / "S_2_sentence01.npy", mesh[:, :40])
    return folder


def test_weights_come_back_and_bad_files_are_named(corpus: Path, tmp_path: Path) -> None:
    main([str(corpus), "--out", str(tmp_path / "out")])
    page = store.read_page(tmp_path / "out")
    assert page["train"] + page["held_out"] == ["S_1_sentence01"]
    assert "does not fit its template" in page["refused"]["S_2_sentence01.wav"]
    assert "no template of 'S_3'" in page["refused"]["S_3_sentence01.wav"]
    clip = store.load(tmp_path / "out" / "S_1_sentence01.npz")
    jaw, pucker = clip.weights[:, INDEX["jawOpen"]], clip.weights[:, INDEX["mouthPucker"]]
    assert len(jaw) == 60 and clip.person == "vocaset:S_1"
    assert np.abs(jaw - wave(120)[::2]).max() < 0.05
    assert np.abs(pucker - (0.5 - wave(120)[::2])).mean() < 0.08
    assert clip.mouth.all() and not clip.upper.any()


def test_pickles_of_anything_but_arrays_are_not_opened(corpus: Path, tmp_path: Path) -> None:
    (corpus / "templates.pkl").write_bytes(pickle.dumps({"S_1": print}))
    with pytest.raises(ConfigError, match="no array"):
        main([str(corpus), "--out", str(tmp_path / "out")])


def test_missing_parts_are_told(corpus: Path, tmp_path: Path) -> None:
    (corpus / "landmarks.txt").write_text("1 2 3")
    with pytest.raises(ConfigError, match="68 vertices"):
        main([str(corpus), "--out", str(tmp_path / "out")])
    (corpus / "templates.pkl").unlink()
    with pytest.raises(ConfigError, match=r"templates\.pkl"):
        main([str(corpus), "--out", str(tmp_path / "out")])
