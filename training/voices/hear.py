"""Recordings of many people -> their spoken mel frames, stored."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engine.capture.decode import read_sound
from engine.errors import ConfigError, EngineError
from engine.types import Floats
from engine.voices.ears import Ears
from training.data.recordings import SOUNDS
from training.data.voices import resample

from .degrade import DEGRADED
from .store import Voices, load

LEAST = 100  # spoken frames (1 s) that a recording must have
Recording = tuple[str, Path]  # person and file


def recordings(source: Path) -> Iterator[Recording]:
    """PERSON/.../x.wav (VoxCeleb, LibriSpeech) and PERSON-....ogg; also videos with sound."""
    if not source.is_dir():
        raise ConfigError(f"{source} is not there: give a folder of recordings")
    for file in sorted(source.rglob("*")):
        if file.suffix.lower() in SOUNDS | {".mp4"}:
            inside = file.relative_to(source).parts
            yield (inside[0] if len(inside) > 1 else file.stem.split("-")[0]), file


def prepare(sources: Sequence[Path], to: Path, degrade: Iterable[str] = ()) -> Voices:
    """Hears all recordings, as they are and as the worse ones named in `degrade`."""
    frames: list[NDArray[np.float16]] = []
    page: dict[str, list[str]] = {"people": [], "files": [], "how": [], "missed": []}
    ways: dict[str, Callable[[Floats, int], Floats] | None] = {"clean": None}
    ways |= {name: DEGRADED[name] for name in degrade}
    found = [(s, *r) for s in sources for r in recordings(s)]
    for k, (source, person, file) in enumerate(tqdm(found, "voices", mininterval=2)):
        name = f"{source.name}/{file.relative_to(source)}"
        for how, way in ways.items():
            spoken = _spoken(file, way, k)
            if len(spoken) < LEAST:
                page["missed"].append(f"{name} {how}")
                continue
            frames.append(spoken.astype(np.float16))
            page["people"].append(person)
            page["files"].append(name)
            page["how"].append(how)
    if not frames:
        raise ConfigError(f"nobody speaks in {', '.join(map(str, sources))}: nothing to learn from")
    _write(to, frames, page)
    return load(to)


def _spoken(file: Path, way: Callable[[Floats, int], Floats] | None, seed: int) -> Floats:
    try:
        chunk = read_sound(file)
    except EngineError:  # listed as missed: one broken file should not end an hour's work
        return np.zeros((0, 64), np.float32)
    samples = resample(chunk.samples, chunk.rate)
    return Ears().push(samples if way is None else way(samples, seed))


def _write(to: Path, frames: list[NDArray[np.float16]], page: dict[str, list[str]]) -> None:
    to.mkdir(parents=True, exist_ok=True)
    np.save(to / "frames.npy", np.concatenate(frames))
    start = np.cumsum([0, *(len(f) for f in frames)]).tolist()
    (to / "voices.json").write_text(json.dumps({"start": start, **page}), encoding="utf-8")
