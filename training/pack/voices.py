"""Voices of training.voices' store: each recording's log-mels as a grey picture."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.types import Bytes, Floats
from training.voices import store

from . import webp

FILE = "voices.npz"
LOW, HIGH = -17.0, 7.0  # of a log-mel


def pack(folder: Path, to: Path, kept: Callable[[str], bool], quality: int, seconds: float) -> None:
    """The first `seconds` of each recording of those who are kept."""
    found = store.load(folder)
    rows = [k for k, person in enumerate(found.people) if kept(person)]
    grey = [_grey(found.of(k)[: round(100 * seconds)]) for k in rows]
    data, sizes = webp.pack(grey, quality)
    start = np.cumsum([0, *(g.shape[1] for g in grey)]).tolist()
    page = {"start": start, "people": [found.people[k] for k in rows],
            "files": [found.files[k] for k in rows], "how": [found.how[k] for k in rows],
            "missed": []}  # fmt: skip
    np.savez_compressed(to / FILE, data=data, sizes=sizes, page=json.dumps(page))


def _grey(frames: Floats) -> Bytes:
    """(n, 64) -> (64, n)."""
    share = (np.clip(frames, LOW, HIGH) - LOW) / (HIGH - LOW)
    return np.asarray(np.rint(255 * share.T), np.uint8)


def back(file: Path, to: Path) -> None:
    """Into `to`/voices."""
    folder = to / "voices"
    folder.mkdir(parents=True, exist_ok=True)
    with np.load(file) as found:
        shown = webp.unpack((found["data"], found["sizes"]), grey=True)
        frames = [(g.T / 255 * (HIGH - LOW) + LOW).astype(np.float16) for g in shown]
        np.save(folder / "frames.npy", np.concatenate(frames))
        (folder / "voices.json").write_text(str(found["page"]), encoding="utf-8")
