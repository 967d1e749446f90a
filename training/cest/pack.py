"""Prepared faces made small, to be carried to another machine: the same folder, read the same way.

Pictures become WebP, a quarter of a bit a value; landmarks of 468 points become 64 numbers, for a
teacher's points lie in a space of few dimensions (0.004 pixels of 160 are lost on average).
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engine.errors import ConfigError
from engine.types import Bytes, Floats

from .sources import PAGE

SPACE = "marks.npz"  # mean (936,) and basis (k, 936) of all landmarks
KEPT = 64
Arrays = dict[str, NDArray[Any]]


def pack(folder: Path, to: Path, quality: int) -> None:
    """Writes every file of `folder` anew in `to`, WebP at `quality` of 100."""
    files = sorted(folder.glob("*-*.npz"))
    if not files or not (folder / PAGE).exists():
        raise ConfigError(f"no faces in {folder}: make them with python -m training.prepare cest")
    to.mkdir(parents=True, exist_ok=True)
    mean, basis = _space(files)
    np.savez_compressed(to / SPACE, mean=mean, basis=basis.astype(np.float16))
    for file in tqdm(files, "packing", mininterval=2):
        with np.load(file) as saved:
            small: Arrays = {name: saved[name] for name in saved.files}
        if "pixels" in small:
            small["coded"], small["lengths"] = _encode(small.pop("pixels"), quality)
            flat = small.pop("points").reshape(-1, len(mean))
            small["marks"] = ((flat - mean) @ basis.T).astype(np.float16)
        if "albedo" in small:
            small["albedo_coded"], _ = _encode(small.pop("albedo")[None], 90)
        np.savez_compressed(to / file.name, **small)  # type: ignore[arg-type]
    (to / PAGE).write_bytes((folder / PAGE).read_bytes())


def _space(files: list[Path]) -> tuple[Floats, Floats]:
    """Mean and main directions of the landmarks of all files."""
    rows = []
    for file in files:
        with np.load(file) as saved:
            if "points" in saved.files and len(saved["points"]):
                rows.append(saved["points"].reshape(len(saved["points"]), -1))
    every = np.concatenate(rows).astype(np.float64)
    mean = every.mean(0)
    _, directions = np.linalg.eigh((every - mean).T @ (every - mean))
    return mean.astype(np.float32), np.ascontiguousarray(directions[:, ::-1].T[:KEPT], np.float32)


def unpacked(saved: Arrays, folder: Path) -> Arrays:
    """What a file held before it was packed; a file that was not is given back as it is."""
    full = dict(saved)
    if "coded" in full:
        full["pixels"] = _decode(full.pop("coded"), full.pop("lengths"))
        with np.load(folder / SPACE) as space:
            flat = full.pop("marks").astype(np.float32) @ space["basis"].astype(np.float32)
            full["points"] = (flat + space["mean"]).reshape(len(flat), -1, 2)
    if "albedo_coded" in full:
        coded = full.pop("albedo_coded")
        full["albedo"] = _decode(coded, np.array([len(coded)]))[0]
    return full


def _encode(pictures: Bytes, quality: int) -> tuple[Bytes, NDArray[np.int32]]:
    """Pictures (n, s, s, 3) one after the other, and how many bytes each has."""
    found = [
        cv2.imencode(".webp", np.asarray(p[..., ::-1]), [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
        for p in pictures
    ]
    lengths = np.array([len(f) for f in found], np.int32)
    return np.concatenate([f.ravel() for f in found] or [np.zeros(0, np.uint8)]), lengths


def _decode(coded: Bytes, lengths: NDArray[np.integer]) -> Bytes:
    parts = np.split(coded, np.cumsum(lengths)[:-1])
    shown = [np.asarray(cv2.imdecode(p, cv2.IMREAD_COLOR))[..., ::-1] for p in parts]
    return np.ascontiguousarray(shown, np.uint8)
