"""Recordings of people as crops in time, found and aligned as they are live."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.errors import ConfigError
from engine.faces import IDENTITY, Finder, Follow, crop
from engine.types import Bytes, Floats

from .trials import VIDEOS

EVERY, LONGEST, LEAST = 0.2, 5.0, 8  # seconds between two crops, of a clip; crops of a clip


@dataclass(frozen=True, slots=True)
class Clip:
    """The face of one recording. `session` tells recordings of other days apart."""

    person: str
    session: str
    t: Floats  # (n,) seconds
    crops: Bytes  # (n, 112, 112, 3)


def prepare(root: Path, to: Path) -> None:
    """PERSON/SESSION/clip.mp4 or PERSON.mp4 below `root` -> clips.npz in `to`."""
    files = sorted(p for p in root.rglob("*") if p.suffix.lower() in VIDEOS)
    if not files:
        raise ConfigError(f"{root} holds no recordings ({', '.join(VIDEOS)})")
    made = [c for f in tqdm(files, "clips", mininterval=2) if (c := _cut(f, root)) is not None]
    to.mkdir(parents=True, exist_ok=True)
    np.savez(
        to / "clips.npz",
        person=[c.person for c in made],
        session=[c.session for c in made],
        count=[len(c.t) for c in made],
        t=np.concatenate([c.t for c in made]),
        crops=np.concatenate([c.crops for c in made]),
    )


def load(folder: Path) -> list[Clip]:
    try:
        held = np.load(folder / "clips.npz")
    except OSError as e:
        raise ConfigError(
            f"{folder} holds no recordings: training.prepare sphereface2 --clips FOLDER"
        ) from e
    ends = np.cumsum(held["count"])
    t, crops = held["t"], held["crops"]
    return [
        Clip(str(p), str(s), t[e - n : e], crops[e - n : e])
        for p, s, n, e in zip(held["person"], held["session"], held["count"], ends, strict=True)
    ]


def _cut(file: Path, root: Path) -> Clip | None:
    """The face that is seen first; None where it is hardly ever seen."""
    from engine.capture.video import VideoFile  # here: what learns from crops needs no reader

    follow = Follow(Finder("cpu"))
    t: list[float] = []
    crops: list[Bytes] = []
    last = -EVERY
    for frame in VideoFile(file).frames():
        if frame.t > LONGEST:
            break
        if frame.t - last < EVERY - 1e-3:
            continue
        last = frame.t
        if faces := follow.push(frame)[0].faces:
            t.append(frame.t)
            crops.append(crop(frame, faces[0].points, IDENTITY).pixels)
    parts = file.relative_to(root).with_suffix("").parts
    if len(t) < LEAST:
        return None
    return Clip(parts[0], "/".join(parts[1:-1]), np.array(t, np.float32), np.stack(crops))
