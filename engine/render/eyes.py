"""Eyes: painted irises, lashes, and where the lids' edges are."""

from typing import Any

import cv2
import moderngl
import numpy as np

from engine.head import Head
from engine.types import Appearance, Bytes, Floats, Ints

IRIS = 256  # texels a side
IRIS_RADIUS = 5.7  # mm
_ROWS = (0.92, 0.955), (0.96, 0.99)  # of the uv square: upper lashes, lower lashes
_DEEP = 5  # points of the lashes' surface from inside the lid to the tips
_EDGE = 0.50  # of the way out: where the lid ends
_LASHES = 512, 64  # texels along the lid and outwards


def paint_iris(ctx: moderngl.Context, look: Appearance) -> moderngl.Texture:
    """An iris over [-1.25, 1.25] radii: square root of linear colour; alpha fades at the limbus."""
    texture = ctx.texture((IRIS, IRIS), 4, iris_image(look).tobytes())
    texture.build_mipmaps()
    texture.repeat_x = texture.repeat_y = False
    return texture


def iris_image(look: Appearance) -> Bytes:
    """(IRIS, IRIS, 4): pupil, radial fibres, a lighter collarette, a dark limbal ring."""
    grid = (np.arange(IRIS) + 0.5) / IRIS * 2.5 - 1.25
    x, y = np.meshgrid(grid, grid)
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    pupil = look.extra.get("pupil", 0.37)
    colour = np.ones((IRIS, IRIS, 1)) * look.iris
    inner = 0.55 * np.exp(-(((r - pupil - 0.12) / 0.13) ** 2))[..., None]
    warm = colour * 0.6 + np.array([0.14, 0.076, 0.027])
    colour = colour * (1 - inner) + warm * inner
    fibres = 0.55 * _fibres(r, angle) * np.clip((r - pupil) * 3, 0, 1)
    colour = colour * (1.0 + fibres)[..., None] * (1.25 - 0.35 * r)[..., None]
    colour = colour * (1 - 0.8 * _step(0.78, 1.0, r))[..., None]
    colour = colour * (1 - 0.985 * _step(pupil + 0.04, pupil - 0.04, r))[..., None]
    alpha = 1 - _step(0.90, 1.09, r)
    out = np.concatenate([np.sqrt(np.clip(colour, 0, 1)), alpha[..., None]], 2)
    return np.rint(out * 255).astype(np.uint8)


def _fibres(r: Any, angle: Any) -> Any:
    rng = np.random.default_rng(3)
    waves = (
        np.sin(f * angle + rng.uniform(0, 6.3) + rng.uniform(-7, 7) * r) for f in (23, 41, 67, 97)
    )
    return sum(waves) / 4


def _step(low: float, high: float, x: Any) -> Any:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def lash_corners(head: Head) -> list[tuple[int, Ints]]:
    """(0 upper or 1 lower, indices of render vertices) of each of the four fringes, left first."""
    lashes = np.unique(head.corner_faces[head.parts["lashes"]])
    x = head.neutral[head.corner_vertex[lashes], 0]
    row = head.corner_uv[lashes, 1]
    return [
        (k, lashes[(x * side > 0) & (row > low) & (row < high)])
        for side in (1.0, -1.0)
        for k, (low, high) in enumerate(_ROWS)
    ]


def lash_uv(head: Head) -> Floats:
    """Render vertices' uv (r, 2) where lashes have their own: along the lid, out from the eye."""
    uv = head.corner_uv.astype(np.float32)
    for number, (lower, corners) in enumerate(lash_corners(head)):
        corners = corners[np.argsort(uv[corners, 0])].reshape(-1, _DEEP)  # one row a place along
        points = head.neutral[head.corner_vertex[corners]]
        away = np.linalg.norm(points - head.eye_centres[number // 2], axis=2)
        along = np.linspace(0, 1, len(corners))[:, None]
        uv[corners, 0] = along if number < 2 else 1 - along
        rank = np.argsort(np.argsort(away, axis=1), axis=1)
        uv[corners, 1] = (rank / (_DEEP - 1) * 0.98 + 0.01) * 0.5 + 0.5 * lower
    return uv


def paint_lashes(ctx: moderngl.Context, look: Appearance) -> moderngl.Texture:
    """How much lashes cover, upper ones in the first half of the rows, lower ones in the second."""
    rng = np.random.default_rng(2)
    amount = look.extra.get("lashes", 0.8)
    sheets = [_fringe(rng, amount, lower) for lower in (False, True)]
    texture = ctx.texture((_LASHES[0], 2 * _LASHES[1]), 1, np.concatenate(sheets).tobytes())
    texture.repeat_x = texture.repeat_y = False
    texture.build_mipmaps()
    return texture


def _fringe(rng: np.random.Generator, amount: float, lower: bool) -> Bytes:
    """One lid's lashes, from its edge (row 0) out; longer towards the temple."""
    width, height = _LASHES
    sheet = np.zeros((height, width), np.uint8)
    for x in np.linspace(0.06, 0.90, 46 if lower else 80) + rng.normal(
        0, 0.006, 46 if lower else 80
    ):
        lean = (x - 0.35) * 46 + rng.normal(0, 6)
        reach = _EDGE + (0.30 + 0.22 * x) * rng.uniform(0.7, 1.0) * (0.6 if lower else 1.0)
        t = np.linspace(0, 1, 6)
        line = np.stack(
            [x * width + lean * t**1.6, (_EDGE - 0.08 + (reach - _EDGE + 0.08) * t) * height], 1
        )
        strength = int(255 * min(1.0, amount * (0.5 if lower else 1.0)))
        for k in range(5):
            ends = (line[k : k + 2] * 16).astype(np.int32)
            cv2.polylines(sheet, [ends], False, strength, 3 if k < 2 else 2 if k < 4 else 1, 16, 4)
    edge = np.exp(-(((np.arange(height) / height - _EDGE) / 0.07) ** 2)) * 255
    liner = edge[:, None] * min(1.0, (0.25 if lower else 0.8) * amount)
    return np.maximum(sheet, liner.astype(np.uint8))


class Lids:
    """The edges of the lids, where the lashes grow, as parabolas."""

    def __init__(self, head: Head) -> None:
        edges = []
        for number, (_, corners) in enumerate(lash_corners(head)):
            vertex = head.corner_vertex[corners]
            away = np.linalg.norm(head.neutral[vertex] - head.eye_centres[number // 2], axis=1)
            edges.append(np.unique(vertex[away < np.quantile(away, 0.4)]))
        least = min(len(edge) for edge in edges)
        self._edges = np.array([edge[:least] for edge in edges])

    def __call__(self, vertices: Floats) -> Floats:
        """(4, 3) coefficients of y(x), mm: upper and lower of the left eye, then of the right."""
        x, y, _ = np.moveaxis(vertices[self._edges].astype(np.float64), 2, 0)
        powers = np.stack([np.ones_like(x), x, x * x], 2)
        square = np.einsum("enk,enl->ekl", powers, powers)
        across = np.einsum("enk,en->ek", powers, y)
        return np.asarray(np.linalg.solve(square, across[..., None])[..., 0], np.float32)


def eye_uniforms(head: Head) -> dict[str, Any]:
    left = head.neutral[np.unique(head.faces[head.parts["eye_left"]])]
    radius = float(np.linalg.norm(left - head.eye_centres[0], axis=1).mean())
    return {"centres": head.eye_centres, "radius": radius, "iris_size": IRIS_RADIUS / radius}
