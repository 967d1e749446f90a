"""Face data: readers, people merged by name and held out by it, samplers, noise, protocols."""

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine.errors import ConfigError, DeviceError
from training.sphereface2 import data, faces, measures, net, protocols, readers, teacher, whiten
from training.sphereface2.faces import Faces

EXACT = pytest.approx


def picture(seed, side=112):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def write(file: Path, pixels):
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), pixels[..., ::-1])


def made(counts, side=4):
    """People a, b, ... with so many pictures, each full of the person's number."""
    person = np.repeat(np.arange(len(counts)), counts)
    pixels = np.broadcast_to(person[:, None, None, None], (len(person), side, side, 3))
    names = tuple(f"p{k:03}" for k in range(len(counts)))
    files = tuple(f"s/{names[p]}/{names[p]}_{k:04d}.png" for k, p in enumerate(person))
    return Faces(pixels.astype(np.uint8), person.astype(np.int64), names, files)


# readers


def test_folders_tables_and_records_are_one_store(tmp_path):
    write(tmp_path / "a/Ann/1.png", picture(1))
    write(tmp_path / "a/Bob.png", picture(2))
    (tmp_path / "a/Ann/notes.txt").write_text("no picture")
    (tmp_path / "a/Ann/broken.png").write_bytes(b"no picture either")
    write(tmp_path / "b/x.png", picture(3))
    with (tmp_path / "b/list.csv").open("w") as out:
        csv.writer(out).writerows([("path", "person"), ("x.png", "Ann"), ("gone.png", "Ann")])
    readers.write_records(tmp_path / "r.rec", [(7, picture(4)), (9, picture(5))])
    sources = [tmp_path / "a", tmp_path / "b/list.csv", tmp_path / "r.rec"]
    found = faces.prepare(sources, tmp_path / "out", faces.middle)
    assert found.people == ("Ann", "Bob", "r-7", "r-9")
    assert found.counts.tolist() == [2, 1, 1, 1]
    rows = {name: row for row, name in enumerate(found.files)}
    for name, seed in (("a/Ann/1.png", 1), ("list.csv/x.png", 3), ("r.rec/1", 5)):
        assert np.array_equal(found.pixels[rows[name]], picture(seed))
    page = (tmp_path / "out/faces.json").read_text()
    assert "broken.png" in page and "gone.png" in page


def test_records_split_at_the_magic_number(tmp_path):
    """MXNet cuts a record where its data holds the magic number, and marks the parts."""
    code = cv2.imencode(".png", picture(6))[1].tobytes()
    body = readers.struct.pack("<IfQQ", 2, 0.0, 0, 0) + readers.struct.pack("<ff", 5, 0) + code
    parts = [(1, body[:40]), (3, body[44:])]  # the four bytes between are taken for the magic
    body = body[:40] + readers.struct.pack("<I", readers.MAGIC) + body[44:]
    with (tmp_path / "s.rec").open("wb") as out:
        for flag, part in parts:
            out.write(readers.struct.pack("<II", readers.MAGIC, flag << 29 | len(part)))
            out.write(part + b"\0" * (-len(part) % 4))
    with (tmp_path / "s.rec").open("rb") as stream:
        assert list(readers._payloads(stream.read, tmp_path)) == [body]


@pytest.mark.parametrize("name", ["gone", "file.txt", "bad.rec", "bad.csv"])
def test_what_is_no_source_is_told(tmp_path, name):
    if name != "gone":
        (tmp_path / name).write_text("person,file\na,b\n")
    with pytest.raises(ConfigError):
        list(readers.items(tmp_path / name))


def test_nothing_found_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no face"):
        faces.prepare([tmp_path / "empty"], tmp_path / "out", faces.middle)
    with pytest.raises(ConfigError, match="holds no faces"):
        faces.load(tmp_path / "out2")


def test_without_dlib_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setattr(teacher.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DeviceError, match="pip install"):
        teacher.Dlib()


# people


def test_people_are_held_out_by_name():
    names = [f"person {k}" for k in range(4000)]
    parts = faces.people_in(names)
    assert parts["test"] / 4000 == EXACT(faces.TEST, abs=0.03)
    assert sum(parts.values()) == 4000
    whole = made([2] * 50)
    split = [set(whole.part(p).people) for p in ("train", "dev", "test")]
    assert set.union(*split) == set(whole.people)
    assert sum(map(len, split)) == 50  # nobody twice


def test_taking_rows_keeps_whose_they_are():
    taken = made([3, 1, 4, 2]).at_least(3)
    assert taken.people == ("p000", "p002") and taken.counts.tolist() == [3, 4]
    assert (taken.pixels[:, 0, 0, 0] == np.repeat([0, 2], [3, 4])).all()


def test_the_tail_can_be_cut_and_the_head_kept():
    whole = made([1, 2, 3, 4, 5, 6, 7, 8] * 6)
    learnt = whole.part("train")
    config = data.DataConfig()
    assert len(data.chosen(whole, config).people) == len(learnt.people)
    cut = data.chosen(whole, replace(config, cut_tail=0.5))
    assert len(cut.people) == len(learnt.people) - len(learnt.people) // 2
    assert cut.counts.min() >= np.median(learnt.counts) - 1
    assert len(data.chosen(whole, replace(config, most=3)).people) == 3
    assert data.chosen(whole, replace(config, least=4)).counts.min() >= 4


def test_noise_replaces_its_share_once_and_for_all():
    labels = np.arange(20_000) % 50
    wrong = data.noisy(labels, 50, 0.6, 1)
    assert (wrong != labels).mean() == EXACT(0.6 * 49 / 50, abs=0.02)
    assert np.array_equal(wrong, data.noisy(labels, 50, 0.6, 1))
    assert np.array_equal(labels, data.noisy(labels, 50, 0, 1))


def test_samplers():
    labels = np.repeat(np.arange(30), [1, 2, 3, 4, 5, 6] * 5)
    config = data.DataConfig(batch=24, each=4, sampler="people")
    rows = data.Sampler(labels, config).rows(np.random.default_rng(0))
    assert len(rows) == 24
    for group in labels[rows].reshape(6, 4):
        assert len(set(group)) == 1 and (labels == group[0]).sum() >= 3
    stream = data.Sampler(labels, replace(config, sampler="stream"))
    assert len(stream.rows(np.random.default_rng(0), 2)) == 48


# measures and protocols


def scores(genuine, impostor):
    g, i = np.array(genuine, float), np.array(impostor, float)
    return measures.Scores(g, np.zeros(len(g), int), i, np.zeros(len(i), int), np.ones(len(i), int))


def test_rates_by_hand():
    s = scores([0.9, 0.8, 0.4, 0.3], [0.7, 0.5, 0.2, 0.1])
    c = measures.curve(s)
    assert c.eer == EXACT(1 / 3)
    assert c.tar(0) == 0.5 and c.tar(0.25) == 0.5 and c.tar(0.5) == 1 and c.tar(1) == 1
    assert measures.curve(scores([2, 3], [0, 1])).eer == 0
    tied = measures.curve(scores([1, 1], [1, 1]))
    assert tied.tar(0.4) == 0 and tied.tar(1) == 1 and tied.eer == EXACT(0.5)


def test_curves_agree_with_counting():
    rng = np.random.default_rng(3)
    s = scores(rng.normal(1, 1, 400).round(2), rng.normal(0, 1, 900).round(2))
    c = measures.curve(s)
    for rate in (0.003, 0.01, 0.1, 0.5):
        allowed = [t for t in np.unique(s.impostor) if (s.impostor > t).mean() <= rate]
        wanted = (s.genuine > min(allowed)).mean()
        assert c.tar(rate) == EXACT(wanted)


def test_intervals_hold_the_truth_and_claims_stop_at_three_over_n():
    rng = np.random.default_rng(5)
    people = 60
    own = np.repeat(np.arange(people), 4)
    left, right = rng.integers(0, people, (2, 5000))
    apart = left != right
    s = measures.Scores(rng.normal(2, 1, len(own)), own, rng.normal(0, 1, int(apart.sum())),
                        left[apart], right[apart])  # fmt: skip
    found = measures.figures(s, draws=100)
    assert found["EER"].low < 0.1587 < found["EER"].high  # half the distance, one sigma
    assert "TAR at FMR 0.001" in found and "TAR at FMR 0.0001" not in found


def test_ten_folds_choose_the_threshold_elsewhere():
    similarity = np.array([0.9, 0.1] * 20)
    same = np.array([True, False] * 20)
    fold = np.repeat(np.arange(10), 4)
    assert measures.ten_folds(similarity, same, fold) == (1.0, 0.0)
    assert measures.ten_folds(-similarity, same, fold)[0] == EXACT(0.5)


def test_pairs_of_people():
    whole = made([12, 3, 1, 5, 2, 2, 9, 4])
    pairs = protocols.everyone(whole, each=8, impostors=500)
    own = whole.person[pairs.left] == whole.person[pairs.right]
    assert np.array_equal(own, pairs.same)
    assert pairs.same.sum() == 28 + 3 + 10 + 1 + 1 + 28 + 6
    assert (pairs.left != pairs.right).all()
    many = made([4] * 80)
    folds = protocols.ten_folds(many, each=20)
    for k in range(10):
        part = folds.take(folds.fold == k)
        assert part.same.sum() * 2 == len(part.same) > 0
    mine = {k: set(many.person[folds.left[folds.fold == k]]) for k in range(10)}
    assert all(not mine[a] & mine[b] for a in range(10) for b in range(a))


def test_lists_of_pairs(tmp_path):
    whole = made([3, 2])
    (tmp_path / "pairs.txt").write_text("10\t1\np000\t0\t2\np000\t1\tp001\t3\nnobody\t1\t2\n")
    found = protocols.listed(whole, tmp_path / "pairs.txt")
    assert found.left.tolist() == [0, 1] and found.right.tolist() == [2, 3]
    assert found.same.tolist() == [True, False]
    rows = [("a", "b", "same"), ("p000/p000_0000.png", "s/p001/p001_0004.png", "0")]
    with (tmp_path / "pairs.csv").open("w") as out:
        csv.writer(out).writerows(rows)
    found = protocols.listed(whole, tmp_path / "pairs.csv")
    assert (found.left[0], found.right[0], found.same[0]) == (0, 4, False)
    with pytest.raises(ConfigError, match="none of its pictures"):
        protocols.listed(made([1, 1]), tmp_path / "pairs.txt")


def test_one_to_many_of_a_perfect_and_a_blind_embedding():
    whole = made([4] * 30)
    perfect = np.eye(30, dtype=np.float32)[whole.person]
    found = protocols.one_to_many(whole, perfect)
    assert (found.rank1, found.fnir["0.01"], found.people) == (1, 0, 15)
    blind = np.random.default_rng(0).normal(size=(120, 8)).astype(np.float32)
    assert protocols.one_to_many(whole, blind).fnir["0.01"] > 0.8


def test_only_pairs_within_a_group():
    whole = made([3, 3, 3])
    pairs = protocols.everyone(whole, impostors=200)
    inside = protocols.within(whole, pairs, {"p000": "x", "p001": "x", "p002": "y"}, "x")
    assert set(whole.person[inside.left]) | set(whole.person[inside.right]) == {0, 1}


def test_whitening_makes_even_what_varies_within_people():
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(80), 5)
    own = rng.standard_normal((80, 6))
    noise = rng.standard_normal((400, 6)) * [3, 1, 1, 1, 1, 0.3]
    raw = (own[person] + noise + 7).astype(np.float32)
    matrix = whiten.normaliser(raw, person, ridge=0.1)
    even = raw @ matrix.T
    away = even - np.stack([even[person == p].mean(0) for p in person])
    spread = away.std(0)
    assert spread.max() / spread.min() < 2.5 < noise.std(0).max() / noise.std(0).min()
    gentle = raw @ whiten.normaliser(raw, person, ridge=100.0).T  # hardly anything is done
    assert np.corrcoef(gentle.ravel(), raw.ravel())[0, 1] > 0.999


def test_a_whitened_net_gives_the_whitened_embeddings():
    torch.manual_seed(0)
    made = net.build(net.Sizes(depth=4, width=0.125, size=32, dim=16)).eval()
    pixels = np.random.default_rng(0).integers(0, 255, (90, 112, 112, 3), np.uint8)
    names = tuple(f"person {k}" for k in range(30))
    whole = faces.Faces(pixels, np.repeat(np.arange(30), 3), names, ("",) * 90)
    x = net.to_input(torch.from_numpy(pixels[:4]), 32)
    with torch.no_grad():
        before = net.embed_raw(made, x).numpy()
        seen = whole.part("train")
        raw = net.embed_raw(made, net.to_input(torch.from_numpy(seen.pixels), 32)).numpy()
        matrix = whiten.normaliser(raw, seen.person)
        whiten.whiten(made, whole, 32)
        after = net.embed_raw(made, x).numpy()
    assert np.allclose(after, before @ matrix.T, atol=1e-3 * np.abs(after).max())
