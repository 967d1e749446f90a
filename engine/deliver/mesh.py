"""The face's surface as arrays: one .npz, written as it comes, however long it gets."""

import shutil
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ..head import Head
from ..types import FaceMesh, Floats
from .part import PartFile, Places

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the time of every entry: the same bytes on any day


class MeshFile:
    """Arrays of n frames, row k at k / fps; v vertices and f triangles as engine.head has them.

    `t (n,)` seconds, `vertices (n, v, 3)` millimetres in head space, `landmarks68 (n, 68, 3)`,
    `faces (f, 3)`, and `mouth_mask (v,)`, `upper_mask (v,)` in [0, 1].
    """

    def __init__(self, path: Path, fps: int, head: Head) -> None:
        self._file = PartFile(path, "--mesh", (".npz",))
        self.places, self._head = Places(fps), head
        self._rows = {
            "t": _Rows(self._file, "t", (), np.float64),
            "vertices": _Rows(self._file, "vertices", head.neutral.shape, np.float32),
            "landmarks68": _Rows(self._file, "landmarks68", (68, 3), np.float32),
        }

    def push(self, face: FaceMesh) -> None:
        t = self.places.of(face.t) / self.places.fps
        with self._file.writing():
            self._rows["t"].add(np.float64(t))
            self._rows["vertices"].add(face.vertices)
            self._rows["landmarks68"].add(self._head.landmarks(face.vertices, 68))

    def finish(self) -> None:
        """Completes the file and gives it its name; with no row there is no file."""
        if self.places.zero is None:
            self.abort()
            return
        fixed = {
            "faces": self._head.faces,
            "mouth_mask": self._head.masks["mouth"],
            "upper_mask": self._head.masks["upper"],
        }
        with self._file.writing():
            with zipfile.ZipFile(self._file.part, "w", zipfile.ZIP_STORED) as archive:
                for name, rows in self._rows.items():
                    with _entry(archive, name) as entry:
                        rows.copy_to(entry)
                for name, array in fixed.items():
                    with _entry(archive, name) as entry:
                        np.lib.format.write_array(entry, np.ascontiguousarray(array))
        self._close()
        self._file.keep()

    def abort(self) -> None:
        self._close()
        self._file.drop()

    def _close(self) -> None:
        for rows in self._rows.values():
            rows.close()


class _Rows:
    """A growing array on disk, beside the file that it will be part of."""

    def __init__(
        self, file: PartFile, name: str, shape: tuple[int, ...], kind: type[np.floating]
    ) -> None:
        self._shape, self._kind, self._count = shape, np.dtype(kind), 0
        self._path = file.part.with_suffix(f".{name}")
        with file.writing():
            self._out = self._path.open("w+b")

    def add(self, row: Floats | np.float64) -> None:
        data: NDArray[np.floating] = np.asarray(row, self._kind)
        if data.shape != self._shape:
            raise ValueError(f"{self._path.suffix[1:]}: {data.shape} came, not {self._shape}")
        self._out.write(data.tobytes())
        self._count += 1

    def copy_to(self, entry: IO[bytes]) -> None:
        """As a .npy: its header, which needs the number of rows, then what was written."""
        described = {
            "descr": np.lib.format.dtype_to_descr(self._kind),
            "fortran_order": False,
            "shape": (self._count, *self._shape),
        }
        np.lib.format.write_array_header_1_0(entry, described)
        self._out.seek(0)
        shutil.copyfileobj(self._out, entry, 1 << 20)

    def close(self) -> None:
        with suppress(OSError):  # what is still buffered may not fit; the file goes away anyway
            self._out.close()
        self._path.unlink(missing_ok=True)


def _entry(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    info = zipfile.ZipInfo(f"{name}.npy", _LONG_AGO)
    info.external_attr = 0o644 << 16
    info.create_system = 3
    return archive.open(info, "w", force_zip64=True)
