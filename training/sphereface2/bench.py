"""Each paper's claim on a bench net: variants trained alike, several seeds, a verdict.

Every run is one folder named by all that it depends on, so a stopped bench goes on where it was,
and claims that need the same run share it.
"""

import hashlib
import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from engine import config as settings
from engine.errors import ConfigError
from training import recipes
from training.loop import Run, Schedule, pick_device, tell

from . import faces as stores
from . import measures, protocols, verdicts
from .augment import Augment
from .data import DataConfig
from .faces import Faces
from .losses import Diverged
from .measures import Doubles
from .net import Sizes, embeddings
from .run import Config, Material, fit, trained
from .verdicts import Claim, Result, Variant

RESULT = "result.json"  # of a row
GRID = np.geomspace(1e-4, 1, 60)  # false match rates at which curves are kept
BASE = Config(
    loss="softmax",
    data=DataConfig(batch=64, least=2),
    sizes=Sizes(depth=10, width=0.25, size=64, norm=True),
    augment=Augment(shift=0, zoom=0, turn=0, light=0, grey=0, blur=0, hide=0),
    schedule=Schedule(optimiser="adam", rate=2e-3, drop_at=0.5, drop=0.02, clip=5.0,
                      save_every=100_000),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """Of each run."""

    steps: int = 600
    seconds: float = 120
    seeds: int = 3


def run(names: Sequence[str], folder: Path, out: Path, limits: Limits, jobs: int = 1) -> None:
    """Trains what is missing for these claims (all if none), prints and keeps their verdicts.

    `jobs` processes train at the same time, each on one thread.
    """
    from .claims import CLAIMS

    unknown = sorted(set(names) - set(CLAIMS))
    if unknown:
        raise ConfigError(f"no claim '{unknown[0]}': choose {', '.join(CLAIMS)}")
    wanted = [CLAIMS[n] for n in names or CLAIMS]
    faces = stores.load(folder).scaled(BASE.sizes.size)
    if jobs > 1:
        train_ahead([v for c in wanted for v in c.variants], folder, out, limits, jobs)
    for claim in wanted:
        results = train_all(claim, faces, out, limits)
        text = verdicts.text(claim, results)
        tell(text)
        (out / f"{claim.name}.md").write_text(text + "\n", encoding="utf-8")
        claim.draw(results, out / f"{claim.name}.png")
        tell(f"picture in {out / f'{claim.name}.png'}\n")


def train_ahead(
    variants: Sequence[Variant], folder: Path, out: Path, limits: Limits, jobs: int
) -> None:
    """All rows, first seeds first, by that many processes."""
    faces = stores.load(folder)
    rows = {_at(v, s, out, limits, faces)[0]: (v, s)
            for s in range(limits.seeds) for v in variants if s < v.seeds}  # fmt: skip
    missing = [r for where, r in rows.items() if not (where / RESULT).exists()]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, spawn, _begin, (folder,)) as pool:
        done = [pool.submit(_one, v, s, out, limits) for v, s in missing]
        for one in tqdm(as_completed(done), "rows", len(done), mininterval=2):
            one.result()


_shared: list[Faces] = []  # of a process of `train_ahead`


def _begin(folder: Path) -> None:
    torch.set_num_threads(1)
    _shared.append(stores.load(folder).scaled(BASE.sizes.size))


def _one(variant: Variant, seed: int, out: Path, limits: Limits) -> None:
    result(variant, seed, _shared[0], out, limits)


def train_all(claim: Claim, faces: Faces, out: Path, limits: Limits) -> dict[str, list[Result]]:
    """variant -> its results, one a seed; only what is not there yet is trained."""
    jobs = [(v, s) for s in range(limits.seeds) for v in claim.variants if s < v.seeds]
    found: dict[str, list[Result]] = {v.name: [] for v in claim.variants}
    for variant, seed in tqdm(jobs, claim.name, mininterval=2):
        found[variant.name].append(result(variant, seed, faces, out, limits))
    return found


def result(variant: Variant, seed: int, faces: Faces, out: Path, limits: Limits) -> Result:
    """Of one row, trained once."""
    where, make = _at(variant, seed, out, limits, faces)
    file = where / RESULT
    if not file.exists():
        where.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(".new")
        beside.write_text(json.dumps(make(where, faces)), encoding="utf-8")
        beside.replace(file)
    found: Result = json.loads(file.read_text(encoding="utf-8"))
    return found


def _at(
    variant: Variant, seed: int, out: Path, limits: Limits, faces: Faces
) -> tuple[Path, Callable[[Path, Faces], Result]]:
    """The folder of a row, and what fills it."""
    special = variant.special
    if special is not None:
        return out / "runs" / f"{variant.key}-{limits.steps}-{seed}", (
            lambda where, _: special(where, seed, limits.steps)
        )
    config = settings.override(BASE, variant.sets)
    schedule = replace(config.schedule, steps=limits.steps)
    config = replace(config, seed=seed, schedule=schedule)
    key = hashlib.sha256(json.dumps(asdict(config)).encode() + _data_key(faces)).hexdigest()[:12]
    return out / "runs" / key, (lambda where, seen: train_one(config, seen, where, limits.seconds))


def _data_key(faces: Faces) -> bytes:
    return f"{len(faces)} {len(faces.people)}".encode()


def train_one(config: Config, faces: Faces, folder: Path, seconds: float) -> Result:
    """One run and all that any claim asks of it."""
    recipes.save_config(folder, config)
    (folder / "learner.pt").unlink(missing_ok=True)  # of a run that was stopped half way
    began = time.monotonic()
    material = Material(config, faces)
    run = Run(folder, config.seed, pick_device("auto"), began + seconds)
    try:
        done = fit(config, run, material)
    except Diverged:
        return {"diverged": 1.0, "finished": 1.0}
    _, net, weights = trained(folder)
    found = measure(config, faces, material, net, weights)
    (folder / "learner.pt").unlink()
    return found | {"finished": float(done), "seconds": time.monotonic() - began}


def measure(
    config: Config, faces: Faces, material: Material, net: torch.nn.Module, weights: Tensor
) -> Result:
    """Rates and angles on people never seen, and on those that were learnt from."""
    size = config.sizes.size
    test = faces.part("test").scaled(size)
    seen = material.faces.take(_some(material.faces, 3000))
    unseen_e, seen_e = (embeddings(net, f.pixels, size) for f in (test, seen))
    right = _right(material, net, weights, size)
    found: Result = {
        **_rates(test, unseen_e, ""), **_rates(seen, seen_e, "seen "), **angles(test, unseen_e),
        "right": right, "diverged": float(right < max(3 / material.classes, 0.01)),
        **_head_and_tail(seen, material.faces, seen_e),
    }  # fmt: skip
    if config.sizes.dim == 3:
        rows = np.random.default_rng(1).permutation(len(seen))[:400]  # in the store they go by name
        found |= {"points": seen_e[rows].tolist(), "labels": seen.person[rows].tolist()}
    return found


def _some(faces: Faces, most: int) -> Any:
    """At most so many rows, the same ones for the same faces."""
    return np.sort(np.random.default_rng(0).permutation(len(faces))[:most])


def _right(material: Material, net: torch.nn.Module, weights: Tensor, size: int) -> float:
    """Share of training pictures nearest in angle to their own class weight."""
    rows = _some(material.faces, 1000)
    e = torch.from_numpy(embeddings(net, material.faces.pixels[rows], size, flip=False))
    nearest = (e @ torch.nn.functional.normalize(weights, dim=1).T).argmax(1).numpy()
    return float((nearest == material.faces.person[rows]).mean())


def _rates(faces: Faces, e: Any, prefix: str) -> Result:
    if faces.counts.max(initial=0) < 2:
        return {}
    found = protocols.scores(faces, protocols.everyone(faces, impostors=100_000), e)
    curve = measures.curve(found)
    rates = {f"{prefix}eer": curve.eer, f"{prefix}tar at 1e-2": curve.tar(1e-2),
             f"{prefix}tar at 1e-3": curve.tar(1e-3)}  # fmt: skip
    return rates | {f"{prefix}roc": [curve.tar(f) for f in GRID]}


def angles(faces: Faces, e: Any) -> Result:
    """Degrees, over people of two or more pictures: SphereFace's criterion is largest intra-class
    below smallest inter-class angle."""
    kept = faces.counts > 1
    alike = np.degrees(np.arccos(np.clip(e @ e.T, -1, 1)))
    same = faces.person[:, None] == faces.person[None]
    widest, nearest = (np.zeros(len(faces.people)) for _ in range(2))
    np.maximum.at(widest, faces.person, np.where(same, alike, 0).max(1))
    nearest[:] = 180
    np.minimum.at(nearest, faces.person, np.where(same, 180, alike).min(1))
    intra = alike[same & ~np.eye(len(e), dtype=bool)]
    return {
        "widest": float(widest[kept].mean()), "nearest": float(nearest[kept].mean()),
        "met": float((widest < nearest)[kept].mean()), "intra": _mean(intra),
        "inter": _mean(alike[~same]),
    }  # fmt: skip


def _mean(values: Doubles) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _head_and_tail(seen: Faces, whole: Faces, e: Any) -> Result:
    """TAR at FMR 1e-2 of learnt people with 10 pictures and more, and with fewer than 5."""
    count = dict(zip(whole.people, whole.counts, strict=True))
    counts = np.array([count[p] for p in seen.people])
    found: Result = {}
    for name, mine in (("head", counts >= 10), ("tail", counts < 5)):
        rows = mine[seen.person]
        part = seen.take(rows)
        if len(part) and part.counts.max() > 1 and len(part.people) > 1:
            pairs = protocols.everyone(part, impostors=50_000)
            found[f"{name} tar at 1e-2"] = measures.curve(
                protocols.scores(part, pairs, e[rows])
            ).tar(1e-2)
    return found
