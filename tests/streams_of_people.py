"""People on a sphere and recordings of them, as embeddings; and what a model of their scores is."""

import math
from dataclasses import dataclass

import numpy as np

from engine.verify.scores import ScoreModel, fit

DIM, FPS = 128, 5.0


def unit(x):
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class World:
    """People on a sphere, some of them alike; frames with noise that lasts, and some that goes by.

    `session` stays for a whole stream (light, glasses), `noise` is correlated over 0.4 s.
    """

    session: float
    noise: float

    def people(self, n, rng):
        families = unit(rng.standard_normal((max(n // 6, 1), DIM)))
        own = unit(rng.standard_normal((n, DIM)))
        return unit(own + 0.45 * families[rng.integers(len(families), size=n)])

    def streams(self, people, n, rng):
        """(p, n, DIM) unit embeddings of n frames of each of `people`."""
        last = rng.standard_normal((len(people), DIM))
        steady = people + self.session / math.sqrt(DIM) * rng.standard_normal((len(people), DIM))
        keep = math.exp(-1 / FPS / 0.4)
        frames = []
        for _ in range(n):
            frames.append(unit(steady + self.noise / math.sqrt(DIM) * last))
            last = keep * last + math.sqrt(1 - keep**2) * rng.standard_normal((len(people), DIM))
        return np.stack(frames, 1)

    def templates(self, people, rng):
        """(p, DIM) from three pictures of three sessions."""
        return unit(sum(self.streams(people, 1, rng)[:, 0] for _ in range(3)))


@dataclass(frozen=True)
class Enrolled:
    """Templates, looked through one by one."""

    templates: np.ndarray

    def __len__(self):
        return len(self.templates)

    def nearest(self, mean, k):
        scores = self.templates @ mean
        best = np.argsort(-scores)[:k]
        return [(str(i), float(scores[i])) for i in best]

    def similarity(self, name, mean):
        return float(self.templates[int(name)] @ mean) if int(name) < len(self) else None


def score_model(world, people=400, seed=0) -> ScoreModel:
    """Measured on people who are in no test."""
    rng = np.random.default_rng(seed)
    who = world.people(people, rng)
    templates, streams = world.templates(who, rng), world.streams(who, 20, rng)
    scores, t = streams[:, 0] @ templates.T, np.arange(20) / FPS
    other = np.roll(templates, 7, 0)
    return fit(
        scores[~np.eye(people, dtype=bool)], np.diag(scores), people,
        [(t, s @ x) for s, x in zip(streams, other, strict=True)],
        [(t, s @ x) for s, x in zip(streams, templates, strict=True)],
    )  # fmt: skip


HARD, CLEAR = World(1.0, 2.0), World(0.7, 1.0)
