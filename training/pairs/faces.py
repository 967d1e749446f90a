"""From the code that a face shows to its head, its skin and pictures of it."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from engine.head import Head
from engine.head.uv import face_uv, texel_map
from engine.types import Bytes, Floats
from training.cest.render_synthetic import basis, random_expression, random_light
from training.cest.shade import DARKEST, GAMMA
from training.cest.skins import HAIRS, Paint, Skin, random_skin
from training.head.paint import brow
from training.head.raster import Camera, draw

from .link import CLASSES

SIZE, FINER = 64, 2  # pixels of a picture's side; drawn so much larger, then averaged
ROOM = 205.0  # millimetres across a picture
TEXELS = 64
YEARS = ((18, 29), (30, 44), (45, 59), (60, 79))
BUILD = (-2.2, 0.0, 2.2)  # in units of the head's own slim and heavy people
OTHER = 0.4  # standard deviations of what no class says
YAW, PITCH, ROLL = 25.0, 9.0, 5.0  # degrees at most


@dataclass(frozen=True, slots=True)
class Person:
    """One made-up face: its identity coefficients (k,) and its colours at each vertex (v, 3)."""

    identity: Floats
    colours: Floats


class Sitter:
    """Makes people of codes, and pictures of people."""

    def __init__(self) -> None:
        self.head = Head.load()
        self.paint = Paint(self.head)
        self._axes = _axes(self.head)
        self._front = self.head.neutral[
            (self.head.neutral[:, 2] > 40) & (np.abs(self.head.neutral[:, 1]) < 90)
        ]
        faces = self.head.faces[self.paint.shown]
        self._shown = np.ascontiguousarray(faces)
        count = len(faces)
        corners = (faces.T.ravel(), np.tile(np.arange(count), 3))
        self._around = csr_array(
            (np.ones(3 * count, np.float32), corners), (len(self.head.neutral), count)
        )
        self._corner = _one_corner(self.head)
        self._uv = uv = face_uv(self.head)
        self._texels = texel_map(uv, TEXELS)
        self._uv_corners = uv.vertices[uv.faces]

    def person(self, code: NDArray[np.int64], rng: np.random.Generator) -> Person:
        """Of the classes (4,) in the order of link.CLASSES."""
        gender, age, build, shape = (int(c) for c in code)
        years = rng.uniform(*YEARS[age])
        identity = (
            rng.normal(0, OTHER, len(self.head.identity_basis))
            + self._axes["gender"] * (2 * gender - 1) * rng.uniform(0.9, 1.3)
            + self._axes["age"] * (years - 46) / 26 * 1.2
            + self._axes["build"] * (BUILD[build] + rng.normal(0, 0.2))
            + self._axes[CLASSES["shape"][shape]] * rng.uniform(0.85, 1.15)
        )
        skin = _skin(random_skin(rng, self._front), gender, years, rng)
        triangles, weights = self._corner
        return Person(identity.astype(np.float32), self.paint.colours(skin, triangles, weights))

    def coloured(self, identity: Floats, skin: Floats) -> Person:
        """Of coefficients (k,) and `skin` (s, s, 3), as painted, on the face's map; what the map
        does not hold is everybody's, in the tone of that skin and with the brows' hair."""
        there = (self._texels[0] >= 0).astype(np.float32)
        own = cv2.resize(np.asarray(skin, np.float32), (TEXELS, TEXELS)) * there[..., None]
        x, y = np.asarray(self._uv.uv * TEXELS - 0.5, np.float32).T[:, :, None]
        held = cv2.remap(there, x, y, cv2.INTER_LINEAR).ravel()  # beside the map it is black
        known = self._uv.vertices[held > 0.1]
        seen = cv2.remap(own, x, y, cv2.INTER_LINEAR)[held > 0.1, 0] / held[held > 0.1, None]
        brows = brow(self.head.neutral[known], self.head.eye_centres)
        plain = random_skin(np.random.default_rng(0), self._front)
        plain = replace(plain, tone=own.sum((0, 1)) / there.sum(), beard=0.0,
                        hair=brows @ seen / brows.sum())  # fmt: skip
        colours = self.paint.colours(plain, *self._corner)
        colours[known] = seen
        return Person(np.asarray(identity, np.float32), np.clip(colours, 0.01, 1))

    def albedo(self, person: Person) -> Bytes:
        """The skin on the face's map (TEXELS, TEXELS, 3), black off it."""
        triangle, weights = self._texels
        there = triangle >= 0
        out = np.zeros((TEXELS, TEXELS, 3), np.float32)
        corners = self._uv_corners[triangle[there]]
        out[there] = np.einsum("nc,ncd->nd", weights[there], person.colours[corners])
        return np.rint(out * 255).astype(np.uint8)

    def picture(self, person: Person, rng: np.random.Generator) -> Bytes:
        """(SIZE, SIZE, 3): some pose, expression, light and background."""
        posed = self.head.pose(self.head.person(person.identity), random_expression(rng) * 0.5)
        return self.shot(person, posed @ _turn(rng).T, random_light(rng), rng)

    def portrait(self, person: Person) -> Bytes:
        """(SIZE, SIZE, 3): from the front, at rest, evenly lit."""
        light = np.array([0.9, 0.25, 0.35, 0, 0, 0, 0, 0, 0], np.float32) / 0.43
        still = np.random.default_rng(0)
        return self.shot(person, self.head.person(person.identity), light, still)

    def shot(
        self, person: Person, vertices: Floats, light: Floats, rng: np.random.Generator
    ) -> Bytes:
        """Turned vertices (v, 3) under harmonics (9,)."""
        camera = self._camera(vertices, float(rng.uniform(600, 1400)))
        normals = self._normals(vertices)
        bright = np.maximum(basis(normals) @ light, DARKEST) ** (1 / GAMMA)
        lit = person.colours * bright[:, None]
        hits = draw(camera, vertices, self._shown)
        seen = hits.triangle >= 0
        corners = self._shown[hits.triangle[seen]]
        out = np.empty((camera.size, camera.size, 3), np.float32)
        out[:] = rng.uniform(0.05, 0.95, 3)
        out[seen] = np.einsum("nc,ncd->nd", hits.weights[seen], lit[corners])
        small = cv2.resize(out, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        grain = rng.normal(0, 0.01, small.shape)
        return np.rint(np.clip(small + grain, 0, 1) * 255).astype(np.uint8)

    def _normals(self, vertices: Floats) -> Floats:
        a, b, c = (vertices[self._shown[:, i]] for i in range(3))
        around = self._around @ np.cross(b - a, c - a)
        return np.asarray(around / np.maximum(np.linalg.norm(around, axis=1), 1e-9)[:, None])

    def _camera(self, vertices: Floats, distance: float) -> Camera:
        marks = self.head.landmarks(vertices, 68)
        x, y, z = (float(v) for v in (marks.min(0) + marks.max(0)) / 2)
        size = SIZE * FINER
        return Camera(size, size * distance / ROOM, distance, (x, y + 8.0, z))


def _turn(rng: np.random.Generator) -> Floats:
    yaw, pitch, roll = np.radians(rng.uniform(-1, 1, 3) * (YAW, PITCH, ROLL))
    turns = [cv2.Rodrigues(np.array(v, np.float64))[0] for v in
             ((0, yaw, 0), (pitch, 0, 0), (0, 0, roll))]  # fmt: skip
    return np.asarray(turns[0] @ turns[1] @ turns[2], np.float32)


def _one_corner(head: Head) -> tuple[NDArray[np.int32], Floats]:
    """For each vertex a triangle (v,) that has it, and the weights (v, 3) that are all its own."""
    triangle = np.zeros(len(head.neutral), np.int32)
    corner = np.zeros(len(head.neutral), np.int64)
    for k in range(3):
        triangle[head.faces[:, k]] = np.arange(len(head.faces))
        corner[head.faces[:, k]] = k
    return triangle, np.eye(3, dtype=np.float32)[corner]


def _axes(head: Head) -> dict[str, Floats]:
    """Identity coefficients (k,) of each covariate; of build and age for one unit each way."""
    ends = {"gender": ("female", "male"), "age": ("young", "old"), "build": ("slim", "heavy")}
    found = {
        name: ((head.presets[high] - head.presets[low]) / 2).astype(np.float32)
        for name, (low, high) in ends.items()
    }
    return found | {name: _shaped(head, *moves) for name, moves in _shapes(head).items()}


def _shapes(head: Head) -> dict[str, tuple[Floats, Floats]]:
    """Of each class of shape: how far (v, 3) the neutral's vertices should go, and whether it
    matters (v,)."""
    x, y, z = head.neutral.T
    face = ((z > 0) & (np.abs(y) < 110)).astype(np.float32)
    low, high = np.clip((-y - 5) / 40, 0, 1.3), np.clip((y - 15) / 40, 0, 1.3)
    flat = np.zeros_like(x)
    taller = np.stack([flat, 0.1 * y, flat], 1)
    wider = {"low": np.stack([0.2 * x * low, flat, flat], 1),
             "high": np.stack([0.25 * x * high, flat, flat], 1)}  # fmt: skip
    moves = {
        "long": taller, "short": -taller, "square": wider["low"], "pointed": -wider["low"],
        "broad brow": wider["high"], "narrow brow": -wider["high"],
    }  # fmt: skip
    return {name: (move.astype(np.float32), face) for name, move in moves.items()}


def _shaped(head: Head, move: Floats, matters: Floats, ridge: float = 0.02) -> Floats:
    """The coefficients whose people come closest to the move, and stay likely."""
    rows = head.identity_basis * matters[:, None]
    flat = rows.reshape(len(rows), -1)
    gram = flat @ flat.T
    gram += ridge * np.trace(gram) / len(gram) * np.eye(len(gram), dtype=np.float32)
    return np.asarray(np.linalg.solve(gram, flat @ (move * matters[:, None]).ravel()), np.float32)


def _skin(plain: Skin, gender: int, years: float, rng: np.random.Generator) -> Skin:
    """Beards are men's, redder lips women's more often; hair greys and thins, skin grows uneven."""
    man = gender == 1
    grey = np.clip((years - 35) / 35 + rng.normal(0, 0.2), 0, 1)
    hair = plain.hair + (np.array(HAIRS[-1]) / 255 - plain.hair) * grey
    lips = plain.lips if man else plain.tone * rng.uniform((0.85, 0.35, 0.38), (1, 0.55, 0.6))
    thin = np.clip((years - 40) / 60, 0, 0.5) * (1.0 if man else 0.3)
    return replace(
        plain, hair=hair.astype(np.float32), lips=lips.astype(np.float32),
        beard=float(rng.uniform(0.1, 0.6)) if man and rng.random() < 0.6 else 0.0,
        scalp=float(np.clip(plain.scalp - thin, 0.2, 1)),
        strengths=plain.strengths * np.float32(0.6 + years / 60),
    )  # fmt: skip
