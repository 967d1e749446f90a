"""The small space in which MeshTalk's V x 3 layers are factored, and its losses measured exactly.

Displacements from the template live in the span of U (principal components of the data set's own
displacements), templates in the span of P. A dense layer on V x 3 numbers that lie in a span is
the same as a dense layer on their coordinates in it, and an L2 loss over vertices with a mask is
the quadratic form e' (U' M U) e of the coordinates' error e. This is the one difference from the
paper's nets; it makes them independent of V, and a thousand times smaller.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from engine.errors import ConfigError
from engine.head import Head
from engine.head.arkit import ARKIT
from engine.types import Floats

MOST_MODES = 96


@dataclass(frozen=True, slots=True)
class Space:
    """Orthonormal bases with the spread of the data along each direction."""

    modes: Floats  # U (k, v, 3), orthonormal rows
    spread: Floats  # (k,) root mean square of the data's displacement along each, millimetres
    template_mean: Floats  # (v, 3) millimetres
    template_modes: Floats  # P (p, v, 3), orthonormal rows
    template_spread: Floats  # (p,) millimetres
    explained: float  # of the displacements' squared length
    template_explained: float
    manners: tuple[str, ...] = ()  # ways of moving that a net is told apart; the first is its own

    def template(self, person: Floats, manner: str = "") -> Floats:
        """Whitened coordinates (p,) of a neutral face (v, 3), and a one of the manner's (m,)."""
        away = (person - self.template_mean).ravel()
        flat = self.template_modes.reshape(len(self.template_modes), -1)
        told = [name == (manner or self.manners[0]) for name in self.manners]
        if told and not any(told):
            raise ConfigError(f"no manner {manner}: there are {', '.join(self.manners)}")
        return np.concatenate([flat @ away / self.template_spread, told]).astype(np.float32)

    def coordinates(self, displacements: Floats) -> Floats:
        """Whitened coordinates (n, k) of displacements (n, v, 3) in millimetres."""
        flat = displacements.reshape(len(displacements), -1)
        return flat @ self.modes.reshape(len(self.modes), -1).T / self.spread


def principal(rows: Floats, most: int, least: float) -> tuple[Floats, Floats, float]:
    """Orthonormal directions (k, d) of `rows` (n, d), their spread (k,) and the share explained."""
    gram = (rows @ rows.T).astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    order = np.argsort(values)[::-1]
    keep = [i for i in order[:most] if values[i] > least * values[order[0]]]
    root = np.sqrt(values[keep])
    directions = (vectors[:, keep] / root).T @ rows
    spread = root / np.sqrt(len(rows))
    return (
        directions.astype(np.float32),
        spread.astype(np.float32),
        float(values[keep].sum() / values.sum()),
    )


def head_space(
    head: Head, sample: Iterable[tuple[Floats, Floats]], templates: int,
    manners: tuple[str, ...] = (),
) -> Space:  # fmt: skip
    """The space of a sample of the data's motion: persons (v, 3), each with weights (n, 52)."""
    v = len(head.neutral)
    moved = [w @ head.shapes(person).reshape(len(ARKIT), -1) for person, w in sample]
    modes, spread, explained = principal(np.concatenate(moved), MOST_MODES, 1e-7)
    people = head.identity_basis.reshape(len(head.identity_basis), -1)
    faces, wide, share = principal(people, templates, 1e-8)
    return Space(
        modes.reshape(-1, v, 3), spread, head.neutral, faces.reshape(-1, v, 3),
        wide * np.float32(np.sqrt(len(people))), explained, share, manners,
    )  # fmt: skip


def root_gram(rows: Iterable[Floats], spread: Floats) -> Floats:
    """R (k, k) with |e R|^2 = sum over `rows` r (k,) of (r . (spread * e))^2."""
    scaled = np.stack(list(rows)).astype(np.float64) * spread
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    return (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)


def mask_root(space: Space, mask: Floats) -> Floats:
    """R of the loss sum_v mask(v) |error_v|^2 / (3 sum mask), for whitened errors."""
    kept = mask > 1e-4
    scale = np.sqrt(mask[kept] / (3 * mask.sum()))
    rows = (space.modes[:, kept] * scale[:, None]).reshape(len(space.modes), -1).T
    return root_gram(rows, space.spread)


INNER_LIPS = ((61, 67), (62, 66), (63, 65))  # of the 68 landmarks: upper, lower


def opening_root(head: Head, space: Space) -> Floats:
    """R of the loss on the lips' vertical opening: its mean square over three pairs of points."""
    height = np.stack([head.landmarks(mode, 68)[:, 1] for mode in space.modes])
    rows = [(height[:, u] - height[:, w]) / np.sqrt(len(INNER_LIPS)) for u, w in INNER_LIPS]
    return root_gram(rows, space.spread)


def eyelid_mask(head: Head) -> Floats:
    """Key points of the lids (v,), 1 or 0: what a blink moves most."""
    blink = sum(head.expression_basis[ARKIT.index(f"eyeBlink{s}")] for s in ("Left", "Right"))
    moved = np.linalg.norm(np.asarray(blink), axis=1)
    return (moved > 0.6 * moved.max()).astype(np.float32)
