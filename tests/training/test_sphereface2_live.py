"""A live teacher: it sees what the student sees, wherever the crop was flipped, blended or bent."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import config as settings
from engine.errors import ConfigError
from tests.training.test_sphereface2_tiny import TINY, likeness
from training import loop, recipes
from training.fit import dispatch
from training.sphereface2 import augment, bench, dlib_net, faces, live, run, teacher
from training.sphereface2.run import Config, Material
from training.sphereface2.verdicts import Variant

MIX = replace(augment.Augment(), mix=0.5, bend=0.02, colour=0.1, shade=0.3, noise=0.03)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty made-up people, and a teacher of dlib's shape whose weights are chance."""
    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp("taught")
    rng = np.random.default_rng(0)
    people = [f"person {k}" for k in range(200)]
    people = people[:56] + [p for p in people[56:] if faces.part_of(p) == "dev"][:4]
    names = [p for p in people for _ in range(3)]
    np.save(made / "faces.npy", np.stack([likeness(int(n.split()[1]), rng) for n in names]))
    page = {"names": names, "files": [f"made/{k}.png" for k in range(len(names))], "missed": []}
    (made / "faces.json").write_text(json.dumps(page))
    torch.manual_seed(0)
    dlib_net.keep(dlib_net.DlibNet().eval(), made / teacher.NET)
    chip = np.array([[0.65, 0.01, 8], [-0.01, 0.65, 20]], np.float32)
    np.save(made / teacher.CHIPS, np.broadcast_to(chip, (len(names), 2, 3)))
    np.save(made / teacher.EMBEDDINGS, rng.normal(0.2, 1, (len(names), 128)).astype(np.float32))
    return made


@pytest.fixture(scope="module")
def config(folder: Path) -> Config:
    tiny = settings.load(Config, TINY, ["sizes.dim=128", "losses.live=true", "losses.teach=10.0"])
    return replace(
        tiny, data=replace(tiny.data, folder=str(folder), batch=8), augment=MIX, keep=0.9
    )


def fit(where: Path, config: Config, most: float = float("inf")) -> bool:
    recipes.save_config(where, config)
    place = loop.Run(where, config.seed, torch.device("cpu"), float("inf"), most)
    return run.fit(config, place, Material(config))


def test_learns_watches_and_resumes(tmp_path: Path, config: Config) -> None:
    config = replace(config, watch=3, schedule=replace(config.schedule, steps=8))
    assert fit(tmp_path / "whole", config)
    looks = [json.loads(x) for x in (tmp_path / "whole/dev.jsonl").read_text().splitlines()]
    assert [x["step"] for x in looks] == [3, 6]
    assert all(0 <= x["whitened"]["eer"] <= 100 and -1 <= x["to teacher"] <= 1 for x in looks)
    assert [fit(tmp_path / "part", config, 5) for _ in range(2)] == [False, True]
    one, two = (torch.load(tmp_path / n / "learner.pt", weights_only=True)["net"]
                for n in ("whole", "part"))  # fmt: skip
    assert all(torch.equal(one[k], two[k]) for k in one)
    net = run.trained(tmp_path / "whole")[1].state_dict()
    assert all(torch.equal(net[k], one[f"average.{k}"]) for k in net)
    assert any(not torch.equal(net[k], one[f"net.{k}"]) for k in net)


def test_by_the_clock(tmp_path: Path, config: Config) -> None:
    """Finished when the seconds are over, however many steps that were."""
    schedule = replace(config.schedule, steps=10**7, seconds=2.0)
    assert not fit(tmp_path, replace(config, schedule=schedule), 1)
    assert fit(tmp_path, replace(config, schedule=schedule))


def test_the_teacher_sees_the_same(folder: Path) -> None:
    found = faces.load(folder).take(np.arange(12))
    assert found.chips is not None and found.teacher is not None
    seen = live.LiveTeacher(folder, live.Targets(found.teacher), torch.device("cpu"))
    x = torch.from_numpy(found.pixels.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
    chips = torch.from_numpy(found.chips)
    said = seen.says(x, chips)
    assert said.shape == (12, 128) and torch.allclose(said.norm(dim=1), torch.ones(12))
    # a mirrored crop is cut where its face is
    turned, which = augment.flipped(x, 0.5, np.random.default_rng(0))
    cut = live.cut(turned, live.mirrored(chips, which, 112))
    plain = live.cut(x, chips)
    wanted = torch.where(which[:, None, None, None], plain.flip(-1), plain)
    assert 0 < which.sum() < 12 and torch.allclose(cut, wanted, atol=1e-3)
    # blends are nobody's, the others are untouched
    mixed, places, own = augment.blended(x, chips, MIX, np.random.default_rng(1))
    assert own == 6 and torch.equal(mixed[:6], x[:6]) and places.shape == (12, 2, 3)
    assert (mixed[6:] - x[6:]).abs().mean() > 0.01
    assert augment.lit(mixed, MIX, np.random.default_rng(2)).abs().max() <= 1


def test_blends_want_a_live_teacher(tmp_path: Path, config: Config) -> None:
    for losses in (replace(config.losses, live=False), replace(config.losses, teach=0.0)):
        with pytest.raises(ConfigError, match="nobody has"):
            fit(tmp_path, replace(config, losses=losses))


def test_packed_for_elsewhere(tmp_path: Path, folder: Path) -> None:
    file, there = str(tmp_path / "p.npz"), tmp_path / "faces"
    assert dispatch("prepare", "prepare", ["pack", "--faces", str(folder), "--to", file]) == 0
    assert dispatch("prepare", "prepare", ["pack", "--back", file, "--to", str(tmp_path)]) == 0
    one, two = faces.load(folder), faces.load(there)
    assert one.people == two.people and one.files == two.files
    assert np.abs(one.pixels.astype(int) - two.pixels).mean() < 12
    assert np.array_equal(one.chips, two.chips)
    assert np.abs(one.teacher - two.teacher).max() < 0.02
    assert (there / teacher.NET).read_bytes() == (folder / teacher.NET).read_bytes()


def test_similarity_is_found_again() -> None:
    turn = np.array([[0.6, -0.2], [0.2, 0.6]])
    points = np.random.default_rng(0).normal(size=(5, 2))
    found = teacher.similarity(points, points @ turn.T + (3, 4))
    assert np.allclose(found, np.column_stack([turn, (3, 4)]))


def test_rows_are_trained_by_several_processes(tmp_path: Path, folder: Path) -> None:
    plain = ("loss=softmax", "sizes.depth=4", "sizes.width=0.0625", "sizes.size=32")
    rows = [Variant("one", plain), Variant("two", (*plain, "data.batch=16"), seeds=1),
            Variant("again", plain)]  # fmt: skip
    limits = bench.Limits(steps=1, seconds=60, seeds=2)
    bench.train_ahead(rows, folder, tmp_path, limits, 2)
    made = list((tmp_path / "runs").rglob("result.json"))
    assert len(made) == 3 and not list((tmp_path / "runs").rglob("*.new"))
    assert "eer" in bench.result(rows[2], 1, faces.load(folder), tmp_path, limits)
