"""Faces of training.sphereface2's store, and a teacher's templates of them as signed bytes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from training.sphereface2 import faces as store

from . import webp

FILE = "faces.npz"
STEPS = 127  # of the largest number of a template


def pack(
    folder: Path, to: Path, kept: Callable[[str], bool], pixels: int, quality: int, most: int
) -> None:
    """At most `most` pictures of each person who is kept, `pixels` wide."""
    found = store.load(folder)
    rank = np.zeros(len(found), np.int64)
    for k in range(len(found.people)):
        mine = found.person == k
        rank[mine] = np.arange(mine.sum())
    mine = np.array([kept(p) for p in found.people])[found.person] & (rank < most)
    found = found.take(mine).scaled(pixels)
    data, sizes = webp.pack(found.pixels, quality)
    page = {"names": [found.people[k] for k in found.person], "files": list(found.files),
            "missed": []}  # fmt: skip
    taught = {}
    if found.teacher is not None:
        scale = np.abs(found.teacher).max(1, keepdims=True)
        taught = {"teacher": np.rint(found.teacher / scale * STEPS).astype(np.int8),
                  "scale": scale.astype(np.float32)}  # fmt: skip
    np.savez_compressed(to / FILE, data=data, sizes=sizes, page=json.dumps(page), **taught)


def back(file: Path, to: Path) -> None:
    """Into `to`/faces."""
    folder = to / "faces"
    folder.mkdir(parents=True, exist_ok=True)
    with np.load(file) as found:
        np.save(folder / "faces.npy", np.stack(list(webp.unpack((found["data"], found["sizes"])))))
        (folder / "faces.json").write_text(str(found["page"]), encoding="utf-8")
        if "teacher" in found:
            taught = found["teacher"].astype(np.float32) * found["scale"] / STEPS
            np.save(folder / "teacher.npy", taught)
