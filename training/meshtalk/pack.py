"""MeshTalk's data set as one small file, to be carried to another machine.

Sound's features go as greyscale JPEG pictures, one a clip: they are smooth, and what is lost
(about a twelfth of their spread at quality 60) is far below the noise that training adds. Motion
is rounded to a twentieth of its spread, and only its changes are kept.
"""

import lzma
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from engine.errors import ConfigError
from engine.types import Floats

from .data import Motions, load, save

PARTS = ("train", "test", "voices")
LOW, HIGH = -14.0, 10.0  # of the features: silence, and the loudest there is
QUALITY = 60
GRAIN = 0.05  # of the motion's whitened coordinates


def pack(folder: Path, to: Path) -> Path:
    """The data set of `folder` in the file `to`."""
    to.parent.mkdir(parents=True, exist_ok=True)
    held = {"space": np.frombuffer((folder / "space.npz").read_bytes(), np.uint8)}
    for name in PARTS:
        for field, value in _packed(load(folder, name), name).items():
            held[f"{name}.{field}"] = value
    with to.open("wb") as out:
        np.savez_compressed(out, **held)  # type: ignore[arg-type]  # its stubs want allow_pickle
    return to


def unpack(file: Path, folder: Path) -> Path:
    """Makes the data set's folder from what `pack` wrote."""
    if not file.exists():
        raise ConfigError(f"{file} is not there: make it with training.prepare meshtalk --pack")
    folder.mkdir(parents=True, exist_ok=True)
    with np.load(file) as held:
        for name in PARTS:
            start = f"{name}."
            fields = {k.removeprefix(start): held[k] for k in held.files if k.startswith(start)}
            save(folder, name, _unpacked(fields))
        (folder / "space.npz").write_bytes(held["space"].tobytes())
    return folder


def _packed(motions: Motions, name: str) -> dict[str, np.ndarray]:
    spans = zip(motions.mels[:-1], motions.mels[1:], strict=True)
    pictures = [_picture(motions.mel[a:b]) for a, b in tqdm(list(spans), name, leave=False)]
    rounded = np.round(motions.motion / GRAIN).astype(np.int16)
    changes = np.diff(rounded, axis=0, prepend=np.zeros_like(rounded[:1]))
    track = np.stack([np.round(255 * motions.mouth), np.round(255 * motions.upper)])
    return {
        "mel": np.concatenate(pictures), "lengths": np.array([len(p) for p in pictures]),
        "motion": _squeezed(changes.T), "modes": np.array(rounded.shape[1]),
        "phone": _squeezed(motions.phone.astype(np.int16)),
        "trust": _squeezed(track.astype(np.uint8)), "template": motions.template,
        "mels": motions.mels, "frames": motions.frames,
    }  # fmt: skip


def _unpacked(held: dict[str, np.ndarray]) -> Motions:
    ends = np.cumsum(held["lengths"])
    pictures = [held["mel"][e - n : e] for e, n in zip(ends, held["lengths"], strict=True)]
    changes = _spread(held["motion"], np.int16).reshape(int(held["modes"]), -1).T
    mouth, upper = _spread(held["trust"], np.uint8).reshape(2, -1).astype(np.float32) / 255
    return Motions(
        np.concatenate([_features(p) for p in pictures]),
        (GRAIN * np.cumsum(changes, 0, dtype=np.int32)).astype(np.float32),
        _spread(held["phone"], np.int16).astype(np.int32),
        mouth, upper, held["template"], held["mels"], held["frames"],
    )  # fmt: skip


def _picture(mel: Floats) -> np.ndarray:
    grey = np.clip((mel.T - LOW) / (HIGH - LOW) * 255, 0, 255).round().astype(np.uint8)
    how = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    return cv2.imencode(".jpg", grey, how)[1].ravel()


def _features(picture: np.ndarray) -> Floats:
    grey = cv2.imdecode(picture, cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    level = np.ascontiguousarray(grey.T, np.float32) / np.float32(255)
    return np.asarray(level * np.float32(HIGH - LOW) + np.float32(LOW), np.float32)


def _squeezed(values: np.ndarray) -> np.ndarray:
    return np.frombuffer(lzma.compress(np.ascontiguousarray(values).tobytes()), np.uint8)


def _spread(held: np.ndarray, kind: type[np.generic]) -> np.ndarray:
    return np.frombuffer(lzma.decompress(held.tobytes()), kind)
