"""MeshTalk's data set: sound's features as grey pictures, for they are smooth, and what is lost is
far below the noise that training adds; motion in twentieths of its spread."""

from pathlib import Path

import numpy as np

from engine.errors import ConfigError
from training.meshtalk import data

from . import small

PARTS = ("train", "test", "voices")
GRAIN = 0.05  # of the motion's whitened coordinates
STEPS = {"motion": GRAIN, "phone": 1.0, "mouth": 1 / 255, "upper": 1 / 255}
PLAIN = ("template", "mels", "frames")


def pack(folder: Path, options: small.Options) -> small.Arrays:
    if not (folder / "space.npz").exists():
        raise ConfigError(f"{folder} holds no data set: python -m training.prepare meshtalk")
    held = {"space": small.bytes_of(folder / "space.npz")}
    for part in PARTS:
        found = data.load(folder, part)
        held |= small.sound(f"{part}.mel", found.mel, options.fidelity)
        held |= {f"{part}.{name}": getattr(found, name) for name in PLAIN}
        for name, step in STEPS.items():
            held |= small.steps(f"{part}.{name}", getattr(found, name), step)
    return held


def back(held: small.Arrays, to: Path) -> None:
    (to / "space.npz").write_bytes(held["space"].tobytes())
    for part in PARTS:
        motion, phone, mouth, upper = (small.steps_of(held, f"{part}.{name}") for name in STEPS)
        mel = small.sound_of(held, f"{part}.mel")
        plain = (held[f"{part}.{name}"] for name in PLAIN)
        whole = phone.astype(np.int32)
        data.save(to, part, data.Motions(mel, motion, whole, mouth, upper, *plain))
