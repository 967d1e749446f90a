"""Faces of training.sphereface2's store, and what a teacher says of them as signed bytes."""

from pathlib import Path

import numpy as np

from training.sphereface2 import faces as store
from training.sphereface2.teacher import CHIPS, EMBEDDINGS, NET

from . import small

STEPS = 127  # of the largest number of a template


def pack(folder: Path, options: small.Options) -> small.Arrays:
    """At most `most` pictures of each person, and where they keep their size the teacher's net."""
    found = store.load(folder)
    rank = np.zeros(len(found), np.int64)
    for k in range(len(found.people)):
        mine = found.person == k
        rank[mine] = np.arange(mine.sum())
    found = found.take(options.mine(found.people)[found.person] & (rank < options.most))
    side = found.pixels.shape[1]
    size = options.pixels or side
    page = {"names": [found.people[k] for k in found.person], "files": list(found.files),
            "missed": []}  # fmt: skip
    held = small.pictures("pixels", found.scaled(size).pixels, options.quality)
    held["page"] = small.text(page)
    if found.teacher is not None:
        scale = np.abs(found.teacher).max(1, keepdims=True)
        told = np.nan_to_num(found.teacher / scale)  # NaN where it was not asked, as the scale is
        held |= {"teacher": np.rint(told * STEPS).astype(np.int8), "scale": scale}
    if found.chips is not None and size == side:
        held |= {"chips": found.chips, "net": small.bytes_of(folder / NET)}
    return held


def back(held: small.Arrays, to: Path) -> None:
    np.save(to / "faces.npy", np.stack(small.pictures_of(held, "pixels")))
    (to / "faces.json").write_text(str(held["page"]), encoding="utf-8")
    if "teacher" in held:
        told = held["teacher"].astype(np.float32) * held["scale"] / STEPS
        np.save(to / EMBEDDINGS, told)
    if "net" in held:
        np.save(to / CHIPS, held["chips"])
        (to / NET).write_bytes(held["net"].tobytes())
