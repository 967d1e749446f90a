"""Pictures are drawn on the software GL, in this process, at one small size."""

from collections.abc import Callable, Iterator
from functools import cache

import moderngl
import pytest

from engine.head import Head
from engine.head.avatar import load_appearance
from engine.render.__main__ import moment
from engine.render.canvas import Canvas, create_context
from engine.render.config import RenderConfig
from engine.render.scene import load_scene
from engine.types import Bytes

SIZE = "256x256"
Draw = Callable[..., Bytes]


@pytest.fixture(scope="session")
def ctx() -> moderngl.Context:
    return create_context()


@pytest.fixture(autouse=True)
def no_gl_error(ctx: moderngl.Context) -> Iterator[None]:
    """The GL error flag is clear before a test and after it."""
    assert ctx.error == "GL_NO_ERROR"
    yield
    assert ctx.error == "GL_NO_ERROR"


@pytest.fixture(scope="session")
def head() -> Head:
    return Head.load()


@pytest.fixture(scope="session")
def draw(ctx: moderngl.Context, head: Head) -> Draw:
    """draw(avatar, {shape: weight}, yaw=, background=, scene=) -> pixels."""

    @cache
    def stage(avatar: str, background: str, scene: str, quality: str):  # type: ignore[no-untyped-def]
        config = RenderConfig(SIZE, background=background, scene=scene, quality=quality)  # type: ignore[arg-type]
        canvas = Canvas(ctx, config)
        look = load_appearance(avatar, head)
        return canvas, load_scene(scene)(canvas, head, look, config), head.person(look.identity)

    def drawn(
        avatar: str,
        face: dict[str, float],
        yaw: float = 0.0,
        background: str = "",
        scene: str = "avatar",
        quality: str = "medium",
    ) -> Bytes:
        canvas, made, person = stage(avatar, background, scene, quality)
        canvas.begin()
        made.draw(moment(head, person, face, yaw))
        return canvas.read().copy()

    return drawn
