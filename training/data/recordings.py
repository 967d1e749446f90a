"""Folders of recordings -> data sets: finding files, cutting at pauses, levels, splits, refusals.

What every `prepare` of recordings has in common. Splits are by person and depend on the person's
name alone, so that data sets made at different times never disagree.
"""

import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from engine.capture.decode import read_sound
from engine.errors import ConfigError, DeviceError, EngineError
from engine.types import Floats

from . import store
from .clips import Clip
from .voices import RATE, resample

LONGEST = 15.0  # seconds of a clip
_AIM, _REACH = 11.0, 1.9  # seconds: a piece's length, and how far from there a pause is sought
SHORTEST = 1.0  # seconds of a recording
HELD_OUT = 0.2  # of the people
_LOUD = 0.05  # root mean square of speech, as the generator's: about -26 dB
SOUNDS = frozenset((".wav", ".flac", ".ogg", ".mp3", ".m4a", ".opus"))

Named = tuple[str, Clip]


def speech(file: Path) -> Floats:
    """The file's sound at 16 kHz and the generator's level; DeviceError where it holds none."""
    chunk = read_sound(file)
    samples = resample(chunk.samples, chunk.rate)
    if len(samples) < SHORTEST * RATE:
        raise DeviceError(f"{file.name} lasts {len(samples) / RATE:.1f} s; 1 s is the least")
    loud = float(np.percentile(loudness(samples), 90))
    if loud < 1e-3:
        raise DeviceError(f"{file.name} is silent")
    return np.clip(samples * np.float32(1.4 * _LOUD / loud), -1, 1)


def loudness(samples: Floats, window: float = 0.02) -> Floats:
    """Root mean square in windows of `window` seconds: (n,)."""
    size = round(window * RATE)
    count = len(samples) // size
    return np.sqrt(np.mean(samples[: count * size].reshape(count, size) ** 2, 1))


def pieces(samples: Floats) -> list[tuple[float, float]]:
    """Starts and ends in seconds of pieces of at most 15 s, cut where it is quietest."""
    length = len(samples) / RATE
    count = 1 if length <= LONGEST else int(np.ceil(length / _AIM))
    level = np.convolve(loudness(samples), np.full(9, 1 / 9), "same")  # of 180 ms
    edges = [0.0]
    for k in range(1, count):
        near = slice(*(round((k * length / count + side) / 0.02) for side in (-_REACH, _REACH)))
        edges.append((near.start + int(np.argmin(level[near]))) * 0.02)
    return list(pairwise([*edges, length]))


def seed(*names: object) -> int:
    """A number that depends on the names alone, on every machine."""
    return zlib.crc32("/".join(map(str, names)).encode())


def held_out(person: str) -> bool:
    """Whether a person is kept for testing: about one in five."""
    return seed(person) % 1000 < HELD_OUT * 1000


def gather(
    folder: Path,
    files: Sequence[Path],
    one: Callable[[Path], Iterable[Named]],
    page: dict[str, Any],
    processes: int = 1,
) -> dict[str, Any]:
    """Saves the clips that `one` makes of each file, and the page about them, which is returned.

    A file that cannot be used is listed under `refused` with the reason; ConfigError where
    there is no file, DeviceError where none could be used.
    """
    if not files:
        raise ConfigError("there are no recordings in that folder; give one that has some")
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(folder, file, one) for file in files]
    with ProcessPoolExecutor(processes, get_context("spawn"), _polite) as pool:
        done = pool.map(_one, jobs) if processes > 1 else map(_one, jobs)
        results = list(tqdm(done, "recordings", len(jobs), unit="file"))
    people = {name: person for made, _ in results for name, person in made.items()}
    refused = {f.name: why for f, (_, why) in zip(files, results, strict=True) if why}
    page = {**page, **_split(people), "refused": refused}
    store.write_page(folder, page)
    if not people:
        raise DeviceError(
            f"none of {len(files)} recordings can be used: {next(iter(refused.values()))}"
        )
    return page


def _polite() -> None:
    os.nice(5)


def _one(job: tuple[Path, Path, Callable[[Path], Iterable[Named]]]) -> tuple[dict[str, str], str]:
    """The people of the clips saved, by clip; and why there are none."""
    folder, file, one = job
    people = {}
    try:
        for name, clip in one(file):
            store.save(folder, name, clip)
            people[name] = clip.person
    except EngineError as e:
        return people, str(e)
    return people, ""


def _split(people: dict[str, str]) -> dict[str, Any]:
    test = sorted({p for p in people.values() if held_out(p)})
    return {
        "people": len(set(people.values())),
        "people_held_out": test,
        "train": [n for n, p in sorted(people.items()) if p not in test],
        "held_out": [n for n, p in sorted(people.items()) if p in test],
    }


def report(page: dict[str, Any]) -> str:
    """A line about a data set and one for each recording that was refused."""
    lines = [f"{file}: {why}" for file, why in page["refused"].items()]
    lines.append(
        f"{len(page['train'])} clips to train on and {len(page['held_out'])} held out, "
        f"of {page['people']} people; {len(page['refused'])} recordings refused"
    )
    return "\n".join(lines)
