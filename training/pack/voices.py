"""Voices of training.voices' store: log-mels as grey pictures."""

from pathlib import Path

import numpy as np

from training.voices import store

from . import small


def pack(folder: Path, options: small.Options) -> small.Arrays:
    """The first seconds of each recording."""
    found = store.load(folder)
    rows = np.flatnonzero(options.mine(found.people))
    heard = [found.of(int(k))[: round(100 * options.seconds)] for k in rows]
    page = {"start": np.cumsum([0, *map(len, heard)]).tolist(), "missed": []}
    page |= {name: [getattr(found, name)[k] for k in rows] for name in ("people", "files", "how")}
    return small.sound("frames", np.concatenate(heard), options.fidelity) | {
        "page": small.text(page)
    }


def back(held: small.Arrays, to: Path) -> None:
    np.save(to / "frames.npy", small.sound_of(held, "frames").astype(np.float16))
    (to / "voices.json").write_text(str(held["page"]), encoding="utf-8")
