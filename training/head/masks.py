"""Soft regions of the head, a value in [0, 1] per vertex.

The motion masks (mouth, upper, eyes) come from where the shapes move, the painted ones (lips,
brows, scalp, garment) from MakeHuman's CC0 masks and from where landmarks of the base mesh lie.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.head.arkit import ARKIT

from .cut import Cut
from .shapes import part_vertices
from .source import Doubles, Indices, Source

TEXTURES = "mpfb2/textures/mpfb_"
NECK_SHARE = {"neck03": 0.78, "neck02": 0.5, "neck01": 0.22}
SHOULDERS = ("spine", "clavicle", "shoulder", "upperarm", "lowerarm", "breast", "wrist")


def smooth(x: Doubles, low: float, high: float) -> Doubles:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def diffuse(values: Doubles, faces: NDArray[np.int32], rounds: int) -> Doubles:
    """Averages over neighbours, `rounds` times."""
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    degree = np.bincount(ends.ravel(), minlength=len(values))
    for _ in range(rounds):
        total = np.bincount(ends[:, 0], values[ends[:, 1]], len(values))
        total += np.bincount(ends[:, 1], values[ends[:, 0]], len(values))
        values = (values + total / np.maximum(degree, 1)) / 2
    return values


def head_weight(weights: dict[str, list[list[float]]], cut: Cut) -> Doubles:
    """How far each vertex turns with the head: the rig's neck bones, made smooth."""
    share = np.zeros(cut.rows.shape[1])
    total = np.zeros_like(share)
    for bone, pairs in weights.items():
        of_bone = 0.0 if bone.startswith(SHOULDERS) else NECK_SHARE.get(bone, 1.0)
        for vertex, weight in pairs:
            share[int(vertex)] += of_bone * weight
            total[int(vertex)] += weight
    turned = np.where(total > 0, share / np.maximum(total, 1e-9), 1.0)
    result = diffuse(np.clip(cut.gather(turned), 0, 1), cut.faces, 8)
    for part in cut.parts:
        if part != "skin":
            result[part_vertices(cut, part)] = 1.0
    return result


def motion(shapes: Doubles, cut: Cut, turning: Doubles) -> dict[str, Doubles]:
    """mouth, upper, eyes and neck."""
    size = np.linalg.norm(shapes, axis=2)

    def moved(*starts: str) -> Doubles:
        own = [k for k, name in enumerate(ARKIT) if name.startswith(starts)]
        return np.asarray(size[own].max(0))

    neck = smooth(1 - turning, 0.02, 0.5)
    mouth = smooth(moved("mouth", "jaw", "cheekPuff", "tongue"), 0.3, 4.0)
    upper = smooth(moved("brow", "eye", "cheekSquint", "noseSneer"), 0.15, 2.5)
    eyes = smooth(moved("eye"), 0.15, 2.0)
    mouth[part_vertices(cut, "teeth_upper", "teeth_lower", "tongue")] = 1.0
    eyes[part_vertices(cut, "eye_left", "eye_right", "lashes")] = 1.0
    upper = np.maximum(upper, eyes)
    skin = {"mouth": mouth * (1 - neck), "upper": upper, "eyes": eyes, "neck": neck}
    return {name: np.clip(diffuse(m, cut.faces, 2), 0, 1) for name, m in skin.items()}


def painted(source: Source, cut: Cut, neutral: Doubles) -> dict[str, Doubles]:
    """lips, mouth_inner, scalp and garment, for colouring."""
    lips = _texture(source, cut, "lips.jpg")
    inner = _texture(source, cut, "inside-mouth.jpg")
    x, y, z = neutral.T
    # Hair line: over the ears, up round the temples, across the forehead.
    line = np.interp(z, [-110, -60, 0, 45, 80, 110, 135], [-45, -25, 22, 58, 88, 106, 112])
    ears = diffuse(_texture(source, cut, "ears.jpg"), cut.faces, 1)
    bald = cut_only(cut, smooth(y - line, -5, 8)) * smooth(-ears, -0.3, -0.05)
    collar = np.interp(z, [-80, -20, 30, 80], [-118, -128, -150, -172])
    garment = cut_only(cut, smooth(collar - y, -2, 2))
    return {"lips": lips, "mouth_inner": inner, "scalp": bald, "garment": garment}


def split(cut: Cut, soft: dict[str, Doubles]) -> dict[str, NDArray[np.int64]]:
    """The parts that are drawn: the skin without the mouth's inside, and the scalp once more."""
    parts: dict[str, NDArray[np.int64]] = {k: v.astype(np.int64) for k, v in cut.parts.items()}
    corners = cut.faces[parts["skin"]]
    inner = (soft["mouth_inner"][corners] > 0.5).all(1)
    parts["mouth_inner"] = parts["skin"][inner]
    parts["hair_cap"] = parts["skin"][(soft["scalp"][corners] > 0.02).any(1)]
    parts["skin"] = parts["skin"][~inner]
    return parts


def symmetric(
    soft: dict[str, Doubles], cut: Cut, other: Indices, neutral: Doubles
) -> dict[str, Doubles]:
    """The same on both sides; `other` is the base mesh's mirror, made-up vertices go by place."""
    twin = cKDTree(neutral).query(neutral * [-1, 1, 1])[1]
    known = np.flatnonzero(cut.index >= 0)
    twin[cut.index[known]] = cut.index[other[known]]
    return {name: (values + values[twin]) / 2 for name, values in soft.items()}


def cut_only(cut: Cut, values: Doubles) -> Doubles:
    """`values` on the skin, 0 on eyes, teeth, tongue and lashes."""
    only = np.zeros(len(values))
    skin = part_vertices(cut, "skin")
    only[skin] = values[skin]
    return only


def _texture(source: Source, cut: Cut, name: str) -> Doubles:
    """A grey uv picture read at the skin's vertices."""
    data = np.frombuffer(source.read(f"{TEXTURES}{name}"), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    size = np.array([picture.shape[1], picture.shape[0]])
    at = np.clip(cut.corner_uv * [1, -1] + [0, 1], 0, 0.9999) * size
    corner = picture[at[:, 1].astype(int), at[:, 0].astype(int)] / 255
    values = np.zeros(cut.rows.shape[0])
    np.maximum.at(values, cut.corner_vertex, corner)
    return cut_only(cut, values)
