"""Which videos a folder holds, whose they are, and what the teacher saw in each (kept on disk)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.capture.decode import read_sound
from engine.capture.video import VideoFile
from engine.errors import ConfigError, EngineError
from engine.types import Floats
from training.data.voices import RATE, resample

from .watch import Seen, Watcher

KINDS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg")
SHORTEST = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Recording:
    """One video file. A source is one take of one camera: sound and picture share one offset."""

    file: Path
    name: str  # unique in its data set
    person: str
    source: str


def recordings(folder: Path, each: bool = False) -> list[Recording]:
    """All videos below `folder`: FOLDER/PERSON/SOURCE/FILE or FOLDER/PERSON/FILE, or videos of one
    person right in it, named by it; with `each`, every file is another person."""
    if not folder.is_dir():
        raise ConfigError(f"no such folder: {folder}")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in KINDS)
    if not files:
        raise ConfigError(f"{folder} holds no videos ({' '.join(KINDS)})")
    return [_recording(folder, file, each) for file in files]


def _recording(folder: Path, file: Path, each: bool) -> Recording:
    parts = file.relative_to(folder).with_suffix("").parts
    name = "-".join(parts)
    corpus = folder.name
    if each:
        return Recording(file, name, f"{corpus}:{name}", f"{corpus}:{name}")
    if len(parts) == 1:
        return Recording(file, name, corpus, corpus)
    return Recording(file, name, f"{corpus}:{parts[0]}", f"{corpus}:{'/'.join(parts[:-1])}")


def sound(recording: Recording) -> tuple[Floats, float]:
    """16 kHz mono, and when its first sample is heard after the first picture is shown."""
    video = VideoFile(recording.file)
    heard = read_sound(recording.file)
    return resample(heard.samples, heard.rate), video.sound_begins - video.begins


def watch_all(
    found: list[Recording], out: Path, teachers: Path | None, mirrored: bool = False
) -> tuple[list[Recording], dict[str, str]]:
    """Watches every video once, keeping what was seen in OUT/seen; those that serve, and why the
    others do not."""
    (out / "seen").mkdir(parents=True, exist_ok=True)
    watcher = Watcher(teachers, mirrored)
    good, refused = [], {}
    for one in tqdm(found, "mirrored" if mirrored else "watching", unit="video"):
        try:
            _watch(one, seen_file(out, one, mirrored), watcher)
            good.append(one)
        except EngineError as e:
            refused[one.name] = str(e)
            tqdm.write(f"{one.file}: {e}")
    return good, refused


def _watch(one: Recording, file: Path, watcher: Watcher) -> None:
    if file.exists():
        return
    video = VideoFile(one.file)
    if not video.has_sound:
        raise ConfigError("no sound in it")
    seen = watcher.watch(video.frames())
    if seen.times[-1] < SHORTEST:
        raise ConfigError(f"{len(seen.times)} pictures long; at least {SHORTEST} s are needed")
    np.savez_compressed(
        file, times=seen.times, points=seen.points, irises=seen.irises, score=seen.score,
        size=seen.size,
    )  # fmt: skip


def seen_file(out: Path, one: Recording, mirrored: bool = False) -> Path:
    return out / "seen" / f"{one.name}{'-mirrored' if mirrored else ''}.npz"


def seen(out: Path, one: Recording, mirrored: bool = False) -> Seen:
    """What `watch_all` kept."""
    with np.load(seen_file(out, one, mirrored)) as file:
        width, height = (int(v) for v in file["size"])
        return Seen(file["times"], file["points"], file["irises"], file["score"], (width, height))


def by_person(found: list[Recording]) -> Iterator[tuple[str, list[Recording]]]:
    for person in sorted({one.person for one in found}):
        yield person, [one for one in found if one.person == person]


__all__ = ["RATE", "Recording", "by_person", "recordings", "seen", "sound", "watch_all"]
