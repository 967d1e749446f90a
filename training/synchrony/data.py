"""Tracked videos -> takes: lips, sound and what MeshTalk foretells, row by row, 25 a second."""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engine.errors import ConfigError
from engine.head import Head
from engine.types import Floats
from engine.verify.lips import FPS, ROWS, Lips, log_mel
from training.data import store
from training.data.clips import FPS as MOTION_FPS
from training.data.clips import Clip
from training.talking import offset

from .take import ROW, Take
from .tracked import Tracks, load

GAP = 0.25  # seconds without a face that are bridged
STILL = "-still"  # what the folder of photos of a folder's people ends with
EDGE = 3  # rows before the first and after the last picture in which the face is taken to rest
SURE = 0.25  # agreement of sound and lips from which on a source's offset is believed


@cache
def lips() -> Lips:
    return Lips(Head.load())


def takes(folder: Path) -> list[Take]:
    """All that a folder holds: tracked videos (tracks.py) or clips of any data set of motion
    (training.data.store), which nobody tracked and MeshTalk foretells nothing of.

    A source (one take of one camera) whose sound is found to be early or late is put right.
    """
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise ConfigError(f"no tracks in {folder}: see python -m training.prepare synchrony --help")
    if (folder / store.PAGE).exists():
        made = [_of_clip(file.stem, store.load(file)) for file in files]
        return [take for take in made if len(take) >= ROWS]
    tracks = [load(file) for file in files]
    heard = [foretold(folder, one) for one in tqdm(tracks, folder.name, mininterval=5)]
    late = offsets(tracks, heard)
    made = [_take(one, sound, late[one.source]) for one, sound in zip(tracks, heard, strict=True)]
    return [take for take in made if len(take) >= ROWS]


def _of_clip(name: str, clip: Clip) -> Take:
    """A clip whose motion is known and not seen by a tracker."""
    count = min(len(clip.samples) // ROW, int((len(clip.weights) - 1) * FPS / MOTION_FPS))
    at, times = np.arange(count) / FPS, np.arange(len(clip.weights)) / MOTION_FPS

    def rows(values: Floats) -> Floats:
        return np.stack([np.interp(at, times, c) for c in values.T], 1).astype(np.float32)

    samples = clip.samples[: count * ROW]
    return Take(
        clip.person, name, rows(lips().of_weights(clip.weights)), np.zeros(count, np.float32),
        log_mel(samples), rows(clip.head), rows(clip.weights), samples,
    )  # fmt: skip


def foretold(folder: Path, one: Tracks) -> offset.Opening:
    """How far MeshTalk opens the lips with this sound, millimetres, 30 a second."""
    videos = folder.with_name(folder.name.removesuffix(STILL))  # a photo has its video's sound
    file = videos / "foretold" / f"{one.name}.npy"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        np.save(file, offset.heard_opening(one.samples).height)
    height = np.load(file)
    return offset.Opening(np.arange(len(height)) / 30, height)


def offsets(tracks: list[Tracks], heard: list[offset.Opening]) -> dict[str, float]:
    """Seconds to be added to the pictures' times, source by source; 0 where it is not sure."""
    curves: dict[str, list[NDArray[np.float64]]] = {}
    for one, sound in zip(tracks, heard, strict=True):
        seen = offset.Opening(one.times, lips().of_weights(one.expression)[:, -1])
        curves.setdefault(one.source, []).append(offset.curve(seen, sound))
    best = {source: offset.best(theirs) for source, theirs in curves.items()}
    return {source: at.seconds if at.agreement >= SURE else 0.0 for source, at in best.items()}


def _take(one: Tracks, sound: offset.Opening, late: float) -> Take:
    times = one.times + late
    first = max(0, int(np.ceil(times[0] * FPS)) - EDGE)
    heard = np.pad(one.samples, (0, -len(one.samples) % ROW), "reflect")  # a last, broken row
    last = min(int(times[-1] * FPS) + EDGE, len(heard) // ROW - 1)
    first, last = _unbroken(times, first, last)
    at = np.arange(first, last + 1) / FPS
    samples = heard[first * ROW : (last + 1) * ROW]

    def rows(values: Floats) -> Floats:
        columns = [np.interp(at, times, column) for column in values.T]
        return np.stack(columns, 1).astype(np.float32)

    return Take(
        one.person, one.name, rows(lips().of_weights(one.expression)),
        np.interp(at, sound.times, sound.height / 10).astype(np.float32), log_mel(samples),
        rows(one.head), rows(one.expression), samples,
    )  # fmt: skip


def _unbroken(times: NDArray[np.float64], first: int, last: int) -> tuple[int, int]:
    """The longest stretch of rows without a gap in the pictures."""
    holes = np.flatnonzero(np.diff(times) > GAP)
    edges = [first, *(k for i in holes for k in (int(times[i] * FPS), int(times[i + 1] * FPS) + 1)),
             last]  # fmt: skip
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    return max(spans, key=lambda span: span[1] - span[0])
