"""CEST's crops and packs: where a face lies, whose it is, what is asked for when there is none."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.errors import ConfigError
from engine.head import Head
from training.cest import data, place, prepare
from training.cest.render_synthetic import render_told
from training.cest.sources import PAGE, Amounts, Item, clips, data_root, part_of, photographs
from training.fit import dispatch
from training.head.source import CACHE
from training.head.teacher import MODEL_WHEEL, RUNTIME_WHEEL

SHARED = Path(os.environ.get("LIKENESS_DATA", Path(__file__).parents[2].parent / "shared/data"))
CACHED = Path(__file__).parents[2] / CACHE


def front(scale: float = 1.0) -> np.ndarray:
    """The neutral's 468 points as a picture has them, 100 pixels from its corner."""
    head = Head.load()
    points = head.landmarks(head.neutral, 468)[:, :2] * [1, -1]
    return (points * scale + 100).astype(np.float32)


def test_the_standard_place_of_a_face() -> None:
    for scale in (0.7, 3.0):
        points = front(scale)
        on_crop = place.apply(place.inverse(place.placement(points, 200, room=1.0)), points)
        eyes = on_crop[[33, 133]].mean(0), on_crop[[362, 263]].mean(0)
        assert np.linalg.norm(eyes[0] - eyes[1]) / 200 == pytest.approx(0.24, abs=0.01)
        middle = (eyes[0] + eyes[1]) / 2
        assert middle / 200 == pytest.approx([0.5, 0.4], abs=0.01)


def test_a_crop_shows_what_lies_there() -> None:
    picture = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(picture, (250, 120), 40, (255, 255, 255), -1)
    to_frame = np.array([[4, 0, 50], [0, 4, -80]], np.float32)
    seen = place.cut(picture, to_frame, 100)
    assert seen[50, 50].tolist() == [255] * 3 and seen[50, 70].tolist() == [0] * 3


def person_on(part: str) -> str:
    return next(f"Somebody_{k}" for k in range(100) if part_of(f"Somebody_{k}") == part)


def write(folder: Path) -> None:
    """Two photographs of two people, and a clip of the second."""
    seen = prepare.Seen(np.full((40, 40, 3), 90, np.uint8), np.full((468, 2), 20, np.float32), 0.0)
    one, two = (Item(person_on(p), "lfw", Path("a.webp")) for p in ("train", "test"))
    talks = Item(person_on("train"), "voxceleb", Path("b.mp4"))
    prepare.write_pack(folder / "photos-000.npz", [(one, seen), (two, seen)])
    prepare.write_pack(folder / "clip-b.npz", [(talks, seen)] * 3)
    prepare.write_pack(folder / "photos-001.npz", [])
    (folder / PAGE).write_text(json.dumps({"size": 40, "room": place.ROOM}))


def test_packs_come_back_by_person_and_clip(tmp_path: Path) -> None:
    write(tmp_path)
    train, test = data.load(tmp_path, "train"), data.load(tmp_path, "test")
    assert [len(c.pixels) for c in train.clips] == [3, 1] and len(train.people) == 1
    assert [c.person for c in test.clips] == [person_on("test")] and not test.people
    assert not list(tmp_path.glob("*.new*"))
    batch = data.in_order(train, 32, train.clips[0], np.arange(3, dtype=np.int32))
    assert batch.pictures.shape == (3, 3, 32, 32)
    assert batch.pictures.numpy() == pytest.approx(90 / 255, abs=1e-3)
    middle = 2 * (19.5 - 20) / 32  # the stored crop's middle is the picture's
    assert abs(batch.landmarks[0, 0, 0].item() + middle) < 0.02


def test_packed_faces_are_read_as_they_were(tmp_path: Path) -> None:
    """A fifth of the bytes, of few as here; pictures a little, landmarks next to nothing off."""
    whole, small = tmp_path / "whole", tmp_path / "small.npz"
    whole.mkdir()
    rng = np.random.default_rng(0)
    soft = [cv2.resize(rng.random((5, 5, 3)), (160, 160)) * 255 for _ in range(12)]
    points = [front(0.5) + rng.normal(0, 3, 2) for _ in soft]
    item = Item(person_on("train"), "voxceleb", Path("b.mp4"))
    seen = [prepare.Seen(p.astype(np.uint8), m.astype(np.float32), 0.0) for p, m in
            zip(soft, points, strict=True)]  # fmt: skip
    prepare.write_pack(whole / "clip-b.npz", [(item, s) for s in seen])
    prepare.write_pack(whole / "photos-000.npz", [])
    (whole / PAGE).write_text(json.dumps({"size": 160, "room": place.ROOM}))
    assert dispatch("prepare", "prepare", ["pack", "--cest", str(whole), "--to", str(small)]) == 0
    argv = ["pack", "--back", str(small), "--to", str(tmp_path)]
    assert dispatch("prepare", "prepare", argv) == 0
    (before,), (after,) = (data.load(f, "train").clips for f in (whole, tmp_path / "cest"))
    assert np.abs(before.points - after.points).max() < 0.05
    assert np.abs(before.pixels.astype(int) - after.pixels).mean() < 3
    assert small.stat().st_size * 5 < (whole / "clip-b.npz").stat().st_size


def test_a_turned_render_is_turned_as_its_truth_says(tmp_path: Path) -> None:
    """The known head under the known rotation lies where the moved picture's landmarks are."""
    render_told(tmp_path, 40, people=1, workers=1, frames=3)
    (tmp_path / PAGE).write_text(json.dumps({"size": 40, "room": place.ROOM}))
    faces = data.load(tmp_path, "train")
    mix, shake = data.Mix(real=0, synthetic=3, frames=2, photographs=0), data.Shake(turn=40)
    batch = data.Batches(faces, 64, mix, shake, told=True).draw(np.random.default_rng(1))
    truth, head = batch.truth, Head.load()
    assert truth is not None and truth.rows.tolist() == list(range(6))
    person = head.person(np.asarray(truth.identity[0]))
    for k in range(6):
        posed = head.pose(person, np.asarray(truth.expression[k])) @ truth.rotation[k].numpy().T
        known = head.landmarks(posed, 468)[:, :2]
        known, shown = (p - p.mean(0) for p in (known, batch.landmarks[k].numpy()))
        scale = (known * shown).sum() / (known * known).sum()
        assert np.linalg.norm(known * scale - shown, axis=1).mean() < 0.04  # perspective


def test_nothing_prepared_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"training\.prepare cest"):
        data.load(tmp_path, "train")
    with pytest.raises(ConfigError, match="--source"):
        data_root(tmp_path)


def test_a_face_is_found_and_cut_from_a_photograph() -> None:
    found = sorted(SHARED.glob("faces/lfw/*/*.webp"))[:3]
    if not found:
        pytest.skip(f"no photographs in {SHARED}/faces/lfw: set LIKENESS_DATA")
    if not (list(CACHED.glob(MODEL_WHEEL)) and list(CACHED.glob(RUNTIME_WHEEL))):
        pytest.skip(f"no landmark teacher in {CACHED}: run ./run teachers")
    looker = prepare.Looker(CACHED, 160)
    for file in found:
        picture = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
        seen = looker.look(np.asarray(picture, np.uint8))
        looker.forget()
        assert seen is not None and seen.pixels.shape == (160, 160, 3)
        eyes = seen.points[[33, 133]].mean(0), seen.points[[362, 263]].mean(0)
        assert 20 < np.linalg.norm(eyes[0] - eyes[1]) < 50
    assert looker.look(np.zeros((100, 100, 3), np.uint8)) is None
    assert looker.look(np.full((20, 20, 3), 128, np.uint8)) is None


def test_sources_are_listed_by_person() -> None:
    if not (SHARED / "faces/lfw").is_dir():
        pytest.skip(f"no photographs in {SHARED}/faces/lfw: set LIKENESS_DATA")
    few = Amounts(lfw=1, lfw_one=3, glint24=2, grid=4)
    listed = list(photographs(SHARED, few))
    assert len({i.person for i in listed if i.source == "lfw"}) == sum(
        i.source == "lfw" for i in listed
    )
    moving = list(clips(SHARED, few))
    assert sum(i.source == "grid" for i in moving) == 4 and all(i.moves for i in moving)
