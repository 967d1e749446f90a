"""Prepared faces as one small file, for a machine that has neither dlib nor the pictures."""

import json
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from engine.errors import ConfigError

from . import faces as stores
from .faces import Part
from .teacher import CHIPS, EMBEDDINGS, NET

QUALITY: Mapping[Part, int] = {"train": 87, "dev": 87, "test": 72}  # of webp


def pack(folder: Path, to: Path) -> Path:
    """All crops as webp, and the teacher where there is one (its words of test people are not)."""
    found = stores.load(folder)
    part = np.array([stores.part_of(p) for p in found.people])[found.person]
    held = {"page": np.frombuffer((folder / "faces.json").read_bytes(), np.uint8)}
    coded = [
        cv2.imencode(".webp", p[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, QUALITY[k]])[1]
        for p, k in zip(tqdm(found.pixels, "packing", mininterval=2), part, strict=True)
    ]
    held |= {"webp": np.concatenate(coded), "length": np.array([len(c) for c in coded])}
    if found.teacher is not None and found.chips is not None:
        said = np.where((part == "test")[:, None], np.nan, found.teacher)
        held |= {"teacher": said.astype(np.float16), "chips": found.chips.astype(np.float32)}
        held["net"] = np.frombuffer((folder / NET).read_bytes(), np.uint8)
    to.parent.mkdir(parents=True, exist_ok=True)
    with to.open("wb") as out:
        np.savez_compressed(out, **held)  # type: ignore[arg-type]  # its stubs want allow_pickle
    return to


def unpack(file: Path, to: Path) -> None:
    """The folder that `pack` was given; ConfigError where `file` is no such file."""
    try:
        held = dict(np.load(file))
        coded = np.split(held["webp"], np.cumsum(held["length"])[:-1])
    except (OSError, ValueError, KeyError) as e:
        raise ConfigError(f"{file} holds no faces: write it with --pack") from e
    to.mkdir(parents=True, exist_ok=True)
    shown = tqdm(coded, "unpacking", mininterval=2)
    pixels = [np.asarray(cv2.imdecode(c, cv2.IMREAD_COLOR))[..., ::-1] for c in shown]
    np.save(to / "faces.npy", np.stack(pixels))
    page = json.loads(held["page"].tobytes())
    (to / "faces.json").write_text(json.dumps(page, indent=0), encoding="utf-8")
    if "net" in held:
        np.save(to / EMBEDDINGS, held["teacher"].astype(np.float32))
        np.save(to / CHIPS, held["chips"])
        (to / NET).write_bytes(held["net"].tobytes())
