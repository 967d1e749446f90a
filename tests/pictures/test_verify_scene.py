"""The scene that says who is before the camera."""

import numpy as np
import pytest

from engine.head.avatar import load_appearance
from engine.render.__main__ import moment
from engine.render.canvas import Canvas
from engine.render.config import RenderConfig
from engine.render.scene import load_scene, scene_names, scene_needs
from engine.types import Identity, Present, Sighting, World
from scenes._verify_panel import AMBER, MINT, WALL, fitting, letters, paint

PICTURE = np.zeros((120, 160, 3), np.uint8)
PICTURE[:60, :80] = (200, 40, 40)  # red at the top left
PICTURE[60:, 80:] = (40, 40, 200)  # blue at the bottom right


def sighting(decision, name=None, box=(20, 10, 60, 50), evidence=((0.0, 0.1), (1.0, 0.9))):
    identity = Identity(1.0, 1, decision, name, "because", 1e-3, "net", 0.9, "", 7, 0.5, "id")
    return Sighting(np.array(box, np.float32), identity, evidence)


def present(*faces, words=""):
    return Present(1.0, PICTURE, faces, words)


@pytest.fixture
def drawn(ctx, head):
    """drawn(present) -> pixels of the scene itself."""
    config = RenderConfig("256x256", scene="verify", quality="low")
    canvas, look = Canvas(ctx, config), load_appearance("nora", head)
    scene = load_scene("verify")(canvas, head, look, config)
    rest = moment(head, head.person(look.identity), {}, 0.0)

    def draw(seen):
        canvas.begin()
        scene.draw(World(rest.t, rest.face, rest.motion, present=seen))
        return canvas.read().astype(int)

    return draw


def near(pixels, ink):
    return (np.abs(pixels.astype(int) - ink).max(-1) < 30).mean()


def test_the_scene_shows_the_picture_upright_and_in_its_colours(drawn):
    pixels = drawn(present())
    assert np.abs(pixels[30, 30] - (200, 40, 40)).max() < 6
    assert np.abs(pixels[150, 220] - (40, 40, 200)).max() < 6
    assert np.abs(pixels[250, 5] - WALL).max() < 6


def test_each_decision_has_its_colour_and_the_name_is_there(drawn):
    match = drawn(present(sighting("match", "Anna"), words="this is Anna"))[200:]
    stranger = drawn(present(sighting("unknown")))[200:]
    assert near(match, MINT) > 3 * near(match, AMBER)
    assert near(stranger, AMBER) > 3 * near(stranger, MINT)


def test_without_a_picture_it_says_so(drawn):
    pixels = drawn(None)
    assert np.abs(pixels[5, 5] - WALL).max() < 6 and pixels[100:156].max() > 90


@pytest.mark.parametrize("box", [(-50, -50, 500, 500), (5, 5, 5, 5), (150, 110, 400, 300)])
@pytest.mark.parametrize("size", [(64, 64), (512, 512), (640, 360)])
def test_faces_at_the_edges_and_odd_names_are_drawn(size, box):
    name = "Åsa Øyvind-Müller 李 " * 3
    pixels = paint(present(sighting("match", name, box), words=name * 4), *size)
    assert pixels.shape == (size[1], size[0], 3)


def test_lines_are_no_wider_than_they_may_be():
    from PIL import Image, ImageDraw

    pen, font = ImageDraw.Draw(Image.new("RGB", (10, 10))), letters(13)
    lines = fitting(pen, "a face that is far too dark to be looked at", font, 90)
    assert len(lines) > 2 and all(pen.textlength(line, font) <= 90 for line in lines)
    assert " ".join(lines) == "a face that is far too dark to be looked at"


def test_it_is_a_scene_by_name_and_its_panel_is_not():
    assert "verify" in scene_names() and "_verify_panel" not in scene_names()
    assert scene_needs("verify") == ("speech", "faces", "verify")
