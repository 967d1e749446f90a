"""Stores made small: pictures and sounds as WebP, numbers as whole steps, all in one file."""

import json
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError
from engine.types import Bytes, Floats

Arrays = dict[str, NDArray[Any]]
LOW, HIGH = -17.0, 10.0  # of a log-mel: silence, and the loudest there is
COLUMNS = 4000  # of a picture of sound; WebP has room for 16,383
# What is left after differences is nearly noise, whose neighbours tell nothing of it.
NOISE = [{"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 0, "lp": 0, "pb": 0}]


@dataclass(frozen=True, slots=True)
class Options:
    """Who is packed, how much of everybody, and how well."""

    kept: Callable[[str], bool]
    pixels: int | None  # side of a face; None: as it is
    quality: int  # of pictures, 1 to 100
    fidelity: int  # of pictures of sound, 1 to 100
    most: int  # pictures of a person
    seconds: float  # of a recording

    def mine(self, people: Sequence[str]) -> NDArray[np.bool_]:
        """(people,) who is packed; ConfigError where nobody is."""
        found = np.array([self.kept(p) for p in people], bool)
        if not found.any():
            raise ConfigError("nobody is left to pack: leave --without away")
        return found


def pictures(name: str, shown: Iterable[Bytes], quality: int) -> Arrays:
    """Pictures (h, w, 3) RGB or (h, w) grey, of any sizes."""
    made = [np.zeros(0, np.uint8)]
    for one in shown:
        bgr = np.ascontiguousarray(one[..., ::-1] if one.ndim == 3 else one)
        made.append(cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].ravel())
    return {name: np.concatenate(made), f"{name}.sizes": np.array([len(m) for m in made[1:]])}


def pictures_of(held: Arrays, name: str, grey: bool = False) -> list[Bytes]:
    """What `pictures` was given, nearly."""
    flag = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
    parts = np.split(held[name], np.cumsum(held[f"{name}.sizes"]))[:-1]
    shown = [np.asarray(cv2.imdecode(p, flag), np.uint8) for p in parts]
    return shown if grey else [s[..., ::-1] for s in shown]


def sound(name: str, frames: Floats, quality: int) -> Arrays:
    """Log-mels (n, bands) as grey pictures."""
    share = (np.clip(frames, LOW, HIGH) - LOW) / (HIGH - LOW)
    grey = np.rint(255 * share.T).astype(np.uint8)
    cuts = range(0, grey.shape[1], COLUMNS)
    return pictures(name, (grey[:, k : k + COLUMNS] for k in cuts), quality)


def sound_of(held: Arrays, name: str) -> Floats:
    """(n, bands) again."""
    grey = np.concatenate([g.T for g in pictures_of(held, name, grey=True)])
    return np.asarray(grey * np.float32((HIGH - LOW) / 255) + np.float32(LOW), np.float32)


def steps(name: str, values: NDArray[Any], step: float) -> Arrays:
    """Values (n, ...) that change slowly from row to row, to the nearest `step`."""
    whole = np.rint(values.reshape(len(values), -1) / step).astype(np.int16)
    changes = np.diff(whole, axis=0, prepend=np.zeros_like(whole[:1])).T
    low, high = changes.astype(np.int8), changes - changes.astype(np.int8) >> 8
    halves = np.stack([low, high.astype(np.int8)]).tobytes()
    packed = np.frombuffer(lzma.compress(halves, filters=NOISE), np.uint8)
    return {name: packed, f"{name}.shape": np.array(values.shape), f"{name}.step": np.array(step)}


def steps_of(held: Arrays, name: str) -> Floats:
    """What `steps` was given, to half a step."""
    shape = held[f"{name}.shape"]
    halves = np.frombuffer(lzma.decompress(held[name].tobytes()), np.int8).astype(np.int16)
    low, high = halves.reshape(2, -1, shape[0])
    whole = np.cumsum((high << 8) + low, axis=1, dtype=np.int16).T
    return np.asarray(whole.reshape(shape) * np.float32(held[f"{name}.step"]), np.float32)


def bytes_of(file: Path) -> Bytes:
    """A file as it is."""
    return np.frombuffer(file.read_bytes(), np.uint8)


def text(said: Any) -> NDArray[Any]:
    """A page of JSON."""
    return np.array(json.dumps(said))


def write(file: Path, held: Arrays) -> int:
    """How many bytes the file has, which is there only when it is whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.new")
    with beside.open("wb") as out:
        np.savez_compressed(out, **held)  # type: ignore[arg-type]  # its stubs want allow_pickle
    beside.replace(file)
    return file.stat().st_size


def read(file: Path) -> Arrays:
    """What `write` was given; ConfigError where the file is none of its own."""
    try:
        with file.open("rb") as opened, np.load(opened) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as e:
        raise ConfigError(
            f"{file} holds no packed store: write it with python -m training.prepare pack"
        ) from e
