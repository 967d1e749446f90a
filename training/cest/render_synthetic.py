"""Pictures of our own head with everything known: person, expression, skin, light, pose.

In training they are pictures like others (their landmarks are the teacher's); what is known of
them is read in evaluation, and by the row that is told of it (`weights.truth`), with more of them.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engine.head import INDEX, Head
from engine.head.uv import face_uv, texel_map
from engine.types import Bytes, Floats
from training.head.raster import Camera, draw, vertex_normals
from training.head.teacher import Teacher

from . import place
from .shade import COUNT, DARKEST, GAMMA
from .skins import Paint, Skin, random_skin

FINER = 2  # drawn so much larger, then averaged
TEXELS = 128
SURE = 0.6
YAW, PITCH, ROLL = 45.0, 18.0, 8.0  # degrees at most


@dataclass(frozen=True, slots=True)
class Known:
    """What a rendered picture holds."""

    rotation: Floats  # (3, 3) head to camera
    expression: Floats  # (52,)
    light: Floats  # (9,)


def random_light(rng: np.random.Generator) -> Floats:
    """Nine harmonics: even light and one or two lamps, none from behind; mean about 1."""
    light = np.zeros(COUNT)
    light[0] = rng.uniform(0.5, 1.1)
    for _ in range(rng.integers(1, 3)):
        angle = rng.uniform(-1.4, 1.4), rng.uniform(-0.5, 1.0)
        light += rng.uniform(0.2, 0.8) * lamp(*angle)
    level = light @ basis(np.array([[0, 0, 1.0]]))[0]
    return np.asarray(light / level * rng.uniform(0.65, 1.15), np.float32)


def lamp(across: float, up: float) -> Floats:
    """A distant lamp as a matte surface sees it (Ramamoorthi and Hanrahan 2001)."""
    way = np.array([[np.sin(across) * np.cos(up), np.sin(up), np.cos(across) * np.cos(up)]])
    falls = np.array([1.0] + [2 / 3] * 3 + [1 / 4] * 5) * np.pi
    return np.asarray(basis(way)[0] * falls, np.float32)


def basis(normals: NDArray[np.floating]) -> Floats:
    """The nine harmonics (n, 9), as in shade.harmonics, for numpy."""
    x, y, z = normals.T
    rows = [
        np.full_like(x, 0.282095), 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y,
        1.092548 * y * z, 0.315392 * (3 * z**2 - 1), 1.092548 * x * z, 0.546274 * (x**2 - y**2),
    ]  # fmt: skip
    return np.stack(rows, 1).astype(np.float32)


def random_pose(rng: np.random.Generator) -> Floats:
    """(3, 3) Y X Z rotation: yaw to 45 degrees either way."""
    yaw, pitch, roll = np.radians(rng.uniform(-1, 1, 3) * (YAW, PITCH, ROLL))
    turn = [cv2.Rodrigues(np.array(v, np.float64))[0] for v in
            ((0, yaw, 0), (pitch, 0, 0), (0, 0, roll))]  # fmt: skip
    return np.asarray(turn[0] @ turn[1] @ turn[2], np.float32)


def random_expression(rng: np.random.Generator) -> Floats:
    """(52,) a few shapes, left and right mostly alike; mouth open or eyes shut now and then."""
    weights = np.zeros(52, np.float32)
    for name in rng.choice(sorted(INDEX), rng.integers(2, 7)):
        if name == "tongueOut":
            continue
        value = rng.beta(1.2, 2.0)
        other = str(name).replace("Left", "*").replace("Right", "Left").replace("*", "Right")
        weights[INDEX[str(name)]] = value
        if rng.random() < 0.8:
            weights[INDEX[other]] = value
    if rng.random() < 0.4:
        weights[INDEX["jawOpen"]] = rng.uniform(0, 0.8)
    weights[INDEX["mouthClose"]] = 0
    if rng.random() < 0.2:
        weights[[INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = rng.uniform(0.6, 1)
    return weights


class Studio:
    """Draws one person at a time."""

    def __init__(self, head: Head, size: int, room: float) -> None:
        self.head, self.paint = head, Paint(head)
        self.size, self.room = size, room
        self.uv = face_uv(head)
        self.texels = texel_map(self.uv, TEXELS)
        self.face_triangles = _in_head(head, self.uv.vertices[self.uv.faces])

    def albedo(self, skin: Skin) -> Bytes:
        """The skin on the face's map (t, t, 3), black off it."""
        triangle, weights = self.texels
        there = triangle >= 0
        out = np.zeros((TEXELS, TEXELS, 3), np.float32)
        triangles = self.face_triangles[triangle[there]]
        out[there] = self.paint.colours(skin, triangles, weights[there])
        return np.rint(out * 255).astype(np.uint8)

    def draw(
        self, person: Floats, skin: Skin, known: Known, rng: np.random.Generator
    ) -> tuple[Bytes, Floats]:
        """The picture (s, s, 3), and the head's 468 landmarks on it, in pixels."""
        turned = self.head.pose(person, known.expression) @ known.rotation.T
        marks = self.head.landmarks(turned, 468)
        camera = self._camera(marks, float(rng.uniform(600, 1400)))
        hits = draw(camera, turned, self.head.faces[self.paint.shown])
        seen = hits.triangle >= 0
        triangles, weights = self.paint.shown[hits.triangle[seen]], hits.weights[seen]
        normals = vertex_normals(turned, self.head.faces)[self.head.faces[triangles]]
        normals = np.einsum("nc,ncd->nd", weights, normals)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        bright = np.maximum(basis(normals) @ known.light, DARKEST) ** (1 / GAMMA)
        out = _background(rng, camera.size)
        out[seen] = self.paint.colours(skin, triangles, weights) * bright[:, None]
        fine = np.clip(out + rng.normal(0, 0.01, out.shape), 0, 1).astype(np.float32)
        small = cv2.resize(fine, (self.size,) * 2, interpolation=cv2.INTER_AREA)
        points = (camera.project(marks)[:, :2] + 0.5) / FINER - 0.5
        return np.rint(small * 255).astype(np.uint8), points.astype(np.float32)

    def _camera(self, marks: Floats, distance: float) -> Camera:
        """The standard place: as wide as the crop, the landmarks' middle in its middle."""
        middle = (marks.min(0) + marks.max(0)) / 2
        size = self.size * FINER
        focal = size * distance / (place.SIDE * self.room)
        x, y, z = (float(v) for v in middle)
        return Camera(size, focal, distance, (x, y, z))


def _in_head(head: Head, faces: NDArray[np.integer]) -> NDArray[np.int32]:
    """Which of the head's triangles these are."""
    known = {tuple(corners): k for k, corners in enumerate(head.faces.tolist())}
    return np.array([known[tuple(corners)] for corners in faces.tolist()], np.int32)


def _background(rng: np.random.Generator, size: int) -> Floats:
    """Soft shapes of any colour, and grain."""
    coarse = rng.uniform(0, 1, (*rng.integers(2, 9, 2), 3)).astype(np.float32)
    out = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(out * rng.uniform(0.3, 1), 0, 1), np.float32)


def random_person(rng: np.random.Generator, modes: int) -> Floats:
    return np.clip(rng.normal(0, 0.9, modes), -2.2, 2.2).astype(np.float32)


def clip(
    studio: Studio, teacher: Teacher | None, kind: str, count: int, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """One person's pictures. kind `moves`: all changes; `light`: nothing but the light does.

    Landmarks are the teacher's where it sees the face; without one the head's own.
    """
    identity = random_person(rng, len(studio.head.identity_basis))
    person, skin = studio.head.person(identity), random_skin(rng, _face_points(studio.head))
    still = Known(random_pose(rng), random_expression(rng), random_light(rng))
    rows: dict[str, list[NDArray[Any]]] = {}
    frozen = int(rng.integers(1 << 31))
    for k in range(count):
        dice = np.random.default_rng(frozen) if kind == "light" else rng
        known = Known(still.rotation, still.expression, _turned(k, count, still.light, rng))
        if kind == "moves":
            known = Known(random_pose(rng), random_expression(rng), random_light(rng))
        pixels, points = studio.draw(person, skin, known, dice)
        found = points if teacher is None else _taught(teacher, pixels, points)
        if found is None:
            continue
        row: dict[str, NDArray[Any]] = {
            "pixels": pixels, "points": found, "rotation": known.rotation,
            "expression": known.expression, "light": known.light,
        }  # fmt: skip
        for name, value in row.items():
            rows.setdefault(name, []).append(value)
    made = {name: np.array(values) for name, values in rows.items()}
    return made | {"identity": identity, "albedo": studio.albedo(skin)}


def _turned(k: int, count: int, light: Floats, rng: np.random.Generator) -> Floats:
    """Frame k of a lamp that goes round from one side to the other."""
    across = -1.2 + 2.4 * k / max(1, count - 1)
    total = 0.35 * np.eye(COUNT)[0] / 0.282095 + 0.75 * lamp(across, 0.3)
    return np.asarray(total, np.float32)


def _face_points(head: Head) -> Floats:
    front = head.neutral[:, 2] > 40
    return np.asarray(head.neutral[front & (np.abs(head.neutral[:, 1]) < 90)])


def _taught(teacher: Teacher, pixels: Bytes, points: Floats) -> Floats | None:
    """The teacher's landmarks on a render, looked at where the face is known to be."""
    to_crop = place.placement(points, 256, 1.0)
    found, sure = teacher.points(place.cut(pixels, to_crop, 256))
    return place.apply(to_crop, found) if sure > SURE else None


def render(to: Path, size: int, teachers: Path | None, clips: int, frames: int = 6) -> None:
    """Packs synthetic-PART-KIND-NNN.npz; those there already are kept."""
    studio, teacher = Studio(Head.load(), size, place.ROOM), Teacher(teachers)
    tests = max(2, clips // 12)
    plan = [("test", kind, n) for n in range(tests) for kind in ("moves", "light")]
    plan += [("train", "moves", n) for n in range(clips)]
    for part, kind, n in tqdm(plan, "renders", mininterval=2):
        file = to / f"synthetic-{part}-{kind}-{n:03d}.npz"
        if file.exists():
            continue
        _person(studio, teacher, file, part, kind, n, frames)


def _person(
    studio: Studio, teacher: Teacher | None, file: Path, part: str, kind: str, n: int, frames: int
) -> None:
    """Made-up person n of a part and kind, the same each time."""
    seed = [ord(c) for c in part + kind]
    made = clip(studio, teacher, kind, frames, np.random.default_rng([n, *seed]))
    if "pixels" in made:
        said = {"name": file.stem, "person": file.stem, "source": "synthetic"}
        _write(file, made, said)


def render_told(to: Path, size: int, people: int, workers: int, frames: int = 4) -> None:
    """Renders for the row that is told what they hold: landmarks too are the head's own.

    Packs synthetic-train-moves-NNNNN.npz by `workers` processes; those there already are kept.
    """
    to.mkdir(parents=True, exist_ok=True)
    shares = [(to, size, range(k, people, workers), frames) for k in range(workers)]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for done in [pool.submit(_share, *share) for share in shares]:
            done.result()


def _share(to: Path, size: int, numbers: range, frames: int) -> None:
    cv2.setNumThreads(1)
    studio = Studio(Head.load(), size, place.ROOM)
    for n in numbers:
        file = to / f"synthetic-train-moves-{n:05d}.npz"
        if not file.exists():
            _person(studio, None, file, "train", "moves", n, frames)


def _write(file: Path, made: dict[str, NDArray[Any]], said: dict[str, str]) -> None:
    count = len(made["pixels"])
    beside = file.with_suffix(".new.npz")
    times = np.arange(count, dtype=np.float32) / 25
    np.savez(beside, said=json.dumps([said] * count), times=times, **made)  # type: ignore[arg-type]
    beside.replace(file)
