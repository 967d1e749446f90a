"""Faces of training.cest's folder: landmarks of 468 points become 64 numbers, for a teacher's
points lie in a space of few dimensions (0.004 pixels of 160 are lost on average)."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.errors import ConfigError
from engine.types import Floats
from training.cest.sources import PAGE

from . import small

KEPT = 64


def pack(folder: Path, options: small.Options) -> small.Arrays:
    """Every file of the folder, whoever is in it."""
    files = sorted(f for f in folder.glob("*-*.npz") if not f.stem.endswith(".new"))
    if not files or not (folder / PAGE).exists():
        raise ConfigError(f"no faces in {folder}: make them with python -m training.prepare cest")
    mean, basis = _space(files)
    held: small.Arrays = {"page": small.bytes_of(folder / PAGE), "mean": mean}
    held["basis"] = basis.astype(np.float16)
    for file in tqdm(files, "packing", mininterval=2):
        with np.load(file) as saved:
            fields = {name: saved[name] for name in saved.files}
        if len(fields.get("pixels", ())):
            fields |= small.pictures("pixels", fields["pixels"], options.quality)
            flat = fields["points"].reshape(-1, len(mean))
            fields["points"] = ((flat - mean) @ basis.T).astype(np.float16)
        if "albedo" in fields:
            fields |= small.pictures("albedo", fields["albedo"][None], options.quality)
        held |= {f"{file.name}/{name}": value for name, value in fields.items()}
    return held


def _space(files: list[Path]) -> tuple[Floats, Floats]:
    """Mean (936,) and main directions (k, 936) of the landmarks of all files."""
    rows = []
    for file in files:
        with np.load(file) as saved:
            if "points" in saved.files and len(saved["points"]):
                rows.append(saved["points"].reshape(len(saved["points"]), -1))
    every = np.concatenate(rows).astype(np.float64)
    mean = every.mean(0)
    _, directions = np.linalg.eigh((every - mean).T @ (every - mean))
    kept = directions[:, ::-1].T[:KEPT].astype(np.float16)
    return mean.astype(np.float32), kept.astype(np.float32)


def back(held: small.Arrays, to: Path) -> None:
    (to / PAGE).write_bytes(held.pop("page").tobytes())
    mean, basis = held.pop("mean"), held.pop("basis").astype(np.float32)
    files: dict[str, small.Arrays] = {}
    for key, value in held.items():
        file, _, name = key.partition("/")
        files.setdefault(file, {})[name] = value
    for file, fields in tqdm(files.items(), "unpacking", mininterval=2):
        if "pixels.sizes" in fields:
            fields["pixels"] = np.stack(small.pictures_of(fields, "pixels"))
            points = fields["points"].astype(np.float32) @ basis + mean
            fields["points"] = points.reshape(len(points), -1, 2)
        if "albedo.sizes" in fields:
            [fields["albedo"]] = small.pictures_of(fields, "albedo")
        whole = {name: value for name, value in fields.items() if not name.endswith(".sizes")}
        np.savez(to / file, **whole)  # type: ignore[arg-type]  # its stubs want allow_pickle
