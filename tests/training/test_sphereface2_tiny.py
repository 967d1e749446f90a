"""configs/train/sphereface2-tiny.toml: the loss falls, resume is exact, the export loads."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engine import config as settings
from engine.errors import ConfigError
from training import loop, recipes
from training.fit import dispatch
from training.margins import LOSSES
from training.sphereface2 import bench, faces, net, run, trials
from training.sphereface2.claims import CLAIMS
from training.sphereface2.export import export
from training.sphereface2.run import Config, Material

ROOT = Path(__file__).parents[2]
TINY = ROOT / "configs/train/sphereface2-tiny.toml"


def likeness(person: int, rng: np.random.Generator) -> np.ndarray:
    """A made-up face: blobs at the person's own places, in the person's own colours."""
    own = np.random.default_rng(person)
    picture = np.full((112, 112, 3), own.integers(60, 200, 3), np.uint8)
    for _ in range(5):
        place = own.integers(16, 96, 2) + rng.integers(-3, 4, 2)
        colour = (own.integers(0, 256, 3) + rng.integers(-20, 20, 3)).clip(0, 255)
        cv2.circle(picture, place.tolist(), int(own.integers(6, 22)), colour.tolist(), -1)
    return picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    names = [f"person {k}" for k in range(60) for _ in range(6 - k % 4)]
    pixels = np.stack([likeness(int(n.split()[1]), rng) for n in names])
    np.save(made / "faces.npy", pixels)
    files = [f"made/{n}/{k}.png" for k, n in enumerate(names)]
    page = {"names": names, "files": files, "missed": []}
    (made / "faces.json").write_text(json.dumps(page))
    np.save(made / "teacher.npy", taught(pixels))
    return made


def taught(pixels: np.ndarray) -> np.ndarray:
    """A teacher that looks at coarse colours, and has not seen the first picture."""
    coarse = pixels.reshape(len(pixels), 4, 28, 4, 28, 3).mean((2, 4)).reshape(len(pixels), -1)
    teacher = coarse.astype(np.float32)[:, :32] / 255 - 0.5
    teacher[0] = np.nan
    return teacher


@pytest.fixture(scope="module")
def tiny(folder: Path) -> Config:
    config = settings.load(Config, TINY)
    return replace(config, data=replace(config.data, folder=str(folder)))


def fit(where: Path, config: Config, most: float = float("inf")) -> bool:
    recipes.save_config(where, config)
    place = loop.Run(where, config.seed, torch.device("cpu"), float("inf"), most)
    return run.fit(config, place, Material(config))


def weights(where: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(where / "learner.pt", weights_only=True)["net"])


@torch.no_grad()
def losses_of(where: Path, config: Config) -> tuple[float, float]:
    """The loss and the share of pictures nearest to their own class, over all that are learnt."""
    material = Material(config)
    model = run.learner(config, material.classes)
    model.load_state_dict(weights(where))
    pixels = net.to_input(torch.from_numpy(material.faces.pixels), config.sizes.size)
    assert material.targets is not None
    parts = model.eval()(pixels, torch.from_numpy(material.labels), material.targets.stored)
    return float(parts["total"]), float(parts["right"])


def test_learns_resumes_and_exports(tmp_path: Path, tiny: Config, folder: Path) -> None:
    config = replace(tiny, losses=replace(tiny.losses, teach=1.0))
    assert not fit(tmp_path / "none", config, 0)
    assert fit(tmp_path / "whole", config)
    (before, guessed), (after, right) = (losses_of(tmp_path / n, config) for n in ("none", "whole"))
    assert after < 0.9 * before and right > max(0.15, 3 * guessed)

    assert [fit(tmp_path / "part", config, 25) for _ in range(3)] == [False, False, True]
    one, two = weights(tmp_path / "whole"), weights(tmp_path / "part")
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert run.saved_config(tmp_path / "part") == config

    for flip in (False, True):
        model = trials.Model(export(tmp_path / "part", tmp_path / f"model{flip}", flip))
        pixels = faces.load(folder).pixels[:5]
        made = model.embed(pixels)
        assert np.linalg.norm(made, axis=1) == pytest.approx(np.ones(5), abs=1e-4)
        _, own, _ = run.trained(tmp_path / "part")
        assert np.allclose(net.embeddings(own, pixels, config.sizes.size, flip), made, atol=5e-3)
        assert np.allclose(model.embed(pixels[:1]), made[:1], atol=1e-5)  # any batch


@pytest.mark.parametrize("name", list(LOSSES))
def test_every_loss_trains(tmp_path: Path, tiny: Config, name: str) -> None:
    schedule = replace(tiny.schedule, steps=3)
    plain = replace(tiny.losses, options=type(tiny.losses.options)())
    ranges = replace(plain, range=replace(plain.range, intra=1e-4, inter=1e-4, margin=10.0))
    data = replace(tiny.data, sampler="people", noise=0.3)
    config = replace(tiny, loss=name, losses=ranges, schedule=schedule, data=data)
    assert fit(tmp_path, config)


@pytest.mark.parametrize(
    "sizes",
    [net.Sizes(depth=d, width=0.0625, size=32, residual=r, norm=d == 20)
     for d in net.BLOCKS for r in ("relu", "sum")] + [net.Sizes("mobile", width=0.25, size=64)],
)  # fmt: skip
def test_every_net(sizes: net.Sizes) -> None:
    model = net.build(sizes)
    made = net.embed(model, torch.randn(2, 3, sizes.size, sizes.size), flip=True)
    assert made.shape == (2, 128) and torch.allclose(made.norm(dim=1), torch.ones(2))
    blocks = sum(isinstance(m, net.Residual) for m in model.modules())
    assert blocks == (sum(net.BLOCKS[sizes.depth]) if sizes.kind == "sfnet" else 0)


def test_the_published_size() -> None:
    """SFNet-20 of full width: 3 + 2 x 8 + 1 convolutions and one fully connected layer."""
    model = net.build(net.Sizes(width=1.0, dim=512))
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == 21 and model.out.in_features == 512 * 7 * 7


def test_two_processes_learn_as_one(tmp_path: Path, tiny: Config, folder: Path) -> None:
    """torchrun with gloo: half of the pictures each, one model, written once."""
    config = tmp_path / "c.toml"
    text = TINY.read_text().replace("batch = 16", f'batch = 8\nfolder = "{folder}"')
    config.write_text(text.replace("steps = 60", "steps = 4"))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2",
               "--standalone", "-m", "training.fit", "sphereface2", "--config", str(config),
               "--device", "cpu", "--threads", "1", "--out", str(tmp_path / "run")]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False,
                          env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=900)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("finished") == 1
    alone = replace(tiny, data=replace(tiny.data, batch=16),
                    augment=run.Augment(0, 0, 0, 0, 0, 0, 0, 0),
                    schedule=replace(tiny.schedule, steps=4))  # fmt: skip
    assert fit(tmp_path / "alone", alone)
    one, two = weights(tmp_path / "alone"), weights(tmp_path / "run")
    assert {k: v.shape for k, v in one.items()} == {k: v.shape for k, v in two.items()}


def test_the_commands(
    tmp_path: Path, tiny: Config, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(tmp_path / "r", replace(tiny, schedule=replace(tiny.schedule, steps=5)))
    groups = tmp_path / "groups.json"
    groups.write_text(json.dumps({f"person {k}": "xy"[k % 2] for k in range(60)}))
    argv = ["sphereface2", "--faces", str(folder), "--run", str(tmp_path / "r"), "--groups",
            str(groups), "--picture", str(tmp_path / "d.png"), "--json",
            str(tmp_path / "f.json")]  # fmt: skip
    assert dispatch("evaluate", "evaluate", argv) == 0
    said = capsys.readouterr().out
    assert "10-fold accuracy" in said and "TAR at FMR 0.01" in said and "x: EER" in said
    assert json.loads((tmp_path / "f.json").read_text())["r"]["search"]["people"] > 3
    assert (tmp_path / "d.png").stat().st_size > 10_000
    wrong = [["--faces", str(tmp_path)], ["--trials", "x.csv"], ["--bench", "nothing"],
             ["--faces", str(folder), "--run", str(tmp_path)]]  # fmt: skip
    for more in wrong:
        assert dispatch("evaluate", "evaluate", ["sphereface2", *more]) in (1, 2)
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_trials_of_pictures(tmp_path: Path, tiny: Config) -> None:
    """No face, a broken file and a missing one are empty; the rest have a similarity."""
    assert fit(tmp_path / "r", replace(tiny, schedule=replace(tiny.schedule, steps=2)))
    model = export(tmp_path / "r", tmp_path / "m")
    cv2.imwrite(str(tmp_path / "plain.png"), np.full((200, 200, 3), 127, np.uint8))
    (tmp_path / "broken.png").write_bytes(b"nothing")
    with (tmp_path / "t.csv").open("w") as out:
        rows = [("a", "b"), ("plain.png", "broken.png"), ("gone.png", "plain.png")]
        csv.writer(out).writerows(rows)
    empty, unreadable = trials.run(model, tmp_path / "t.csv", tmp_path, tmp_path / "s.csv")
    assert (empty, unreadable) == (2, ["broken.png", "gone.png"])
    found = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert [r["similarity"] for r in found] == ["", ""] and found[1]["a"] == "gone.png"


def test_real_pictures(tmp_path: Path, tiny: Config) -> None:
    data = Path(os.environ.get("LIKENESS_DATA", ROOT.parent / "shared/data")) / "faces/lfw"
    if not data.is_dir():
        pytest.skip(f"no pictures in {data}; set LIKENESS_DATA")
    people = sorted(p for p in data.iterdir() if len(list(p.iterdir())) > 1)[:4]
    names = [str(f.relative_to(data)) for p in people for f in sorted(p.iterdir())[:2]]
    assert fit(tmp_path / "r", replace(tiny, schedule=replace(tiny.schedule, steps=2)))
    model = export(tmp_path / "r", tmp_path / "m")
    with (tmp_path / "t.csv").open("w") as out:
        csv.writer(out).writerows([("a", "b"), *((names[0], n) for n in names)])
    assert trials.run(model, tmp_path / "t.csv", data, tmp_path / "s.csv")[0] <= 1
    first = next(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert float(first["similarity"]) == pytest.approx(1, abs=1e-5)


def test_a_claim_is_benched_resumed_and_drawn(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps a run: nothing learnt, but every variant trains, and a second call trains none."""
    small = replace(bench.BASE, sizes=net.Sizes(depth=4, width=0.0625, size=32, norm=True),
                    data=replace(bench.BASE.data, batch=8))  # fmt: skip
    monkeypatch.setattr(bench, "BASE", small)
    limits, claim = bench.Limits(steps=2, seconds=60, seeds=1), CLAIMS["range"]
    bench.run(["range"], folder, tmp_path, limits)
    text = (tmp_path / "range.md").read_text()
    assert all(f"| {v.name} |" in text for v in claim.variants)
    assert text.count("**") == 2 * len(claim.compared)
    assert (tmp_path / "range.png").stat().st_size > 10_000
    made = {f: f.stat().st_mtime_ns for f in (tmp_path / "runs").rglob("result.json")}
    assert len(made) == len(claim.variants)
    bench.run(["range"], folder, tmp_path, limits)
    assert {f: f.stat().st_mtime_ns for f in made} == made


def test_unknown_claims_are_told(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ConfigError, match="choose losses"):
        bench.run(["nothing"], folder, tmp_path, bench.Limits())
