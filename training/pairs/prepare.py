"""Makes people: faces, voices and what is known of them, in the layouts that training.dimnet reads.

python -m training.prepare pairs --people 2000 --to runs/pairs       # can be stopped and resumed
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engine.errors import ConfigError
from engine.voices.space import GAMMA
from training.loop import tell
from training.voices import people as who

from . import link
from .faces import Sitter
from .link import CLASSES, Codes
from .sheet import sheet
from .voices import frames, speaker, text

PART = 50  # people made and stored at once
LEAST = 100  # frames of an utterance


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made; a folder that was begun with another plan is refused."""

    people: int
    pictures: int = 4  # of each person
    utterances: int = 2
    seed: int = 0


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.prepare pairs", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--people", type=int, default=2000, help="(%(default)s)")
    add("--pictures", type=int, default=4, help="of each person (%(default)s)")
    add("--utterances", type=int, default=2, help="of each person (%(default)s)")
    add("--seed", type=int, default=0)
    add("--to", type=Path, default=Path("runs/pairs"))
    add("--sheet", type=Path, help="a picture of some of them with their codes, as a PNG")
    args = parser.parse_args(argv)
    plan = Plan(args.people, args.pictures, args.utterances, args.seed)
    if min(plan.people, plan.pictures, plan.utterances) < 1:
        raise ConfigError("there should be at least one person, one picture and one utterance")
    prepare(plan, args.to)
    if args.sheet:
        sheet(args.to, args.sheet)
    tell(f"{plan.people} people in {args.to}")


def prepare(plan: Plan, to: Path) -> None:
    """Makes what is not there yet, and puts it together."""
    to.mkdir(parents=True, exist_ok=True)
    _begin(plan, to / "plan.json")
    codes = link.draw(plan.people, plan.seed)
    files = [to / f"part-{k:03d}.npz" for k in range(-(-plan.people // PART))]
    sitter = Sitter() if not all(f.exists() for f in files) else None
    for k, file in enumerate(tqdm(files, f"{PART} people", mininterval=2)):
        if sitter is not None and not file.exists():
            rows = range(k * PART, min((k + 1) * PART, plan.people))
            _write(file, [_person(sitter, codes, plan, row) for row in rows])
    _assemble(files, codes, plan, to)


def _begin(plan: Plan, file: Path) -> None:
    if file.exists() and json.loads(file.read_text(encoding="utf-8")) != asdict(plan):
        raise ConfigError(f"{file} was begun otherwise: give the same numbers, or another --to")
    file.write_text(json.dumps(asdict(plan)), encoding="utf-8")


def _person(sitter: Sitter, codes: Codes, plan: Plan, row: int) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng([plan.seed, row, 1])
    person = sitter.person(codes.face[row], rng)
    pictures = [sitter.picture(person, rng) for _ in range(plan.pictures)]
    rng = np.random.default_rng([plan.seed, row, 2])
    one = speaker(codes.voice[row], rng)
    heard: list[NDArray[np.float16]] = []
    while len(heard) < plan.utterances:
        spoken = frames(one.say(text(rng), rng))
        if len(spoken) >= LEAST:
            heard.append(spoken.astype(np.float16))
    return {
        "pixels": np.stack(pictures), "frames": np.concatenate(heard),
        "length": np.array([len(h) for h in heard]), "identity": person.identity,
        "albedo": sitter.albedo(person), "portrait": sitter.portrait(person),
    }  # fmt: skip


def _write(file: Path, people: list[dict[str, NDArray[Any]]]) -> None:
    """Written beside and then moved, so that a stopped run leaves whole parts."""
    beside = file.with_suffix(".new.npz")
    rows = {n: [p[n] for p in people] for n in people[0]}
    whole = {n: np.concatenate(v) if n in ("frames", "length", "pixels") else np.stack(v)
             for n, v in rows.items()}  # fmt: skip
    np.savez(beside, **whole)  # type: ignore[arg-type]
    beside.replace(file)


def _assemble(files: list[Path], codes: Codes, plan: Plan, to: Path) -> None:
    parts = [np.load(f) for f in files]
    names = [name(k) for k in range(plan.people)]
    for folder in ("faces", "voices"):
        (to / folder).mkdir(exist_ok=True)
    np.save(to / "faces/faces.npy", np.concatenate([p["pixels"] for p in parts]))
    np.save(to / "voices/frames.npy", np.concatenate([p["frames"] for p in parts]))
    start = np.cumsum(np.concatenate([[0], *(p["length"] for p in parts)]))
    _page(to / "faces/faces.json", names, plan.pictures)
    _page(to / "voices/voices.json", names, plan.utterances, start=start.tolist())
    who.write({n: _known(c) for n, c in zip(names, codes.own, strict=True)}, to / "people.csv")
    identity, albedo, portrait = (
        np.concatenate([p[n] for p in parts]) for n in ("identity", "albedo", "portrait")
    )
    reflectance = ((albedo / np.float32(255)) ** GAMMA).astype(np.float16)  # as painted: its root
    np.savez(
        to / "heads.npz",
        people=names,
        own=codes.own,
        face=codes.face,
        voice=codes.voice,
        identity=identity,
        reflectance=reflectance,
        portrait=portrait,
    )  # type: ignore[arg-type]


def name(row: int) -> str:
    return f"person-{row:05d}"


def _known(code: NDArray[np.int64]) -> dict[str, str]:
    return {c: values[k] for (c, values), k in zip(CLASSES.items(), code, strict=True)}


def _page(file: Path, names: list[str], each: int, **more: Any) -> None:
    """faces.json and voices.json, as training.sphereface2.faces and training.voices.store do."""
    whose = [n for n in names for _ in range(each)]
    files = [f"{n}/{k}" for n in names for k in range(each)]
    called = {"people": whose, "how": ["clean"] * len(whose)} if more else {"names": whose}
    page = {**more, **called, "files": files, "missed": []}
    file.write_text(json.dumps(page), encoding="utf-8")
