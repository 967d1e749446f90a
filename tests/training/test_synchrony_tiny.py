"""configs/train/synchrony-tiny.toml: loss falls, resume is exact, the export loads in the engine;
and the evaluation tells attacks that are plain."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import ModelError
from engine.verify.lips import MEL_ROWS, ROWS
from engine.verify.synchrony import KINDS, Judges, Synchrony
from training.fit import dispatch
from training.liveness import evaluate as evaluation
from training.liveness.evaluate import evaluate, gate, judge_of, table
from training.liveness.picture import picture
from training.liveness.trials import ATTACKS, people, windows
from training.synchrony.data import lips, takes
from training.synchrony.export import difference, export
from training.synchrony.run import trained
from training.synchrony.take import Take, read
from training.synchrony.tracked import load
from training.synchrony.tracks import still as held

TINY = Path(__file__).parents[2] / "configs/train/synchrony-tiny.toml"
PEOPLE, SECONDS = 4, 24


def talker(number, seed):
    """Tracks of somebody whose lips follow bursts of sound, as `training.prepare` writes them."""
    rng = np.random.default_rng([number, seed])
    burst = np.repeat(rng.random(SECONDS * 5) > 0.5, 3200).astype(float)
    smooth = np.convolve(burst, np.hanning(1600) / 800, "same")
    samples = smooth * rng.normal(0, 0.2, len(burst))
    times = np.arange(SECONDS * 25) / 25
    weights = rng.normal(0, 0.01, (len(times), 52))
    weights[:, 17] += 0.4 * smooth[(times * 16_000).astype(int)]
    return samples, times, np.clip(weights, 0, 1)


def write_tracks(folder, name, number, seed, frozen=False):
    samples, times, weights = talker(number, seed)
    rng = np.random.default_rng(9)
    if frozen:
        weights = np.clip(weights[:1] + rng.normal(0, 0.002, weights.shape), 0, 1)
    n = len(times)
    np.savez(
        folder / f"{name}.npz", person=f"{folder.name.removesuffix('-still')}:{number}",
        source=name, times=times, expression=weights.astype(np.float16),
        landmarks=np.zeros((n, 68, 2), np.float32), viewpoint=np.zeros((n, 7), np.float32),
        head=(rng.normal(0, 0.01, (n, 3))).astype(np.float32),
        confidence=np.ones(n, np.float32), seen=np.ones(n, np.float32),
        mouth=np.zeros((n, 40, 48), np.uint8),
        samples=np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two folders of people, with photos of them, and one to train on."""
    made = tmp_path_factory.mktemp("talkers")
    for group in ("north", "south", "school"):
        for place in (made / group, made / f"{group}-still"):
            place.mkdir()
            for number in range(PEOPLE):
                for k in range(2):
                    frozen = place.name.endswith("-still")
                    write_tracks(place, f"{number}-{k}", number, 10 * k + len(group), frozen)
        heard = made / group / "foretold"
        heard.mkdir()
        for file in sorted((made / group).glob("*.npz")):
            one = load(file)
            opening = 10 * lips().of_weights(one.expression)[:, -1]
            np.save(heard / f"{file.stem}.npy", np.interp(np.arange(720) / 30, one.times, opening))
    return made


@pytest.fixture(scope="module")
def run(folder):
    torch.set_num_threads(1)
    to = folder / "run"
    args = ["synchrony", "--data", str(folder / "school"), "--config", str(TINY), "--to", str(to)]
    assert dispatch("fit", "recipe", [*args, "--threads", "1"]) == 0
    return to


def test_what_is_read_is_what_was_written(folder):
    found = takes(folder / "north")
    assert len(found) == 2 * PEOPLE and {t.person for t in found} == {
        f"north:{k}" for k in range(PEOPLE)
    }
    one = found[0].pieces()[1]
    assert len(one) == ROWS and len(one.mel) == MEL_ROWS * ROWS and len(one.samples) == 48_000
    assert np.corrcoef(one.lips[:, -1], one.foretold)[0, 1] > 0.95


def test_the_loss_falls_and_the_net_finds_the_shift(folder, run):
    from training.synchrony.run import Learner, saved_config

    net = trained(run)
    learner = Learner(saved_config(run), takes(folder / "north"), net)
    with torch.no_grad():
        said = learner(0, np.random.default_rng(0))
    print({k: round(float(v), 3) for k, v in said.items()})
    assert float(said["total"]) < 3.0 and float(said["found"]) > 0.5  # by chance: 4.0, 0.12


def test_resume_is_exact(folder, run):
    args = ["--data", str(folder / "school"), "--config", str(TINY), "--threads", "1"]
    half = folder / "half"
    assert dispatch("fit", "recipe", ["synchrony", *args, "--to", str(half), "--minutes", "0"]) == 0
    assert dispatch("fit", "recipe", ["synchrony", "--resume", str(half), "--threads", "1"]) == 0
    a, b = (torch.load(r / "net.pt", weights_only=True)["net"] for r in (run, half))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_the_export_is_what_torch_says_and_wants_a_calibration(folder, run):
    made = export(run, folder / "model")
    net = trained(run)
    rng = torch.Generator().manual_seed(1)
    lips_in = torch.randn(5, ROWS, 17, generator=rng)
    mel = torch.randn(5, MEL_ROWS * ROWS, 40, generator=rng)
    assert difference(net, made / "model.onnx", lips_in, mel) < 1e-4
    with pytest.raises(ModelError, match="not calibrated"):
        Synchrony(made)


def test_plain_attacks_are_told_and_a_replay_is_not(folder, run, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "WINDOWS", 300)
    judge = judge_of(trained(run))
    found = []
    for group in ("north", "south"):
        own, photos = takes(folder / group), takes(folder / f"{group}-still")
        found += people(group, own, photos, own, judge)
    figures = evaluate(found, [p.group for p in found])
    for line in table(figures["rows"]):
        print(line)
    at = {(r["folder"], r["person"], r["seconds"]): r for r in figures["rows"]}
    for group in ("north", "south"):
        row = at[group, "all", 12]
        assert row["windows"] >= 300 and row["still"]["apcer"] <= 0.02
        assert row["swapped"]["apcer"] <= 0.1 and row["delayed"]["apcer"] <= 0.2
        assert row["replay"]["apcer"] > 0.5
    assert gate(figures["rows"]) == {"north": True, "south": True}
    picture(figures["rows"], tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 10_000
    said = {"calibration": figures["calibration"], "metrics": figures["gate"]}
    (tmp_path / "c.json").write_text(json.dumps(said))
    args = [str(run), "--to", str(tmp_path / "m"), "--calibration", str(tmp_path / "c.json")]
    assert dispatch("export", "export", ["synchrony", *args]) == 0
    shipped = Synchrony(tmp_path / "m")
    sums = windows(found[0], "", 4, 1, np.random.default_rng(0))[0]
    torch_says = Judges.of(figures["calibration"])(sums)
    engine_says = shipped.weigh(sums)
    assert engine_says == pytest.approx(torch_says, abs=1e-3)
    assert set(KINDS) < set(engine_says) and set(ATTACKS) <= set(at["north", "all", 12])


def test_windows_take_no_block_twice_and_one_delay(folder, run):
    own = takes(folder / "north")
    judge = judge_of(trained(run))
    person = people("north", own[:2], [], own, judge)[0]
    count = len(person.bona_fide)
    assert windows(person, "", count, 1, np.random.default_rng(0))[0].blocks == count
    assert windows(person, "", count + 1, 1, np.random.default_rng(0)) == []
    assert windows(person, "still", 1, 3, np.random.default_rng(0)) == []


def test_a_held_photo_moves_as_a_whole_and_keeps_its_face():
    from engine.types import VideoFrame

    rng = np.random.default_rng(0)
    coarse = np.kron(rng.integers(0, 255, (8, 8, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    frames = [VideoFrame(k / 25, coarse) for k in range(20)]
    seen = [f.pixels.astype(int) for f in held(frames, 3)]
    assert len(seen) == 20 and seen[0].shape == coarse.shape
    assert 0.5 < np.abs(seen[0] - seen[-1]).mean() < 60


def test_what_cannot_be_done_is_said_in_one_line(folder, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    args = ["synchrony", "--to", str(tmp_path / "r"), "--config", str(TINY)]
    assert dispatch("fit", "recipe", [*args]) != 0
    assert dispatch("fit", "recipe", [*args, "--data", str(tmp_path / "empty")]) != 0
    school = ["--data", str(folder / "school"), "--without", "school"]
    assert dispatch("fit", "recipe", [*args, *school]) != 0
    told = capsys.readouterr().err
    assert all(words in told for words in ("give --data", "no tracks in", "nobody is left"))
    assert "Traceback" not in told


def test_a_take_is_cut_into_whole_blocks():
    zeros = np.zeros
    take = Take("p", "n", zeros((160, 17)), zeros(160), zeros((640, 40)), zeros((160, 3)),
                zeros((160, 52)), zeros(160 * 640))  # fmt: skip
    assert [len(p) for p in take.pieces()] == [75, 75]


def test_packed_takes_are_the_takes_but_for_small_steps(folder, tmp_path):
    own, file = takes(folder / "north"), str(tmp_path / "north.npz")
    where = str(folder / "north")
    assert dispatch("prepare", "prepare", ["pack", "--synchrony", where, "--to", file]) == 0
    assert dispatch("prepare", "prepare", ["pack", "--back", file, "--to", str(tmp_path)]) == 0
    found = read(tmp_path / "synchrony")
    assert [t.person for t in found] == [t.person for t in own]
    for a, b in zip(own, found, strict=True):
        assert np.abs(a.lips - b.lips).max() <= 0.0021
        assert np.abs(a.mel - b.mel).max() <= 0.376
        assert a.name == b.name and len(a) == len(b) and b.pieces()
