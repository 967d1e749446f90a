"""Scores of listed trials: columns voice,face in; similarity and likelihood ratio added."""

import csv
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engine.errors import ConfigError, EngineError
from engine.faces import Finder
from engine.types import Bytes, Floats
from engine.voices import Model, Voice, fit, media


def score(model_folder: Path | None, trials: Path, root: Path, to: Path) -> int:
    """How many pairs have no score, for want of speech, of a face or of a readable file."""
    model = Model.load(model_folder)
    hear, see = readers(model, root, lambda crop: model.faces(crop[None])[0])

    def compare(heard: Voice, seen: Floats) -> list[float]:
        found = fit(model, heard.embedding, heard.seconds, seen)
        return [found.similarity, found.llr]

    return write_scores(trials, to, ("similarity", "llr"), hear, see, compare)


def write_scores(
    trials: Path,
    to: Path,
    columns: Sequence[str],
    hear: Callable[[str], Any],
    see: Callable[[str], Any],
    compare: Callable[[Any, Any], Sequence[float]],
) -> int:
    """voice,face and `columns`: what `compare` says of what was heard and seen. How many pairs are
    without, because either is None."""
    empty = 0
    with to.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["voice", "face", *columns])
        for voice, face in tqdm(_rows(trials), "trials", mininterval=2):
            heard, seen = hear(voice), see(face)
            missing = heard is None or seen is None
            scores = [""] * len(columns) if missing else [f"{v:.6f}" for v in compare(heard, seen)]
            empty += missing
            table.writerow([voice, face, *scores])
    return empty


def _rows(file: Path) -> list[tuple[str, str]]:
    try:
        with file.open(newline="", encoding="utf-8") as text:
            reader = csv.DictReader(text)
            if not {"voice", "face"} <= set(reader.fieldnames or ()):
                raise ConfigError(f"{file} should have the columns voice and face")
            return [(r["voice"], r["face"]) for r in reader]
    except OSError as e:
        raise ConfigError(f"cannot read {file}: {e.strerror}") from e


def readers(
    model: Model, root: Path, embed: Callable[[Bytes], Floats]
) -> tuple[Callable[[str], Voice | None], Callable[[str], Floats | None]]:
    """What is heard at the end of a file below `root`; `embed` of the face in one. None where there
    is too little of either, or no readable file."""
    finder = Finder("cpu")

    @cache
    def hear(name: str) -> Voice | None:
        try:
            heard = media.listen(model, root / name)[1]
        except EngineError:  # an empty score says so, and the rest are still made
            return None
        return heard[-1] if heard else None

    @cache
    def see(name: str) -> Floats | None:
        try:
            crop = media.face(root / name, finder)
        except EngineError:
            return None
        return None if crop is None else embed(crop)

    return hear, see
