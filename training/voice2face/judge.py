"""Who judges what is imagined: classifiers that had no part in the training.

Of faces: the shipped face recogniser's templates (which knows people, and nothing of their classes)
and a linear classifier on real faces; and DIMNet's face net. Of heads: a linear classifier on the
numbers of real people's heads, and its own trunk is not the critic's.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import minimize

from engine.faces.recogniser import SIDE, Recogniser
from engine.types import Bytes, Floats
from training.dimnet.data import Balanced, Rows

from .data import Material

MOST = 1600  # real faces that the judge learns from
PENALTY = 1e-2


@dataclass(frozen=True, slots=True)
class Linear:
    """Logistic regression of two classes or more on standardised features."""

    mean: Floats
    scale: Floats
    weights: Floats  # (d + 1, k)

    def __call__(self, x: Floats) -> Rows:
        """(n, d) -> classes (n,)."""
        return np.asarray((_with_one((x - self.mean) / self.scale) @ self.weights).argmax(1))


def learn(x: Floats, labels: Rows, classes: int) -> Linear:
    mean, scale = x.mean(0), x.std(0) + 1e-6
    seen, wanted = _with_one((x - mean) / scale).astype(np.float64), np.eye(classes)[labels]

    def loss(flat: "np.ndarray") -> tuple[float, "np.ndarray"]:  # type: ignore[type-arg]
        w = flat.reshape(-1, classes)
        logits = seen @ w
        logits -= logits.max(1, keepdims=True)
        p = np.exp(logits)
        p /= p.sum(1, keepdims=True)
        value = -np.log((p * wanted).sum(1) + 1e-12).mean() + PENALTY * (w**2).sum() / 2
        return float(value), (seen.T @ (p - wanted) / len(seen) + PENALTY * w).ravel()

    start = np.zeros(seen.shape[1] * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    return Linear(mean, scale, found.reshape(-1, classes).astype(np.float32))


def _with_one(x: Floats) -> Floats:
    return np.concatenate([x, np.ones((len(x), 1), x.dtype)], 1)


class FaceJudge:
    """Templates of the face recogniser, and what a linear classifier says of them."""

    def __init__(self, material: Material, seed: int = 0) -> None:
        self.recogniser = Recogniser()
        label = material.label
        rows = material.face.rows("train", label)
        drawn = Balanced(material.face, rows, (label,)).draw(MOST, np.random.default_rng(seed))
        x, y = self.templates(material.pixels[drawn]), material.face.labels[label][drawn]
        self.linear = learn(x, y, len(material.classes))

    def templates(self, faces: Bytes) -> Floats:
        """(n, d) unit, of faces (n, s, s, 3) as they lie in crops of the recogniser's."""
        large = [cv2.resize(f, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for f in faces]
        return self.recogniser.embed(np.stack(large))

    def __call__(self, faces: Bytes) -> Rows:
        return self.linear(self.templates(faces))


def head_judge(material: Material) -> Linear:
    """Of the heads' numbers, by people that the generator was trained on too."""
    rows = material.heads.side.rows("train", material.label)
    labels = material.heads.side.labels[material.label][rows]
    return learn(material.heads.numbers[rows], labels, len(material.classes))
