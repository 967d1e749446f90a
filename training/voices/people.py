"""What is known of people, from whichever file a data set came with, as one table.

LibriSpeech's SPEAKERS.TXT, VoxCeleb's and VGGFace2's meta files, JSON {"person": "male"}, and
tables of one's own: columns person, name, gender, nationality, age, build, shape; only the first is
needed.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.errors import ConfigError

COLUMNS = ("person", "name", "gender", "nationality", "age", "build", "shape")
_ALSO = {
    "person": ("voxceleb1 id", "voxceleb2 id", "class_id", "id"),
    "name": ("vggface1 id", "vggface2 id"),
    "gender": ("sex",),
}
_GENDER = {"m": "male", "male": "male", "f": "female", "female": "female"}

Known = dict[str, str]  # covariate -> value, and "name" where the person has another elsewhere
People = dict[str, Known]


def read(files: Iterable[Path]) -> People:
    """All that the files know; later ones add to earlier. ConfigError where one says nothing."""
    found: People = {}
    for file in files:
        for person, known in _rows(file):
            found.setdefault(person, {}).update(known)
    return found


def write(people: Mapping[str, Known], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as out:
        table = csv.DictWriter(out, COLUMNS)
        table.writeheader()
        table.writerows({"person": p, **known} for p, known in sorted(people.items()))


def called(people: Mapping[str, Known], person: str) -> str:
    """The one name of a person whom data sets call differently: VoxCeleb2's id to VGGFace2's class
    to a name, so more than one step."""
    for _ in range(3):
        person = people.get(person, {}).get("name", person)
    return person


def covariate(people: Mapping[str, Known], name: str) -> Known:
    """Person, by any of their names -> value, of those for whom it is known."""
    found = {}
    for person, known in people.items():
        if name in known:
            found[person] = found[called(people, person)] = known[name]
    return found


def _rows(file: Path) -> list[tuple[str, Known]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as e:
        raise ConfigError(f"cannot read {file}: {e.strerror}; it should say who is who") from e
    if file.suffix.lower() == ".json":
        return _json(text, file)
    if file.name.upper() == "SPEAKERS.TXT":
        fields = [line.split("|") for line in text.splitlines() if not line.startswith(";")]
        return [(f[0].strip(), _tidy({"gender": f[1]})) for f in fields if len(f) > 1]
    return _table(text, file)


def _json(text: str, file: Path) -> list[tuple[str, Known]]:
    try:
        found = json.loads(text)
    except ValueError as e:
        raise ConfigError(f"{file} is not valid JSON: {e}") from e
    if not isinstance(found, dict):
        raise ConfigError(f'{file} should be {{"person": "male" or "female"}}')
    return [(p, _tidy(v if isinstance(v, dict) else {"gender": str(v)})) for p, v in found.items()]


def _table(text: str, file: Path) -> list[tuple[str, Known]]:
    head = text.split("\n", 1)[0]
    rows = csv.DictReader(io.StringIO(text), delimiter="\t" if "\t" in head else ",",
                          skipinitialspace=True)  # fmt: skip
    ours = {column: _column(rows.fieldnames or (), column) for column in COLUMNS}
    if ours["person"] is None:
        raise ConfigError(f"{file} has no column person: write {','.join(COLUMNS)}")
    kept = {k: v for k, v in ours.items() if v is not None}
    found = [{k: (row[v] or "").strip() for k, v in kept.items()} for row in rows]
    return [(row.pop("person"), _tidy(row)) for row in found]


def _column(names: Iterable[str], wanted: str) -> str | None:
    accepted = (wanted, *_ALSO.get(wanted, ()))
    return next((n for n in names if n.strip().lower() in accepted), None)


def _tidy(known: Known) -> Known:
    """Without what is empty; genders by their words."""
    kept = {k: v.strip() for k, v in known.items() if v.strip()}
    if "gender" in kept:
        gender = _GENDER.get(kept.pop("gender").lower())
        kept |= {"gender": gender} if gender else {}
    return kept
