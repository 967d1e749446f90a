"""The renderer's arithmetic, without OpenGL."""

from typing import get_args

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.head.avatar import HairStyle
from engine.render import camera
from engine.render.canvas import straight
from engine.render.config import RenderConfig, parse_background, parse_colour, parse_size
from engine.render.hair import STYLES
from engine.render.locks import FUZZ
from engine.render.process import Shape
from engine.render.surface import Normals


@pytest.mark.parametrize("text", ["512", "512x", "0x0", "511x512", "64x9000", "x", "-64x64"])
def test_a_size_that_is_none_is_an_error(text):
    with pytest.raises(ConfigError, match="WIDTHxHEIGHT"):
        parse_size(text)


def test_size_is_width_then_height():
    config = RenderConfig(size="640x360")
    assert (config.width, config.height) == (640, 360)


def test_colours_by_name_and_number():
    assert parse_colour("#ff8000") == (1.0, 128 / 255, 0.0)
    assert parse_colour("white") == (1.0, 1.0, 1.0)
    assert parse_background("") == parse_background("transparent") == []
    assert len(parse_background("#000000,#ffffff")) == 2
    with pytest.raises(ConfigError, match="no colour"):
        parse_background("puce")


def test_turn_follows_the_convention():
    """Yaw to the person's left (+X), pitch down, roll X towards Y; R = Ry Rx Rz."""
    out, up, left = np.eye(3)[[2, 1, 0]]
    assert (camera.turn(np.array([0.3, 0, 0])) @ out)[0] > 0.2
    assert (camera.turn(np.array([0, 0.3, 0])) @ out)[1] < -0.2
    assert (camera.turn(np.array([0, 0, 0.3])) @ left)[1] > 0.2
    both = camera.turn(np.array([0.3, 0.2, 0.1]))
    singles = (camera.turn(np.array(a)) for a in ([0.3, 0, 0], [0, 0.2, 0], [0, 0, 0.1]))
    product = np.linalg.multi_dot(list(singles))
    assert np.allclose(both, product, atol=1e-6) and np.allclose(
        both @ both.T, np.eye(3), atol=1e-6
    )
    assert abs(float(up @ both @ up)) < 1


def test_the_face_is_in_the_middle_of_the_picture():
    lens = camera.projection(1.0).T
    x, y, _, w = lens @ [*camera.AIM, 1.0]
    assert abs(x / w) < 1e-6 and abs(y / w) < 1e-6
    top = lens @ [0, camera.AIM[1] + camera.HALF_HEIGHT, camera.AIM[2], 1.0]
    assert 0.9 < top[1] / top[3] < 1.1


def test_normals_are_those_of_a_sphere():
    grid = np.array([[i, i + 1, i + 12] for i in range(11 * 12 - 1)])
    angles = np.stack(np.meshgrid(np.linspace(0.6, 2.4, 12), np.linspace(-1, 1, 12)), -1)
    a, b = angles.reshape(-1, 2).T
    points = np.stack([np.sin(a) * np.sin(b), np.cos(a), np.sin(a) * np.cos(b)], 1)
    faces = [[f[0], f[2], f[1]] for f in grid if f[0] % 12 < 11]
    faces += [[f[1], f[2], f[2] + 1] for f in grid if f[0] % 12 < 11]
    normals = Normals(np.array(faces, np.int32), len(points))(points.astype(np.float32))
    inside = (a > 0.8) & (a < 2.2) & (np.abs(b) < 0.8)
    assert np.abs(np.abs((normals * points).sum(1))[inside] - 1).max() < 0.02
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-3)


def test_straight_alpha_undoes_premultiplication():
    colour = np.array([200, 100, 40], float)
    pixels = np.zeros((1, 4, 4), np.uint8)
    for k, alpha in enumerate((0, 64, 128, 255)):
        pixels[0, k] = [*np.rint(colour * alpha / 255), alpha]
    out = straight(pixels)
    assert np.abs(out[0, 1:, :3] - colour).max() <= 2
    assert out[0, 0].tolist() == [0, 0, 0, 0]


def test_shared_memory_holds_a_world_and_a_picture():
    shape = Shape(vertices=10, width=4, height=2, channels=3)
    assert shape.bytes == 64 * 8 + 10 * 12 + 24


def test_hair_styles_are_those_an_avatar_may_name():
    assert {*STYLES, *FUZZ, "bald"} == set(get_args(HairStyle))
