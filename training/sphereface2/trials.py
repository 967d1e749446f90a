"""Pairs of pictures or videos from a list -> similarities, by the shipped model as it is live."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.errors import ConfigError
from engine.model import open_model, open_session
from engine.types import Bytes, FaceCrop, Floats

from .faces import live
from .readers import read_picture

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi")
LOOKED, BEST = 40, 5  # frames of a video that are looked at, and those that make its embedding


class Model:
    """A model folder's net: crops (n, 112, 112, 3) -> unit embeddings (n, d)."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.about = open_model(folder).about
        self._session, _ = open_session(folder / "model.onnx", "cpu", threads)

    def embed(self, crops: Bytes) -> Floats:
        out = []
        for k in range(0, len(crops), 32):
            part = np.asarray(crops[k : k + 32]).astype(np.float32)
            x = (part - self.about["mean"]) / self.about["scale"]
            pixels = np.ascontiguousarray(x.transpose(0, 3, 1, 2), dtype=np.float32)
            out.append(self._session.run(None, {"pixels": pixels})[0])
        return np.concatenate(out)


class Templates:
    """One embedding a file, each made once; None where no face was found."""

    def __init__(self, model: Model, root: Path) -> None:
        self._model, self._root, self._find = model, root, live()
        self._made: dict[str, Floats | None] = {}
        self.unreadable: list[str] = []

    def of(self, name: str) -> Floats | None:
        if name not in self._made:
            self._made[name] = self._embed(self._root / name)
        return self._made[name]

    def _embed(self, file: Path) -> Floats | None:
        video = file.suffix.lower() in VIDEOS
        found = self._best(file) if video else self._picture(file)
        if not found:
            return None
        total = self._model.embed(np.stack([f.pixels for f in found])).sum(0)
        return np.asarray(total / np.linalg.norm(total), np.float32)

    def _picture(self, file: Path) -> list[FaceCrop]:
        pixels = read_picture(file)
        if pixels is None:
            self.unreadable.append(file.name)
            return []
        found = self._find(pixels)
        return [] if found is None else [found]

    def _best(self, file: Path) -> list[FaceCrop]:
        """The faces of a video that can be relied on most."""
        found = [f for f in map(self._find, _frames(file)) if f is not None]
        return sorted(found, key=lambda f: -f.quality)[:BEST]


def _frames(file: Path) -> Iterator[Bytes]:
    """At most LOOKED frames, evenly spread."""
    from engine.capture.video import VideoFile  # here: pictures need no reader of films

    count = sum(1 for _ in VideoFile(file).frames())
    step = max(1, count // LOOKED)
    for k, frame in enumerate(VideoFile(file).frames()):
        if k % step == 0:
            yield frame.pixels


def run(model: Path, trials: Path, root: Path, scores: Path) -> tuple[int, list[str]]:
    """Writes a, b, similarity for each row of `trials` (a, b).

    How many have none, for no face was found, and which pictures could not be read at all.
    """
    pairs = _read(trials)
    templates = Templates(Model(model), root)
    rows, empty = [], 0
    for a, b in tqdm(pairs, "trials", mininterval=2):
        x, y = templates.of(a), templates.of(b)
        value = "" if x is None or y is None else f"{float(x @ y):.6f}"
        empty += value == ""
        rows.append((a, b, value))
    with scores.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([("a", "b", "similarity"), *rows])
    return empty, templates.unreadable


def _read(file: Path) -> list[tuple[str, str]]:
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except OSError as e:
        raise ConfigError(f"{file} cannot be read: {e.strerror}") from e
    if not rows or not {"a", "b"} <= set(rows[0]):
        raise ConfigError(f"{file} should have the columns a and b, paths below --root")
    return [(r["a"], r["b"]) for r in rows]
