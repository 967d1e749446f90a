"""The head with its 52 morph targets, a head bone and an animation, as one binary glTF 2.0 file.

Metres, +Y up, +Z out of the face, +X the person's left: glTF's own axes. One mesh with a part a
material; morph targets are sparse and named; a skin of two bones, shoulders and head, blends the
neck as the renderer does. Weights and the head's turn are keyed frame by frame, linearly.
"""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..head import Head
from ..head.arkit import ARKIT
from ..types import Appearance, Colour, Floats, Motion
from .part import PartFile, Places
from .vmc import quaternion

_MAGIC, _VERSION, _JSON, _BIN = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
_FLOAT, _USHORT, _UINT, _UBYTE = 5126, 5123, 5125, 5121
_VERTICES, _TRIANGLES = 34962, 34963  # buffer views' targets
_FORMS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
_SHOULDERS, _HEAD, _FACE = 0, 1, 2  # nodes

Table = dict[str, Any]


@dataclass
class Buffer:
    """glTF's one binary buffer, its views and accessors."""

    data: bytearray = field(default_factory=bytearray)
    views: list[Table] = field(default_factory=list)
    accessors: list[Table] = field(default_factory=list)

    def view(self, array: NDArray[Any], target: int = 0) -> int:
        self.data += bytes(-len(self.data) % 4)
        raw = np.ascontiguousarray(array).tobytes()
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(raw)}
        self.views.append(view | ({"target": target} if target else {}))
        self.data += raw
        return len(self.views) - 1

    def add(self, array: NDArray[Any], kind: int, target: int = 0, bounds: bool = False) -> int:
        """An accessor of (n,) or (n, 2 to 4)."""
        form = "MAT4" if array.ndim == 3 else _FORMS[1 if array.ndim == 1 else array.shape[1]]
        made: Table = {"bufferView": self.view(array, target), "componentType": kind,
                       "count": len(array), "type": form}  # fmt: skip
        self.accessors.append(made | (_bounds(array) if bounds else {}))
        return len(self.accessors) - 1

    def add_sparse(self, offsets: Floats) -> int:
        """(n, 3) of which most rows are zero."""
        rows = np.flatnonzero(np.any(offsets != 0, axis=1))
        rows = rows if len(rows) else np.zeros(1, np.intp)  # a shape that moves nothing
        values = np.ascontiguousarray(offsets[rows], np.float32)
        sparse = {
            "count": len(rows),
            "indices": {"bufferView": self.view(rows.astype(np.uint16)), "componentType": _USHORT},
            "values": {"bufferView": self.view(values)},
        }
        self.accessors.append(
            {"componentType": _FLOAT, "count": len(offsets), "type": "VEC3", "sparse": sparse}
            | _bounds(offsets)
        )
        return len(self.accessors) - 1


def _bounds(array: NDArray[Any]) -> Table:
    rows = array.reshape(len(array), -1)
    return {"min": rows.min(0).tolist(), "max": rows.max(0).tolist()}


# (name, parts of the head, roughness); colours are the vertices' own. Lashes need a texture.
_MATERIALS: tuple[tuple[str, list[str], float], ...] = (
    ("skin", ["skin"], 0.6),
    ("eyes", ["eye_left", "eye_right"], 0.15),
    ("teeth", ["teeth_upper", "teeth_lower"], 0.3),
    ("tongue", ["tongue"], 0.5),
    ("mouth", ["mouth_inner"], 0.7),
    ("hair", ["hair_cap"], 0.8),
)
_PAINT = {"teeth_upper": (0.74, 0.68, 0.57), "teeth_lower": (0.70, 0.63, 0.51),
          "tongue": (0.44, 0.145, 0.135), "mouth_inner": (0.26, 0.06, 0.055)}  # fmt: skip
_WHITE, _IRIS, _PUPIL = (0.80, 0.77, 0.74), 6.1, 2.4  # the eyes' white; millimetres


def colours(head: Head, look: Appearance) -> Floats:
    """Linear colour of each vertex (v, 3): what the renderer paints, as far as vertices can."""
    out = np.tile(np.array(look.skin, np.float32), (len(head.neutral), 1))
    for mask, colour in (("lips", look.lips), ("brows", look.brows), ("garment", look.garment)):
        share = head.masks[mask][:, None]
        out = out * (1 - share) + share * np.array(colour, np.float32)
    for part, colour in {**_PAINT, "hair_cap": look.hair}.items():
        out[np.unique(head.faces[head.parts[part]])] = colour
    for part, centre in zip(("eye_left", "eye_right"), head.eye_centres, strict=True):
        eye = np.unique(head.faces[head.parts[part]])
        out[eye] = _eye(head.neutral[eye] - centre, look.iris)
    return out.astype(np.float32)


def _eye(places: Floats, iris: Colour) -> Floats:
    """Places (n, 3) about the eye's centre, millimetres -> white, iris or pupil (n, 3)."""
    off = np.hypot(places[:, 0], places[:, 1])
    front = places[:, 2] > 0
    out = np.tile(np.array(_WHITE, np.float32), (len(places), 1))
    out[front & (off < _IRIS)] = iris
    out[front & (off < _PUPIL)] = 0.01
    return out


def _primitive(buffer: Buffer, head: Head, parts: list[str], shared: Table, number: int) -> Table:
    triangles = head.corner_faces[np.concatenate([head.parts[p] for p in parts])]
    index = buffer.add(triangles.astype(np.uint16).ravel(), _USHORT, _TRIANGLES)
    return {"indices": index, "material": number, "mode": 4} | shared


def _shared(buffer: Buffer, head: Head, look: Appearance) -> Table:
    """What all parts have in common: places, normals, bones and the morph targets."""
    corner, person = head.corner_vertex, head.person(look.identity)
    place = (person[corner] / 1000).astype(np.float32)
    normal = normals(head, person)[corner]
    uv = (head.corner_uv * [1, -1] + [0, 1]).astype(np.float32)  # glTF's v runs down
    follow = head.head_weight[corner]
    joints = np.tile(np.array([0, 1, 0, 0], np.uint8), (len(corner), 1))
    pull = np.stack([1 - follow, follow, 0 * follow, 0 * follow], 1).astype(np.float32)
    moves = (head.shapes(person)[:, corner] / 1000).astype(np.float32)
    return {
        "attributes": {
            "POSITION": buffer.add(place, _FLOAT, _VERTICES, bounds=True),
            "NORMAL": buffer.add(normal, _FLOAT, _VERTICES),
            "TEXCOORD_0": buffer.add(uv, _FLOAT, _VERTICES),
            "COLOR_0": buffer.add(colours(head, look)[corner], _FLOAT, _VERTICES),
            "JOINTS_0": buffer.add(joints, _UBYTE, _VERTICES),
            "WEIGHTS_0": buffer.add(pull, _FLOAT, _VERTICES),
        },
        "targets": [{"POSITION": buffer.add_sparse(move)} for move in moves],
    }


def normals(head: Head, vertices: Floats) -> Floats:
    """Unit normals (v, 3), each triangle by its area."""
    a, b, c = (vertices[head.faces[:, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    out = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(out, head.faces[:, k], cross)
    length = np.linalg.norm(out, axis=1, keepdims=True)
    return np.where(length > 1e-9, out / np.maximum(length, 1e-9), [0, 0, 1]).astype(np.float32)


def document(head: Head, look: Appearance, times: Floats, weights: Floats, turns: Floats) -> bytes:
    """The whole file: times (n,) seconds, weights (n, 52), turns (n, 4) quaternions x y z w."""
    buffer = Buffer()
    shared = _shared(buffer, head, look)
    identity = np.tile(np.eye(4, dtype=np.float32), (2, 1, 1))
    mesh = {
        "name": look.name,
        "primitives": [
            _primitive(buffer, head, parts, shared, k) for k, (_, parts, _) in enumerate(_MATERIALS)
        ],
        "weights": weights[0].tolist(),
        "extras": {"targetNames": list(ARKIT)},
    }
    text = {
        "asset": {"version": "2.0", "generator": "Likeness"},
        "scene": 0,
        "scenes": [{"nodes": [_SHOULDERS, _FACE]}],
        "nodes": [
            {"name": "shoulders", "children": [_HEAD]},
            {"name": "head", "rotation": turns[0].tolist()},
            {"name": look.name, "mesh": 0, "skin": 0},
        ],
        "meshes": [mesh],
        "skins": [{"joints": [_SHOULDERS, _HEAD], "skeleton": _SHOULDERS,
                   "inverseBindMatrices": buffer.add(identity, _FLOAT)}],
        "materials": [_material(name, rough) for name, _, rough in _MATERIALS],
        "animations": [_animation(buffer, times, weights, turns)],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }  # fmt: skip
    return _binary(text, bytes(buffer.data))


def _material(name: str, rough: float) -> Table:
    surface = {"metallicFactor": 0.0, "roughnessFactor": rough}
    return {"name": name, "pbrMetallicRoughness": surface, "doubleSided": name != "skin"}


def _animation(buffer: Buffer, times: Floats, weights: Floats, turns: Floats) -> Table:
    at = buffer.add(times.astype(np.float32), _FLOAT, bounds=True)
    said = buffer.add(weights.astype(np.float32).ravel(), _FLOAT)
    turned = buffer.add(turns.astype(np.float32), _FLOAT)
    return {
        "name": "speech",
        "samplers": [
            {"input": at, "output": said, "interpolation": "LINEAR"},
            {"input": at, "output": turned, "interpolation": "LINEAR"},
        ],
        "channels": [
            {"sampler": 0, "target": {"node": _FACE, "path": "weights"}},
            {"sampler": 1, "target": {"node": _HEAD, "path": "rotation"}},
        ],
    }


def _binary(text: Table, data: bytes) -> bytes:
    words = json.dumps(text, separators=(",", ":")).encode()
    words += b" " * (-len(words) % 4)
    data += bytes(-len(data) % 4)
    length = 12 + 8 + len(words) + 8 + len(data)
    return (
        struct.pack("<III", _MAGIC, _VERSION, length)
        + struct.pack("<II", len(words), _JSON) + words
        + struct.pack("<II", len(data), _BIN) + data
    )  # fmt: skip


class GlbFile:
    """--motion OUT.glb: the person's head, keyed at k / fps; rows are kept until the end.

    Zero is the time given to `begin`, else of the first row. An hour at 30 a second takes 25 MB.
    """

    def __init__(self, path: Path, fps: int, head: Head, look: Appearance) -> None:
        self._file = PartFile(path, "--motion", (".glb",))
        self.places, self._head, self._look = Places(fps), head, look
        self._rows: list[Floats] = []  # (57,): place, weights, quaternion

    def push(self, motion: Motion) -> None:
        k = self.places.of(motion.t)
        if self._rows and k <= self._rows[-1][0]:
            return  # two for one place: keys must rise
        row = np.concatenate([[k], motion.weights, quaternion(motion.head)])
        self._rows.append(row.astype(np.float32))

    def finish(self) -> None:
        """Completes the file and gives it its name; with no row there is no file."""
        if not self._rows:
            self.abort()
            return
        rows = np.stack(self._rows)
        made = document(
            self._head,
            self._look,
            rows[:, 0] / np.float32(self.places.fps),
            rows[:, 1:53],
            rows[:, 53:],
        )
        with self._file.writing():
            self._file.part.write_bytes(made)
        self._file.keep()

    def abort(self) -> None:
        self._file.drop()
