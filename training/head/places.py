"""From geometry and teacher to the landmark tables that the head ships."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import landmarks
from .cut import Cut
from .landmarks import LIP_PAIRS, USUAL_68, Floats, Marks
from .masks import diffuse
from .paint import Look
from .rims import Openings, Rings
from .shapes import eye_centre, part_vertices
from .source import Doubles
from .teacher import Teacher

FACE_SHARE = 0.3  # of the motion masks: where a face is


def find(
    folder: Path | None,
    cut: Cut,
    openings: Openings,
    mean: Doubles,
    people: Sequence[Floats],
    soft: dict[str, Doubles],
    parts: dict[str, NDArray[np.int64]],
) -> tuple[dict[int, Marks], float]:
    """Tables for 468 and 68, and the median spread of a point over all views in millimetres.

    `mean` is the neutral on the whole base mesh in head space; people[0] is the neutral.
    """
    neutral = people[0]
    look = _look(cut, openings, neutral, soft, parts)
    face = np.zeros(len(neutral), np.bool_)
    face[part_vertices(cut, "skin")] = True
    face &= (np.maximum(soft["mouth"], soft["upper"]) > FACE_SHARE) & (neutral[:, 2] > 40)
    places, weights = landmarks.observe(Teacher(folder), look, people, face)
    points, spread = landmarks.settle(places, weights)
    points = landmarks.on_edges(points, mean, openings)
    marks = landmarks.attach(points, neutral, cut.faces, parts["skin"].astype(np.int32))
    for column, side in enumerate((openings.lips.upper, openings.lips.lower)):
        numbers = [pair[column] for pair in LIP_PAIRS]
        band = _band(cut, openings.lips, side)
        own = landmarks.attach(points[numbers], neutral, cut.faces, band)
        marks.faces[numbers], marks.weights[numbers] = own.faces, own.weights
    return {468: marks, 68: marks.subset(USUAL_68)}, float(np.median(spread))


def _band(cut: Cut, rings: Rings, side: tuple[NDArray[np.int64], ...]) -> NDArray[np.int32]:
    """The triangles between the two rings of one lip that touch the other lip."""
    own = np.zeros(len(cut.index), np.bool_)
    own[np.concatenate([side[rings.rim], side[rings.rim + 1]])] = True
    inside = np.zeros(cut.rows.shape[0], np.bool_)
    inside[cut.index[own]] = True
    return np.flatnonzero(inside[cut.faces].all(1)).astype(np.int32)


def _look(
    cut: Cut,
    openings: Openings,
    neutral: Floats,
    soft: dict[str, Doubles],
    parts: dict[str, NDArray[np.int64]],
) -> Look:
    kind = np.zeros(len(cut.faces), np.int8)
    for value, names in (
        (1, ("eye_left", "eye_right")),
        (2, ("teeth_upper", "teeth_lower")),
        (3, ("tongue", "mouth_inner")),
    ):
        for name in names:
            kind[parts[name]] = value
    drawn = np.ones(len(cut.faces), np.bool_)
    drawn[parts["lashes"]] = False
    eyes = np.stack(
        [eye_centre(np.asarray(neutral, np.float64), cut, side) for side in ("left", "right")]
    )
    edge = lid_edge(cut, openings)
    return Look(neutral, cut.faces[drawn], kind[drawn], soft["lips"], edge, eyes)


def lid_edge(cut: Cut, openings: Openings) -> Doubles:
    """(v,) 1 on the edges of the lids, where lashes grow."""
    edge = np.zeros(cut.rows.shape[0])
    for rings in openings.lids.values():
        for ring in (rings.rim, rings.rim + 1):
            edge[cut.index[rings.lower[ring]]] = 0.5
            edge[cut.index[rings.upper[ring]]] = 1.0
    return np.asarray(np.maximum(edge, diffuse(edge, cut.faces, 1)))
