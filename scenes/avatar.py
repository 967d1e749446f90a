"""The avatar: a head and shoulders that speak."""

from pathlib import Path
from typing import Any

import moderngl
import numpy as np

from engine.head import ARKIT, Head
from engine.render import camera
from engine.render.canvas import Canvas, program, set_uniforms
from engine.render.cloth import VEE, A, B, C, Cloth, covered
from engine.render.config import RenderConfig, parse_background
from engine.render.light import LightBaker
from engine.render.locks import Hair, cap, grow
from engine.render.skin import paint_iris, paint_skin
from engine.render.surface import Normals, Surface, head_corners
from engine.types import Appearance, Floats, World

SHADERS = Path(__file__).parent / "shaders"
UPPER_LASHES, LOWER_LASHES = (0.92, 0.955), (0.96, 0.99)  # rows of the uv square
STUDIO = (0.235, 0.255, 0.285), (0.145, 0.150, 0.165)  # sRGB, top and bottom


class Scene:
    """One person, from the chest up."""

    needs = ("speech",)

    def __init__(
        self, canvas: Canvas, head: Head, appearance: Appearance, config: RenderConfig
    ) -> None:
        self.canvas, self.head, self.config = canvas, head, config
        ctx = canvas.ctx
        corners = head_corners(head)
        self.person = head.person(appearance.identity)
        self.surface = Surface(ctx, corners)
        self.normals = Normals(head.faces, len(head.neutral))
        self.cloth = Cloth(ctx, head, self.person, appearance)
        self._move(self.person)
        self.albedo, self.detail = paint_skin(ctx, SHADERS, head, corners, appearance)
        self.iris = paint_iris(ctx, appearance)
        self.programs: dict[str, Any] = {}
        self._skin = self._part("skin", ["skin"], albedo=0, detail=1)
        self._cloth = self._garment(appearance)
        self._eyes = self._part("eye", ["eye_left", "eye_right"], iris=0, **_eyes(head))
        self._mouth = [
            (self._part("mouth", parts), {"tint": tint, "gloss": gloss})
            for parts, tint, gloss in (
                (["teeth_upper", "teeth_lower"], (0.72, 0.66, 0.54), 0.25),
                (["tongue"], (0.42, 0.13, 0.12), 0.12),
                (["mouth_inner"], (0.30, 0.07, 0.065), 0.05),
            )
        ]
        self._background = self._wall()
        self._cap = cap(head, self.person, appearance)
        self._hair = self._locks(appearance)
        self._lids = Lids(head)
        self._bake_light(self._baker)
        self._inner_lips = _inner_lips(head)

    def draw(self, world: World) -> None:
        ctx = self.canvas.ctx
        self._move(world.face.vertices)
        self._pose(world)
        ctx.enable(moderngl.DEPTH_TEST)
        ctx.disable(moderngl.BLEND | moderngl.CULL_FACE)
        self.albedo.use(0)
        self.detail.use(1)
        self._skin.render()
        self._cloth.render()
        self.iris.use(0)
        self._eyes.render()
        for mesh, paint in self._mouth:
            set_uniforms(mesh.program, **paint)
            mesh.render()
        if self._hair:
            self.hair.sheet.use(0)
            ctx.enable(moderngl.BLEND)
            ctx.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
            self._hair.render()
            ctx.disable(moderngl.BLEND)
        if self._background:
            ctx.depth_func = "<="
            self._background.render(moderngl.TRIANGLES, vertices=3)
            ctx.depth_func = "<"

    def _move(self, vertices: Floats) -> None:
        self.surface.move(vertices, self.normals(vertices))
        self.cloth.move(vertices)

    def _locks(self, look: Appearance) -> moderngl.VertexArray | None:
        ctx, head, cloth = self.canvas.ctx, self.head, self.cloth.surface
        baker = self._baker = LightBaker(ctx)
        solid = [head.parts[p] for p in ("skin", "eye_left", "eye_right", "mouth_inner")]
        baker.add(self.person, head.faces[np.concatenate(solid)])
        baker.add(cloth.moving[:, :3], self.cloth.solid)
        skin = np.unique(head.faces[head.parts["skin"]])
        points = np.concatenate([self.person[skin], cloth.moving[:, :3]])
        normals = np.concatenate([self.normals(self.person)[skin], cloth.moving[:, 3:]])
        ribbons = grow(head, self.person, look, (points, normals))
        if ribbons is None:
            return None
        baker.add(ribbons.position, ribbons.triangles)
        self.hair = Hair(ctx, ribbons)
        self.programs["hair"] = program(
            ctx, SHADERS, "hair.vert.glsl", "hair.frag.glsl", sheet=0, dye=look.hair,
            grey=look.extra.get("grey", 0.0), camera=camera.projection(self.canvas.aspect),
            viewer=tuple(camera.viewer()),
        )  # fmt: skip
        return self.hair.mesh(self.programs["hair"], baker)

    def _bake_light(self, baker: LightBaker) -> None:
        cloth = self.cloth.surface
        everything = np.concatenate([self.surface.moving, cloth.moving])
        light = baker.light(everything[:, :3], everything[:, 3:])
        count = len(self.surface.moving)
        self.surface.set_light(light[:count])
        cloth.set_light(light[count:])

    def _garment(self, look: Appearance) -> moderngl.VertexArray:
        self.programs["cloth"] = self._program(
            "cloth", dye=look.garment, neckline=(A, B, C, self.cloth.vee * VEE)
        )
        return self.cloth.surface.mesh(self.programs["cloth"], self.cloth.triangles)

    def _program(self, material: str, **values: Any) -> Any:
        return program(
            self.canvas.ctx, SHADERS, "head.vert.glsl", f"{material}.frag.glsl",
            camera=camera.projection(self.canvas.aspect), viewer=tuple(camera.viewer()), **values,
        )  # fmt: skip

    def _part(self, material: str, parts: list[str], **values: Any) -> moderngl.VertexArray:
        if material not in self.programs:
            self.programs[material] = self._program(material, **values)
        index = np.concatenate([self.head.parts[part] for part in parts])
        index = np.setdiff1d(index, covered(self.head, self.cloth.vee))
        return self.surface.mesh(self.programs[material], self.head.corner_faces[index])

    def _wall(self) -> moderngl.VertexArray | None:
        if self.config.transparent:
            return None
        colours = parse_background(self.config.background)
        top, bottom = (colours[0], colours[-1]) if colours else STUDIO
        built = program(
            self.canvas.ctx, SHADERS, "background.vert.glsl", "background.frag.glsl",
            top=top, bottom=bottom, glow=(0.0 if colours else 1.0, self.canvas.aspect),
        )  # fmt: skip
        return self.canvas.ctx.vertex_array(built, [])

    def _pose(self, world: World) -> None:
        rotation = camera.turn(world.motion.head)
        upper, lower = (world.face.vertices[edge] for edge in self._inner_lips)
        values = {
            "turn": rotation.T,  # GLSL reads columns first
            "unturn": rotation,
            "lids": self._lids(world.face.vertices),
            "lips": (float(upper[:, 1].mean()), float(lower[:, 1].mean()), float(upper[:, 2].mean())),
        }
        for built in self.programs.values():
            set_uniforms(built, **values)


def _eyes(head: Head) -> dict[str, Any]:
    left = head.neutral[np.unique(head.faces[head.parts["eye_left"]])]
    radius = float(np.linalg.norm(left - head.eye_centres[0], axis=1).mean())
    return {"centres": head.eye_centres, "radius": radius, "iris_size": 6.0 / radius}


class Lids:
    """The edges of the lids, where the lashes grow, as parabolas."""

    def __init__(self, head: Head) -> None:
        uv, vertex = head.corner_uv, head.corner_vertex
        lashes = np.unique(head.corner_faces[head.parts["lashes"]])
        self._edges = []
        for side, eye in zip((1.0, -1.0), head.eye_centres, strict=True):
            for low, high in (UPPER_LASHES, LOWER_LASHES):
                of_lid = lashes[
                    (head.neutral[vertex[lashes], 0] * side > 0)
                    & (uv[lashes, 1] > low)
                    & (uv[lashes, 1] < high)
                ]
                distance = np.linalg.norm(head.neutral[vertex[of_lid]] - eye, axis=1)
                roots = np.unique(vertex[of_lid[distance < np.quantile(distance, 0.4)]])
                self._edges.append(roots)

    def __call__(self, vertices: Floats) -> Floats:
        """(4, 3) coefficients of y(x), mm: upper and lower of the left eye, then of the right."""
        fits = (np.polyfit(vertices[e, 0], vertices[e, 1], 2)[::-1] for e in self._edges)
        return np.array(list(fits), np.float32)


def _inner_lips(head: Head) -> tuple[Any, Any]:
    """Vertices in the middle of the upper and of the lower lip, where they meet."""
    lips = np.nonzero((head.masks["lips"] > 0.5) & (np.abs(head.neutral[:, 0]) < 6))[0]
    drop = head.expression_basis[ARKIT.index("jawOpen")][lips, 1]
    moves = drop < 0.5 * drop.min()
    upper, lower = lips[~moves], lips[moves]
    height = head.neutral[:, 1]
    return upper[np.argsort(height[upper])[:4]], lower[np.argsort(-height[lower])[:4]]
