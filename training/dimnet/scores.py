"""Scores of listed trials: columns voice,face in; similarity and likelihood ratio added."""

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engine.errors import ConfigError, EngineError
from engine.faces import Finder
from engine.voices import Model, fit, media


def score(model_folder: Path | None, trials: Path, root: Path, to: Path) -> int:
    """How many pairs have no score, for want of speech, of a face or of a readable file."""
    model = Model.load(model_folder)
    rows = _rows(trials)
    hear, see = _readers(model, root)
    empty = 0
    with to.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["voice", "face", "similarity", "llr"])
        for voice, face in tqdm(rows, "trials", mininterval=2):
            heard, seen = hear(voice), see(face)
            scores = ["", ""]
            if heard is not None and seen is not None:
                found = fit(model, heard.embedding, heard.seconds, seen)
                scores = [f"{found.similarity:.6f}", f"{found.llr:.6f}"]
            empty += not scores[0]
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


def _readers(model: Model, root: Path) -> tuple[Callable[[str], Any], Callable[[str], Any]]:
    finder = Finder("cpu")

    @cache
    def hear(name: str) -> Any:
        try:
            heard = media.listen(model, root / name)[1]
        except EngineError:  # an empty score says so, and the rest are still made
            return None
        return heard[-1] if heard else None

    @cache
    def see(name: str) -> Any:
        try:
            crop = media.face(root / name, finder)
        except EngineError:
            return None
        return None if crop is None else model.faces(crop[None])[0]

    return hear, see
