"""Whose face a voice is taught: its own where people have both, else one of its class, always the
same one.

Without pairs a generator that is only told the class draws one face a class. So each speaker gets a
partner among the people of that class, once and for all: those whose faces lie where the voice does
in the space that the frozen nets share (a minimum-cost assignment). What a partner looks like has
nothing to do with the speaker; it is there so that different voices have different faces.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from engine.types import Floats
from training.dimnet.data import IDENTITY, Rows, Side


def partners(
    voice: Side, heard: Floats, face: Side, seen: Floats, label: str
) -> tuple[list[Rows], Rows]:
    """Faces of each partner, and for every recording whose (-1 if it is not learnt from). `heard`
    (n, d) and `seen` (m, d) are embeddings of all recordings and of all faces."""
    said, shown = (_learnt(side, label) for side in (voice, face))
    whose = _own(said, shown) if label == IDENTITY else _nearest(said, heard, shown, seen)
    number = {person: k for k, person in enumerate(whose)}
    faces = [shown[whose[person]][1] for person in number]
    rows = np.array([number.get(name, -1) for name in voice.names], np.int64)
    rows[voice.parts != "train"] = -1
    return faces, rows


def _learnt(side: Side, label: str) -> dict[str, tuple[int, Rows]]:
    """Person -> class and items."""
    found: dict[str, list[int]] = {}
    for row in side.rows("train", label).tolist():
        found.setdefault(side.names[row], []).append(row)
    return {n: (int(side.labels[label][r[0]]), np.array(r)) for n, r in found.items()}


def _own(said: dict[str, tuple[int, Rows]], shown: dict[str, tuple[int, Rows]]) -> dict[str, str]:
    return {name: name for name in said if name in shown}


def _nearest(
    said: dict[str, tuple[int, Rows]], heard: Floats, shown: dict[str, tuple[int, Rows]],
    seen: Floats,
) -> dict[str, str]:  # fmt: skip
    found: dict[str, str] = {}
    for number in sorted({c for c, _ in said.values()}):
        voices, faces = ([n for n, (c, _) in side.items() if c == number] for side in (said, shown))
        if not faces:
            continue
        a = _apart(np.stack([heard[said[n][1]].mean(0) for n in voices]))
        b = _apart(np.stack([seen[shown[n][1]].mean(0) for n in faces]))
        copies = -(-len(voices) // len(faces))  # a face for several voices where faces are few
        one, two = linear_sum_assignment(-(a @ np.tile(b, (copies, 1)).T))
        found |= {voices[i]: faces[j % len(faces)] for i, j in zip(one, two, strict=True)}
    return found


def _apart(x: Floats) -> Floats:
    """What sets each apart from the rest, as unit vectors."""
    away = (x - x.mean(0)) / (x.std(0) + 1e-6)
    return np.asarray(away / (np.linalg.norm(away, axis=1, keepdims=True) + 1e-9), np.float32)
