"""The avatar: a head and shoulders that speak."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import moderngl
import numpy as np

from engine.head import ARKIT, Head
from engine.render import camera
from engine.render.canvas import Canvas, program, set_uniforms
from engine.render.cloth import VEE, A, B, C, Cloth, covered
from engine.render.config import RenderConfig, parse_background
from engine.render.cull import Viewer
from engine.render.eyes import Lids, eye_uniforms, lash_uv, paint_iris, paint_lashes
from engine.render.light import LightBaker
from engine.render.locks import Hair, make_hair
from engine.render.skin import paint_skin
from engine.render.surface import Corners, Normals, Surface, head_corners
from engine.types import Appearance, Floats, World

SHADERS = Path(__file__).parent / "shaders"
STUDIO = (0.235, 0.255, 0.285), (0.145, 0.150, 0.165)  # sRGB, top and bottom
BLENDING = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA
BIAS = 2.2  # mm: how far off skin and cloth their light is asked
SKIN_WRAP = 0.38, 0.16, 0.10  # red light goes furthest around an edge
# Teeth sit lower and further out than the base mesh has them: upper ones show below a raised lip.
MOUTH: list[tuple[list[str], dict[str, Any]]] = [
    (["teeth_upper"], {"tint": (0.74, 0.68, 0.57), "gloss": 0.30, "nudge": (0.0, -3.5, 1.5)}),
    (["teeth_lower"], {"tint": (0.70, 0.63, 0.51), "gloss": 0.30, "nudge": (0.0, -1.8, 1.0)}),
    (["tongue"], {"tint": (0.44, 0.145, 0.135), "gloss": 0.10, "nudge": (0.0, -2.5, -2.5)}),
    (["mouth_inner"], {"tint": (0.26, 0.06, 0.055), "gloss": 0.05, "nudge": (0.0, 0.0, 0.0)}),
]


class Scene:
    """One person, from the chest up."""

    needs = ("speech",)

    def __init__(
        self,
        canvas: Canvas,
        head: Head,
        appearance: Appearance,
        config: RenderConfig,
        corners: Corners | None = None,
    ) -> None:
        """`corners`: the head's, where another avatar of it has them already."""
        self.canvas, self.head, self.config = canvas, head, config
        ctx = canvas.ctx
        if corners is None:
            corners = avatar_corners(head, appearance)
        self.person = head.person(appearance.identity)
        self.surface = Surface(ctx, corners)
        self.normals = Normals(head.faces, len(head.neutral))
        self.cloth = Cloth(ctx, head, self.person, appearance)
        self._move(self.person)
        self.albedo = paint_skin(ctx, SHADERS, head, corners, appearance)
        self.iris = paint_iris(ctx, appearance)
        self.programs: dict[str, Any] = {}
        self._tint: moderngl.Texture | None = None
        self._skin = self._part(self._complexion(appearance), ["skin"], albedo=0, wrap=SKIN_WRAP)
        self._cloth = self._garment(appearance)
        self._eyes = self._part("eye", ["eye_left", "eye_right"], iris=0, **eye_uniforms(head))
        self.lash_sheet = paint_lashes(ctx, appearance)
        self._lashes = self._part("lash", ["lashes"], sheet=0)
        self._mouth = [
            (self._part("mouth", parts), {**paint, "teeth": _teeth(head, parts[0])})
            for parts, paint in MOUTH
        ]
        self._tongue = self._mouth[2][0]
        self._background = self._wall()
        self._lids = Lids(head)
        self._inner_lips = _inner_lips(head)
        self.hair = self._grow(appearance)
        self._hair = self._lit(appearance)

    def draw(self, world: World) -> None:
        self._move(world.face.vertices)
        self._pose(world)
        self.canvas.ctx.enable_only(moderngl.DEPTH_TEST)
        self._draw_hair()  # first, for it hides much of the rest
        self.canvas.ctx.enable(moderngl.CULL_FACE)
        self.albedo.use(0)
        if self._tint:
            self._tint.use(1)
        self._skin.render()
        self.cloth.weave.use(0)
        self._cloth.render()
        self.canvas.ctx.disable(moderngl.CULL_FACE)
        self.iris.use(0)
        self._eyes.render()
        self._draw_mouth()
        self.draw_wall()
        self._draw_lashes()

    def _complexion(self, look: Appearance) -> str:
        """The skin's material; what a tinted one needs."""
        if look.tint is None:
            return "skin"
        self.programs["tinted"] = self._program("tinted", albedo=0, wrap=SKIN_WRAP, tint=1)
        self.tint((1.0, 1.0, 1.0), look.tint)
        return "tinted"

    def tint(self, tone: Sequence[float] | Floats, tint: Floats) -> None:
        """How many times as bright as painted the skin is: all of it (3,), and beside that the
        face place by place (s, s, 3). Only for an appearance that has a tint."""
        side = len(tint)
        if self._tint is None or self._tint.size[0] != side:
            self._tint = self.canvas.ctx.texture((side, side), 3, alignment=1)
        halves = np.rint(np.clip(tint / 2, 0, 1) * 255).astype(np.uint8)
        self._tint.write(np.ascontiguousarray(halves).tobytes())
        set_uniforms(self.programs["tinted"], tone=tuple(float(v) for v in tone))

    def draw_wall(self) -> None:
        """The background, where nothing is drawn yet."""
        if self._background:
            self.canvas.ctx.depth_func = "<="
            self._background.render(moderngl.TRIANGLES, vertices=3)
            self.canvas.ctx.depth_func = "<"

    def _draw_hair(self) -> None:
        if self.hair and self._hair:
            if self.hair.culled:
                self.canvas.ctx.enable(moderngl.CULL_FACE)
            self.hair.texture.use(0)
            self._hair.render()

    def _draw_mouth(self) -> None:
        for mesh, paint in self._mouth:
            x, y, z = paint["nudge"]
            # The base mesh leaves the tongue up when the jaw drops.
            low = 0.30 * self._gap if mesh is self._tongue else 0.0
            set_uniforms(mesh.program, **{**paint, "nudge": (x, y - low, z)})
            mesh.render()

    def _draw_lashes(self) -> None:
        ctx: Any = self.canvas.ctx  # its stubs know no separate blending of alpha
        ctx.enable(moderngl.BLEND)
        ctx.blend_func = (*BLENDING, moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA)
        self.lash_sheet.use(0)
        self._lashes.render()
        ctx.disable(moderngl.BLEND)

    def _move(self, vertices: Floats) -> None:
        self.surface.move(vertices, self.normals(vertices))
        self.cloth.move(vertices)

    def _grow(self, look: Appearance) -> Hair | None:
        head, cloth = self.head, self.cloth.surface
        triangles = head.faces[head.parts["skin"]]
        skin = np.unique(triangles)
        points = np.concatenate([self.person[skin], cloth.moving[:, :3]])
        normals = np.concatenate([self.normals(self.person)[skin], cloth.moving[:, 3:]])
        viewer = Viewer(self.canvas.ctx)
        viewer.add(self.person, triangles)
        viewer.add(cloth.moving[:, :3], self.cloth.solid)
        return make_hair(self.canvas.ctx, head, self.person, look, (points, normals), viewer)

    def _lit(self, look: Appearance) -> moderngl.VertexArray | None:
        """Bakes the light that reaches skin, cloth and hair; the hair's mesh."""
        head, surfaces, hair = self.head, [self.surface, self.cloth.surface], self.hair
        baker = LightBaker(self.canvas.ctx)
        solid = [head.parts[p] for p in ("skin", "eye_left", "eye_right", "mouth_inner")]
        baker.add(self.person, head.faces[np.concatenate(solid)])
        baker.add(self.cloth.surface.moving[:, :3], self.cloth.solid)
        places = [(s.moving[:, :3], s.moving[:, 3:], BIAS) for s in surfaces]
        if hair:
            baker.add(*hair.shadow())
            places.append((hair.points, hair.normals, hair.bias))
        points, normals = (np.concatenate([p[k] for p in places]) for k in (0, 1))
        bias = np.repeat([p[2] for p in places], [len(p[0]) for p in places])
        light = baker.light(points, normals, bias)
        ends = np.cumsum([len(p[0]) for p in places])
        for surface, end in zip(surfaces, ends, strict=False):
            surface.set_light(light[end - len(surface.moving) : end])
        if hair is None:
            return None
        self.programs["hair"] = self._program(hair.material, hair.material, **hair.values)
        grey = look.extra.get("grey", 0.0)
        set_uniforms(self.programs["hair"], dye=look.hair, grey=grey)
        return hair.mesh(self.programs["hair"], light[ends[1] :])

    def _garment(self, look: Appearance) -> moderngl.VertexArray:
        self.programs["cloth"] = self._program(
            "cloth",
            weave=0,
            wrap=(0.2, 0.2, 0.2),
            dye=look.garment,
            neckline=(A, B, C, self.cloth.vee * VEE),
        )
        return self.cloth.surface.mesh(self.programs["cloth"], self.cloth.triangles)

    def _program(self, material: str, vertex: str = "head", **values: Any) -> Any:
        return program(
            self.canvas.ctx, SHADERS, f"{vertex}.vert.glsl", f"{material}.frag.glsl",
            camera=camera.projection(self.canvas.aspect), viewer=tuple(camera.viewer()), **values,
        )  # fmt: skip

    def _part(self, material: str, parts: list[str], **values: Any) -> moderngl.VertexArray:
        if material not in self.programs:
            self.programs[material] = self._program(material, **values)
        index = np.concatenate([self.head.parts[part] for part in parts])
        index = np.setdiff1d(index, covered(self.head, self.cloth.vee))
        depth = self.person[self.head.faces[index], 2].mean(1)
        index = index[np.argsort(-depth)]  # near ones first: the depth test spares the others
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
        self._gap = max(float(upper[:, 1].mean() - lower[:, 1].mean()), 0.0)
        values = {
            "turn": rotation.T,  # GLSL reads columns first
            "unturn": rotation,
            "lids": self._lids(world.face.vertices),
            "lips": (
                float(upper[:, 1].mean()),
                float(lower[:, 1].mean()),
                float(upper[:, 2].mean()),
            ),
        }
        for built in self.programs.values():
            set_uniforms(built, **values)


def avatar_corners(head: Head, look: Appearance) -> Corners:
    """What does not move; on the face's map too, where the skin has a tint."""
    return head_corners(head, lash_uv(head), mapped=look.tint is not None)


def _inner_lips(head: Head) -> tuple[Any, Any]:
    """Vertices in the middle of the upper and of the lower lip, where they meet."""
    lips = np.nonzero((head.masks["lips"] > 0.5) & (np.abs(head.neutral[:, 0]) < 6))[0]
    drop = head.expression_basis[ARKIT.index("jawOpen")][lips, 1]
    moves = drop < 0.5 * drop.min()
    upper, lower = lips[~moves], lips[moves]
    height = head.neutral[:, 1]
    return upper[np.argsort(height[upper])[:4]], lower[np.argsort(-height[lower])[:4]]


def _teeth(head: Head, part: str) -> tuple[float, float, float]:
    """For the shader: 1 upper teeth, -1 lower, 0 neither; the height of their edge; their back."""
    side = {"teeth_upper": 1.0, "teeth_lower": -1.0}.get(part, 0.0)
    points = head.neutral[np.unique(head.faces[head.parts[part]])]
    front = points[np.abs(points[:, 0]) < 12]
    edge = front[:, 1].min() if side > 0 else front[:, 1].max()
    return side, float(edge), float(points[:, 2].min())
