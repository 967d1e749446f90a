"""Landmarks in a video -> the head model's pose, expression and identity.

Weak perspective, as CEST (ICCV 2021, supplement eq. 11): a point of the head lands at
s (R x)[:2] + shift, y turned down. Pose by Gauss-Newton on what is rigid; expression by bounded
least squares over all frames of a clip at once, where a weight's change from frame to frame costs;
identity from frames of all of a person's clips. Residuals are in millimetres of the head.
"""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from engine.head import Head
from engine.head.arkit import ARKIT, INDEX
from engine.types import Floats
from training.head.landmarks import (
    BROWS,
    INNER_LIPS,
    JAW,
    LID_CORNERS,
    LID_LOWER,
    LID_UPPER,
    LIP_CORNERS,
    LIP_PAIRS,
    NOSE,
    OUTER_LIPS,
)  # fmt: skip

from .habit import LID_PAIRS

Doubles = NDArray[np.float64]
MODES = 50  # of the identity basis
ROUNDS = 3  # pose and expression in turn
DOUBT = 1.5  # millimetres of residual from which on a point counts less
RIDGE = 20.0  # what a weight of 1 costs, in square millimetres
TOGETHER = 40.0  # what it costs when left and right differ by 1
PRIOR = 1.0  # what one standard deviation of identity costs a frame
OWN = 0.5  # what a point's own place on a person costs a frame, per square millimetre
GAP = 25.0  # how much more the height of an opening counts than where its edges are
CHIN = (152, 148, 377, 176, 400, 175, 171, 396, 199, 208, 428)
LIDS = (*LID_UPPER["Right"], *LID_UPPER["Left"], *LID_LOWER["Right"], *LID_LOWER["Left"],
        *LID_CORNERS["Right"], *LID_CORNERS["Left"])  # fmt: skip
# Which shapes a camera cannot tell apart, or that landmarks do not show.
UNSEEN = ("tongueOut", "cheekPuff", "jawForward", "mouthShrugLower", "cheekSquintLeft",
          "cheekSquintRight", "noseSneerLeft", "noseSneerRight")  # fmt: skip
LOOKS = tuple(n for n in ARKIT if n.startswith("eyeLook"))


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head is in n frames."""

    scale: Doubles  # (n,) pixels a millimetre
    rotation: Doubles  # (n, 3, 3)
    shift: Doubles  # (n, 2) pixels

    def project(self, points: Floats) -> Doubles:
        """Points (n, p, 3) or (p, 3) in head space -> pixels (n, p, 2)."""
        turned = (
            np.einsum("nij,...pj->npi", self.rotation[:, :2], points)
            if points.ndim == 2
            else (np.einsum("nij,npj->npi", self.rotation[:, :2], points))
        )
        return turned * (self.scale[:, None, None] * [1, -1]) + self.shift[:, None]

    def angles(self) -> Floats:
        """(n, 3) yaw, pitch, roll in radians of R = Ry Rx Rz."""
        r = self.rotation
        yaw = np.arctan2(r[:, 0, 2], r[:, 2, 2])
        pitch = -np.arcsin(np.clip(r[:, 1, 2], -1, 1))
        roll = np.arctan2(r[:, 1, 0], r[:, 1, 1])
        return np.stack([yaw, pitch, roll], 1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Fit:
    """A clip's motion, frame by frame of the video."""

    weights: Floats  # (n, 52) in [0, 1]
    pose: Pose
    residual: Floats  # (n,) root mean square, millimetres


def point_weights() -> Floats:
    """(468,) how much each point counts: lids and lips most, the silhouette least."""
    out = np.ones(468, np.float32)
    for numbers, value in (
        (JAW, 0.35), (CHIN, 2.0), (BROWS, 1.5), (NOSE, 1.5), (OUTER_LIPS, 3.0), (INNER_LIPS, 3.0),
        (LIDS, 2.5), (LIP_CORNERS, 4.0),
    ):  # fmt: skip
        out[list(numbers)] = value
    return out


class Surface:
    """A person's 468 points and how the 52 shapes move them."""

    def __init__(self, head: Head, identity: Floats, own: Floats | None = None) -> None:
        """`own` (468, 3) millimetres: where this person's points lie beyond what identity says."""
        person = head.person(identity)
        self.points = head.landmarks(person, 468) + (0 if own is None else own)
        self.shapes = _at_landmarks(head, head.shapes(person))
        self.identity = identity

    def posed(self, weights: Floats) -> Floats:
        """(n, 468, 3) with weights (n, 52)."""
        moved = weights @ self.shapes.reshape(len(ARKIT), -1)
        return self.points + moved.reshape(len(weights), -1, 3)


def _at_landmarks(head: Head, fields: Floats) -> Floats:
    """Fields (k, v, 3) over the vertices, at the 468 landmarks: (k, 468, 3)."""
    corners = head.faces[head.landmark_faces[468]]
    return np.einsum("pc,kpcd->kpd", head.landmark_weights[468], fields[:, corners])


def find_pose(points: Floats, seen: Floats, trust: Floats) -> Pose:
    """Pose that lays points (n, 468, 3) on those seen (n, 468, 2), weighted by trust (n, 468)."""
    pose = _first_pose(points, seen, trust)
    for _ in range(6):
        pose = _better_pose(pose, points, seen, trust)
    return pose


def _first_pose(points: Floats, seen: Floats, trust: Floats) -> Pose:
    """Affine camera by least squares, made a scaled rotation."""
    w = trust / trust.sum(1, keepdims=True)
    middle, there = np.einsum("np,npd->nd", w, points), np.einsum("np,npd->nd", w, seen)
    x, q = points - middle[:, None], (seen - there[:, None]) * [1, -1]
    square = np.einsum("np,npi,npj->nij", w, x, x) + 1e-3 * np.eye(3)
    affine = np.linalg.solve(square, np.einsum("np,npi,npj->nij", w, x, q)).transpose(0, 2, 1)
    u, size, vt = np.linalg.svd(affine, full_matrices=False)
    rows = u @ vt
    rotation = np.concatenate([rows, np.cross(rows[:, 0], rows[:, 1])[:, None]], 1)
    scale = size.mean(1)
    turned = np.einsum("nij,nj->ni", rotation[:, :2], middle) * scale[:, None] * [1, -1]
    return Pose(scale, rotation, there - turned)


def _better_pose(pose: Pose, points: Floats, seen: Floats, trust: Floats) -> Pose:
    """One Gauss-Newton step over log scale, a small turn, and the shift."""
    y = points @ pose.rotation.transpose(0, 2, 1) * pose.scale[:, None, None]
    error = seen - (y[..., :2] * [1, -1] + pose.shift[:, None])
    zero, one = np.zeros_like(y[..., 0]), np.ones_like(y[..., 0])
    right = np.stack([y[..., 0], zero, y[..., 2], -y[..., 1], one, zero], -1)
    down = np.stack([-y[..., 1], y[..., 2], zero, -y[..., 0], zero, one], -1)
    rows = np.concatenate([right, down], 1)
    weighted = (rows * np.tile(trust, 2)[..., None]).transpose(0, 2, 1)
    slope = weighted @ np.concatenate([error[..., 0], error[..., 1]], 1)[..., None]
    step = np.linalg.solve(weighted @ rows + 1e-6 * np.eye(6), slope)[..., 0]
    return Pose(
        pose.scale * np.exp(step[:, 0]), _turned(step[:, 1:4]) @ pose.rotation,
        pose.shift + step[:, 4:],
    )  # fmt: skip


def _turned(vectors: Doubles) -> Doubles:
    """Rodrigues: rotation vectors (n, 3) -> (n, 3, 3)."""
    angle = np.linalg.norm(vectors, axis=1)[:, None, None]
    x, y, z = (vectors / np.maximum(angle[:, 0], 1e-12)).T
    o = np.zeros_like(x)
    cross = np.stack([o, -z, y, z, o, -x, -y, x, o], 1).reshape(-1, 3, 3)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


@numba.njit(cache=True, fastmath=True)
def _descend(
    normal: Doubles, right: Doubles, stiff: Doubles, free: NDArray[np.bool_], w: Doubles,
    sweeps: int,
) -> None:  # fmt: skip
    """Minimises sum_t w_t'N_t w_t / 2 - r_t'w_t + sum stiff (w_t - w_(t-1))^2 / 2 within [0, 1]."""
    frames, shapes = w.shape
    for sweep in range(sweeps):
        largest = 0.0
        for i in range(frames):
            t = i if sweep % 2 == 0 else frames - 1 - i
            for k in range(shapes):
                if not free[k]:
                    continue
                pull, hold = right[t, k], normal[t, k, k]
                for j in range(shapes):
                    if j != k:
                        pull -= normal[t, k, j] * w[t, j]
                if t > 0:
                    pull += stiff[k] * w[t - 1, k]
                    hold += stiff[k]
                if t < frames - 1:
                    pull += stiff[k] * w[t + 1, k]
                    hold += stiff[k]
                wanted = min(max(pull / hold, 0.0), 1.0)
                largest = max(largest, abs(wanted - w[t, k]))
                w[t, k] = wanted
        if largest < 1e-4:
            return


def stiffness(fps: float) -> Doubles:
    """(52,) what a change from one frame to the next costs; lids may move fast."""
    out = np.full(len(ARKIT), 60.0)
    for k, name in enumerate(ARKIT):
        if name.startswith("eyeBlink"):
            out[k] = 1.0
        elif name.startswith(("mouth", "jawOpen")):
            out[k] = 8.0
    return out * (fps / 30)


FREE = np.array([n not in UNSEEN and n not in LOOKS for n in ARKIT])
CHEAP = {
    "jawOpen": 0.05, "eyeBlink": 0.1, "mouthClose": 0.5, "mouthFunnel": 0.6, "mouthPucker": 0.6,
    "mouthSmile": 1.0, "mouthUpperUp": 3.0, "mouthLowerDown": 6.0, "browInnerUp": 0.8,
    "browDown": 1.0, "browOuterUp": 1.0, "eyeSquint": 6.0, "eyeWide": 1.0,
}  # fmt: skip


def ridge() -> Floats:
    """(52, 52) what weights cost: common ones little, and the two sides' difference."""
    group = [n.removesuffix("Left").removesuffix("Right") for n in ARKIT]
    out = np.diag([RIDGE * CHEAP.get(g, 2.0) for g in group])
    for k, name in enumerate(ARKIT):
        other = INDEX.get(name.removesuffix("Left") + "Right", k)
        if (
            name.endswith("Left")
            and not name.startswith(("jaw", "eyeLook"))
            and name != "mouthLeft"
        ):
            out[k, k] += TOGETHER
            out[other, other] += TOGETHER
            out[k, other] = out[other, k] = -TOGETHER
    return out.astype(np.float32)


_RIDGE = ridge()


def find_expression(
    surface: Surface, pose: Pose, seen: Floats, trust: Floats, start: Floats, stiff: Doubles
) -> Floats:
    """Weights (n, 52) in [0, 1]; `start` holds the gaze, which is not changed."""
    n, shapes = len(seen), len(ARKIT)
    normal, right = np.empty((n, shapes, shapes)), np.empty((n, shapes))
    basis = np.ascontiguousarray(surface.shapes.transpose(2, 1, 0)).reshape(3, -1)
    pairs = GAP * _pair_trust(trust)
    # seen - shift, in millimetres and with y up, is R (points + w . shapes)
    there = (seen - pose.shift[:, None]) * [1, -1] / pose.scale[:, None, None]
    for t in range(n):
        view = pose.rotation[t, :2].astype(np.float32)
        rows = (view @ basis).reshape(2, -1, shapes)
        error = (there[t] - surface.points @ view.T).T.astype(np.float32)
        rows, error = _with_gaps(rows), _with_gaps(error[..., None])
        weighted = rows * np.concatenate([trust[t], trust[t], pairs[t]])[:, None]
        normal[t] = weighted.T @ rows + _RIDGE
        right[t] = (weighted.T @ error)[:, 0]
    weights = start.astype(np.float64)
    _descend(normal, right, stiff, FREE, weights, 60)
    return weights.astype(np.float32)


_PAIRS = np.array([*LIP_PAIRS, *LID_PAIRS])


def _with_gaps(rows: Floats) -> Floats:
    """Rows (2, 468, k) for x and y, flat, with the heights between lips and lids after them."""
    heights = rows[1, _PAIRS[:, 0]] - rows[1, _PAIRS[:, 1]]
    return np.concatenate([rows[0], rows[1], heights])


def _pair_trust(trust: Floats) -> Floats:
    return trust[:, _PAIRS].mean(-1) / 3


def residuals(surface: Surface, pose: Pose, weights: Floats, seen: Floats) -> Doubles:
    """(n, 468) millimetres between where points are and where they were seen."""
    away = pose.project(surface.posed(weights)) - seen
    return np.asarray(np.linalg.norm(away, axis=2) / pose.scale[:, None])


def doubted(weights: Floats, off: Doubles) -> Floats:
    """Trust (n, 468): what lies far off counts less (Geman and McClure)."""
    return (weights / (1 + (off / DOUBT) ** 2) ** 2).astype(np.float32)


def fit_clip(
    surface: Surface, seen: Floats, looks: Floats | None, fps: float, rounds: int = ROUNDS
) -> Fit:
    """Pose and expression of all frames (n, 468, 2) of a clip; `looks` (n, 52) holds the gaze."""
    base = np.broadcast_to(point_weights(), seen.shape[:2])
    weights = np.zeros((len(seen), len(ARKIT)), np.float32) if looks is None else looks.copy()
    trust = np.ascontiguousarray(base)
    stiff = stiffness(fps)
    for _ in range(rounds):
        pose = find_pose(surface.posed(weights), seen, trust)
        weights = find_expression(surface, pose, seen, trust, weights, stiff)
        trust = doubted(base, residuals(surface, pose, weights, seen))
    off = residuals(surface, pose, weights, seen)
    return Fit(weights, pose, np.sqrt((off**2).mean(1)).astype(np.float32))


def find_surface(head: Head, seen: Floats, modes: int = MODES) -> Surface:
    """A person, from frames (n, 468, 2) in which the face rests: identity, then each point's own
    place, which takes up what the identity basis and the teacher's habits leave over."""
    identity = np.zeros(len(head.identity_basis), np.float32)
    own = np.zeros((468, 3), np.float32)
    basis = _at_landmarks(head, head.identity_basis[:modes])
    base = np.broadcast_to(point_weights(), seen.shape[:2])
    trust = np.ascontiguousarray(base)
    rest = np.zeros((len(seen), len(ARKIT)), np.float32)
    for _ in range(10):
        surface = Surface(head, identity, own)
        pose = find_pose(surface.posed(rest), seen, trust)
        identity[:modes] += _identity_step(surface, basis, pose, seen, trust, identity[:modes])
        surface = Surface(head, identity, own)
        own = own + _own_step(surface, pose, seen, trust, own)
        trust = doubted(base, residuals(Surface(head, identity, own), pose, rest, seen))
    return Surface(head, identity, own)


def _errors(surface: Surface, pose: Pose, seen: Floats) -> Doubles:
    """(n, 468, 2) millimetres, y up, by which the resting surface misses what was seen."""
    there = (seen - pose.shift[:, None]) * [1, -1] / pose.scale[:, None, None]
    return np.asarray(there - surface.points @ pose.rotation[:, :2].transpose(0, 2, 1))


def _identity_step(
    surface: Surface, basis: Floats, pose: Pose, seen: Floats, trust: Floats, now: Floats
) -> Floats:
    """The change of the modes that fits best, with a prior of unit variance."""
    k = len(basis)
    normal, right = PRIOR * len(seen) * np.eye(k), -PRIOR * len(seen) * now.astype(np.float64)
    for view, error, weight in zip(
        pose.rotation[:, :2], _errors(surface, pose, seen), trust, strict=True
    ):
        rows = (basis @ view.T.astype(np.float32)).reshape(k, -1)
        weighted = rows * np.repeat(weight, 2)
        normal += weighted @ rows.T
        right += weighted @ error.ravel()
    return np.linalg.solve(normal, right).astype(np.float32)


def _own_step(surface: Surface, pose: Pose, seen: Floats, trust: Floats, own: Floats) -> Floats:
    """The change (468, 3) of each point's own place, with a prior that draws it to none."""
    view, error = pose.rotation[:, :2], _errors(surface, pose, seen)
    normal = np.einsum("np,nai,naj->pij", trust, view, view) + OWN * len(seen) * np.eye(3)
    right = np.einsum("np,nai,npa->pi", trust, view, error) - OWN * len(seen) * own
    return np.linalg.solve(normal, right[..., None])[..., 0].astype(np.float32)
