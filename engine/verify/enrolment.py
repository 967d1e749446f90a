"""From picture files to templates, each file's fate told by its name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..types import Floats
from .pictures import PictureError, one_face

if TYPE_CHECKING:
    from ..faces import Finder
    from ..faces.recogniser import Recogniser


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one picture."""

    file: Path
    embedding: Floats | None  # (d,); None where it cannot be used
    why: str  # "" where it can


def embed_pictures(
    files: Iterable[Path], finder: "Finder", recogniser: "Recogniser"
) -> Iterator[Outcome]:
    """One after another; what cannot be used is an Outcome that says why, never an error."""
    for file in files:
        try:
            crop = one_face(file, finder)
        except PictureError as e:
            yield Outcome(file, None, str(e))
            continue
        yield Outcome(file, recogniser.embed(crop.pixels[None])[0], "")


def people_in(folder: Path, files: Iterable[Path]) -> dict[str, list[Path]]:
    """FOLDER/NAME/picture: the pictures of each name; those not one folder deep are left out."""
    people: dict[str, list[Path]] = {}
    for file in files:
        parts = file.relative_to(folder).parts
        if len(parts) == 2:
            people.setdefault(parts[0], []).append(file)
    return people
