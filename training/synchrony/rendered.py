"""Rendered people: made-up faces that speak, watched by the engine's tracker as if by a camera.

python -m training.synchrony.rendered --out TRACKS [--people N] [--clips N]

A person is a synthetic voice, a head and a skin; what they say and how their lips go with it is
the generator's (training.data.clips). Drawn by the small rasteriser of training.head with the
paint of training.cest, the person's colours worked out once for each corner of the mesh.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from tqdm import tqdm

from engine.head import Head
from engine.types import Bytes, Floats, VideoFrame
from training.cest.render_synthetic import basis, random_light, random_person
from training.cest.shade import DARKEST, GAMMA
from training.cest.skins import Paint, random_skin
from training.data.clips import FPS as MOTION_FPS
from training.data.clips import Clip, Part, clip, part
from training.data.voices import HELD_OUT, TRAINING, Voice
from training.head.raster import Camera, draw
from training.loop import tell
from training.talking.recordings import Recording

from .tracks import Tracker, still, write

FPS = 25
PHOTO = 6  # seconds for which a photo is held
SIZE = 224  # pixels of a side
SIDE_MM = 300.0  # of what the camera sees, where the face is


@dataclass(frozen=True, slots=True)
class Actor:
    """A made-up person in front of a camera."""

    voice: Voice
    neutral: Floats  # (v, 3)
    corners: Floats  # (f, 3, 3) reflectance at each corner of the triangles that are shown

    @property
    def name(self) -> str:
        return f"{self.voice.engine}-{self.voice.name}".replace("+", "-")


class Stage:
    """Draws actors."""

    def __init__(self) -> None:
        self.head = Head.load()
        self._paint = Paint(self.head)
        self._faces = self.head.faces[self._paint.shown]
        self._sum = _incidence(self.head)
        front = (self.head.neutral[:, 2] > 40) & (np.abs(self.head.neutral[:, 1]) < 90)
        self._spots = self.head.neutral[front]

    def actor(self, voice: Voice, number: int) -> Actor:
        rng = np.random.default_rng([7, number])
        neutral = self.head.person(random_person(rng, len(self.head.identity_basis)))
        skin = random_skin(rng, self._spots)
        shown = self._paint.shown
        ends = [self._paint.colours(skin, shown, np.tile(np.eye(3, dtype=np.float32)[k],
                (len(shown), 1))) for k in range(3)]  # fmt: skip
        return Actor(voice, neutral, np.stack(ends, 1))

    def frames(self, actor: Actor, said: Clip, rng: np.random.Generator) -> Iterator[VideoFrame]:
        """What a camera sees of the clip, 25 pictures a second."""
        light = random_light(rng)
        seat = np.radians(rng.normal(0, 1, 3) * (8, 4, 2))
        behind = cv2.resize(rng.uniform(0, 0.8, (4, 5, 3)), (SIZE, SIZE)).astype(np.float32)
        shift = rng.normal(0, 12, 2).astype(np.float32)
        grain = float(rng.uniform(1, 4))
        at = np.arange(int(len(said.weights) * FPS / MOTION_FPS)) / FPS
        for t in at:
            weights = _at(t, said.weights)
            turn = _turn(_at(t, said.head) + seat)
            seen = self._draw(actor, weights, turn, light, behind, shift)
            noisy = np.clip(seen * 255 + rng.normal(0, grain, seen.shape), 0, 255)
            yield VideoFrame(float(t), _coded(noisy.astype(np.uint8)))

    def _draw(
        self, actor: Actor, weights: Floats, turn: Floats, light: Floats, behind: Floats,
        shift: Floats,
    ) -> Floats:  # fmt: skip
        points = self.head.pose(actor.neutral, weights) @ turn.T
        camera = Camera(SIZE, SIZE * 900 / SIDE_MM, 900.0, (float(shift[0]), float(shift[1]), 75.0))
        hits = draw(camera, points, self._faces)
        seen = hits.triangle >= 0
        triangle, share = hits.triangle[seen], hits.weights[seen][..., None]
        bright = np.maximum(basis(self._normals(points)) @ light, DARKEST) ** (1 / GAMMA)
        lit = (bright[self._faces[triangle]][..., None] * share).sum(1)
        out = behind.copy()
        out[seen] = (actor.corners[triangle] * share).sum(1) * lit
        return np.asarray(cv2.GaussianBlur(out, (0, 0), 0.6), np.float32)

    def _normals(self, points: Floats) -> Floats:
        a, b, c = (points[self.head.faces[:, k]] for k in range(3))
        total = self._sum @ np.cross(b - a, c - a)
        length = np.linalg.norm(total, axis=1, keepdims=True)
        return np.asarray(total / np.maximum(length, 1e-9), np.float32)


def _incidence(head: Head) -> csr_matrix:
    """(v, f): 1 where a vertex is a corner of a triangle."""
    rows = head.faces.ravel()
    columns = np.repeat(np.arange(len(head.faces)), 3)
    shape = len(head.neutral), len(head.faces)
    return coo_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape).tocsr()


def _at(t: float, values: Floats) -> Floats:
    """Between rows of a motion (n, k)."""
    k = min(int(t * MOTION_FPS), len(values) - 2)
    share = np.float32(min(t * MOTION_FPS - k, 1.0))
    return np.asarray(values[k] + share * (values[k + 1] - values[k]), np.float32)


def _turn(angles: Floats) -> Floats:
    """(3, 3) of yaw, pitch, roll, in the order Y X Z."""
    turns = [cv2.Rodrigues(np.array(v, np.float64))[0] for v in
             ((0, angles[0], 0), (angles[1], 0, 0), (0, 0, angles[2]))]  # fmt: skip
    return np.asarray(turns[0] @ turns[1] @ turns[2], np.float32)


def _coded(pixels: Bytes) -> Bytes:
    """As a camera's own compression leaves it."""
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 75])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def cast(count: int) -> list[Voice]:
    """Voices that no model was trained on first, then the others, engines and sexes mixed."""
    order = np.random.default_rng(0).permutation(len(TRAINING))
    return [*HELD_OUT, *(TRAINING[k] for k in order)][:count]


class Troupe:
    """Actors and what they do, written down clip by clip."""

    def __init__(self, out: Path, people: int) -> None:
        self.out, self.stage, self.tracker = out, Stage(), Tracker()
        self.actors = [self.stage.actor(voice, k) for k, voice in enumerate(cast(people))]
        self.lines = part("test").sentences
        for folder in (out, self.photos):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def photos(self) -> Path:
        """Where the attacks lie that are made of one picture of each clip."""
        return self.out.with_name(self.out.name + "-still")

    def act(self, k: int, number: int) -> None:
        """Clip `number` of actor k; of the first one also a photo held before the camera."""
        actor = self.actors[k]
        name = f"{actor.name}-{number:02d}.npz"
        if (self.out / name).exists():
            return
        said = clip(Part([actor.voice], self.lines, vary=False), number, 4, seed=1000 + k)
        frames = list(self.stage.frames(actor, said, np.random.default_rng([number, k])))
        one = Recording(Path(name), name[:-4], f"rendered:{actor.name}", f"rendered:{name[:-4]}")
        held = [] if number else [(self.photos, still(frames[: PHOTO * FPS], k))]
        for folder, shown in (*held, (self.out, iter(frames))):
            if len(found := self.tracker.track(shown)) > FPS:
                write(folder / name, one, found, said.samples, 0.0)


def make(out: Path, people: int, clips: int) -> None:
    """Round by round, so that everybody has acted when it is stopped."""
    troupe = Troupe(out, people)
    plan = [(k, n) for n in range(clips) for k in range(people)]
    for k, n in tqdm(plan, "acting", mininterval=5):
        troupe.act(k, n)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.synchrony.rendered", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--clips", type=int, default=6, help="of each person")
    args = parser.parse_args()
    make(args.out, args.people, args.clips)
    tell(f"{len(list(args.out.glob('*.npz')))} clips in {args.out}")


if __name__ == "__main__":
    main()
