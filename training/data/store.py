"""A data set on disk: a folder of clips (sound, phones, ARKit motion) and a page about them.

One NAME.npz a clip, so that a clip can be added, looked at or left out alone; `dataset.json` says
what the clips are made of and which recordings were refused, and why.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ConfigError
from engine.types import Floats

from .clips import Clip
from .voices import Phone

PAGE = "dataset.json"


def save(folder: Path, name: str, clip: Clip, refit: Floats | None = None) -> None:
    """Writes one clip as NAME.npz; sound as 16-bit integers, motion in half precision.

    `refit` (n, 52) is the same motion, found a second time: their difference is the noise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    again: dict[str, Any] = {} if refit is None else {"refit": refit.astype(np.float16)}
    np.savez_compressed(
        folder / f"{name}.npz",
        samples=np.rint(np.clip(clip.samples, -1, 1) * 32767).astype(np.int16),
        weights=clip.weights.astype(np.float16),
        head=clip.head.astype(np.float16),
        identity=clip.identity,
        mouth=clip.mouth.astype(np.float16),
        upper=clip.upper.astype(np.float16),
        **again,
        said=json.dumps(
            {"person": clip.person, "voice": clip.voice, "text": clip.text,
             "phones": [[p.name, p.start, p.end] for p in clip.phones]}
        ),
    )  # fmt: skip


def load(file: Path) -> Clip:
    """The clip that `save` wrote."""
    with np.load(file) as saved:
        said = json.loads(str(saved["said"]))
        arrays = {n: saved[n].astype(np.float32) for n in
                  ("weights", "head", "identity", "mouth", "upper")}  # fmt: skip
        samples = saved["samples"].astype(np.float32) / 32767
    phones = tuple(Phone(*p) for p in said["phones"])
    return Clip(
        voice=said["voice"], text=said["text"], person=said["person"], samples=samples,
        phones=phones, **arrays,
    )  # fmt: skip


def names(folder: Path) -> list[str]:
    """The clips of a data set, in order; ConfigError where there is none."""
    found = sorted(p.stem for p in folder.glob("*.npz"))
    if not found:
        raise ConfigError(f"{folder} holds no clips: make them with python -m training.prepare")
    return found


def read(folder: Path, chosen: Sequence[str] | None = None) -> Iterator[Clip]:
    """The clips of a data set, all of them or those chosen by name."""
    for name in chosen if chosen is not None else names(folder):
        yield load(folder / f"{name}.npz")


def write_page(folder: Path, page: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(json.dumps(page, indent=1), encoding="utf-8")


def read_page(folder: Path) -> dict[str, Any]:
    """What a data set says of itself; {} where it says nothing."""
    file = folder / PAGE
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}
