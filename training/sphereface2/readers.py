"""Labelled pictures wherever they are: folders of people, CSV lists, MXNet record files."""

import csv
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from engine.errors import ConfigError
from engine.types import Bytes

PICTURES = (".webp", ".jpg", ".jpeg", ".png", ".bmp")
MAGIC = 0xCED7230A  # of a record


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of one person; it is decoded only when asked for."""

    person: str
    name: str  # that tells it from all others of its source
    read: Callable[[], Bytes | None]  # (h, w, 3) RGB; None where it cannot be decoded


def items(source: Path) -> Iterator[Item]:
    """All pictures of a folder, a .csv or a .rec; ConfigError where it is none of them."""
    if source.is_dir():
        return folder(source)
    if not source.is_file():
        raise ConfigError(f"{source} is not there: give a folder of people, a .csv or a .rec")
    readers = {".csv": table, ".rec": records}
    if source.suffix not in readers:
        raise ConfigError(f"{source} is neither a folder nor a .csv nor a .rec")
    return readers[source.suffix](source)


def folder(root: Path) -> Iterator[Item]:
    """PERSON/picture.jpg, and PERSON.jpg for people of one picture."""
    for path in sorted(root.iterdir()):
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in inside:
            if file.suffix.lower() in PICTURES:
                person = path.name if path.is_dir() else path.stem  # folders: A.J._Buckley
                yield Item(person, str(file.relative_to(root)), _reader(file))


def table(file: Path) -> Iterator[Item]:
    """Columns path, person; paths are relative to the file."""
    with file.open(newline="", encoding="utf-8") as rows:
        reader = csv.DictReader(rows)
        if not {"path", "person"} <= set(reader.fieldnames or ()):
            raise ConfigError(f"{file} should have the columns path and person")
        for row in reader:
            yield Item(row["person"], row["path"], _reader(file.parent / row["path"]))


def records(file: Path) -> Iterator[Item]:
    """MXNet RecordIO of pictures (InsightFace's data sets): label -> person."""
    with file.open("rb") as stream:
        for k, payload in enumerate(_payloads(stream.read, file)):
            flag, label, _, _ = struct.unpack_from("<IfQQ", payload)
            start = 24 + 4 * flag
            if flag:
                label = struct.unpack_from("<f", payload, 24)[0]
            if len(payload) > start:  # the rest say which records belong to whom
                person, picture = f"{file.stem}-{int(label)}", partial(decode, payload[start:])
                yield Item(person, str(k), picture)


def _payloads(read: Callable[[int], bytes], file: Path) -> Iterator[bytes]:
    """The records of a RecordIO stream; each is padded to four bytes, and may come in parts."""
    whole = b""
    while head := read(8):
        magic, length = struct.unpack("<II", head) if len(head) == 8 else (0, 0)
        if magic != MAGIC:
            raise ConfigError(f"{file} is no MXNet record file, or it is cut short")
        size, part = length & 0x1FFFFFFF, length >> 29
        data = read(size)
        read(-size % 4)
        if len(data) < size:
            raise ConfigError(f"{file} is cut short")
        # a record that holds the magic number itself is split there: 1 begins, 2 goes on, 3 ends
        whole = data if part in (0, 1) else whole + struct.pack("<I", MAGIC) + data
        if part in (0, 3):
            yield whole


def write_records(file: Path, pictures: list[tuple[int, Bytes]]) -> None:
    """Pictures (label, (h, w, 3) RGB) as an MXNet record file; for data sets that must be moved."""
    with file.open("wb") as out:
        for k, (label, pixels) in enumerate(pictures):
            done, code = cv2.imencode(".png", pixels[..., ::-1])
            data = struct.pack("<IfQQ", 0, float(label), k, 0) + code.tobytes()
            out.write(struct.pack("<II", MAGIC, len(data)) + data + b"\0" * (-len(data) % 4))


def _reader(file: Path) -> Callable[[], Bytes | None]:
    return lambda: read_picture(file)


def read_picture(file: Path) -> Bytes | None:
    """(h, w, 3) RGB; None where the file is not there or no picture."""
    try:
        return decode(file.read_bytes())
    except OSError:
        return None


def decode(data: bytes) -> Bytes | None:
    if not data:
        return None
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return None if picture is None else np.ascontiguousarray(picture[..., ::-1])
