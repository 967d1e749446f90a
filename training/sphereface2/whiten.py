"""What varies within people, made the same in all directions, in the net's last layer.

Within-class covariance normalisation (Hatch et al., 2006): x -> (S + a I)^(-1/2) x with S
the covariance of embeddings about their person's mean, over people that were learnt from. Cosines
then count a direction by how little one person's pictures differ in it. The mean stays: dlib's own
embeddings lose 11 points of TAR at FMR 1e-3 on training people without it.
"""

import numpy as np
import torch
from torch import nn

from engine.types import Floats

from .faces import Faces, Rows
from .measures import Doubles
from .net import embeddings

LEAST, MOST = 3, 6  # pictures of a person that are looked at
RIDGE = 1.0  # a, of the mean variance; chosen on the dev people


def whiten(net: nn.Module, faces: Faces, size: int, seed: int = 0) -> None:
    """Changes `net.out` by what the training people of `faces` show."""
    seen = _some(faces.part("train").at_least(LEAST), seed)
    matrix = normaliser(embeddings(net, seen.pixels, size, raw=True), seen.person)
    out = net.out
    assert isinstance(out, nn.Linear) and out.bias is not None
    with torch.no_grad():
        w = torch.from_numpy(matrix.astype(np.float32)).to(out.weight.device)
        out.bias.copy_(w @ out.bias)
        out.weight.copy_(w @ out.weight)


def normaliser(raw: Floats, person: Rows, ridge: float = RIDGE) -> Doubles:
    """The matrix (d, d) for embeddings (n, d) of people (n,)."""
    x = raw.astype(np.float64)
    counts = np.bincount(person)
    sums = np.zeros((len(counts), x.shape[1]))
    np.add.at(sums, person, x)
    away = x - (sums / counts[:, None])[person]
    within = away.T @ away / max(len(x) - len(counts), 1)
    values, vectors = np.linalg.eigh(within)
    values = np.maximum(values, 0) + ridge * within.trace() / len(within)
    # one factor keeps numbers in their range: cosines do not see it
    factor = np.sqrt(values.mean())
    return np.asarray(factor * (vectors / np.sqrt(values)) @ vectors.T)


def _some(faces: Faces, seed: int) -> Faces:
    """At most MOST pictures a person, for some have hundreds."""
    order = np.random.default_rng(seed).permutation(len(faces))
    rank = np.zeros(len(faces), np.int64)
    count = np.zeros(len(faces.people), np.int64)
    for row in order:
        rank[row] = count[faces.person[row]]
        count[faces.person[row]] += 1
    return faces.take(rank < MOST)
