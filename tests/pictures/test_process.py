"""The renderer in its own process."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import psutil
import pytest

from engine.errors import ConfigError, DeviceError
from engine.head import Head
from engine.head.avatar import load_appearance
from engine.render import RenderConfig, Renderer, Screen
from engine.render.__main__ import moment
from engine.types import Appearance, Seen
from tests.pictures.test_mirror_pictures import face


@pytest.fixture(scope="module")
def look(head: Head) -> Appearance:
    return load_appearance("idris", head)


def start(head: Head, look: Appearance, **config: str) -> Renderer:
    return Renderer(RenderConfig(size="128x96", **config), look, len(head.neutral))  # type: ignore[arg-type]


def test_draws_what_it_is_given_and_ends(head, look):
    person = head.person(look.identity)
    with start(head, look) as renderer:
        assert renderer.wait_ready()
        shut = renderer.draw(moment(head, person, {}))
        opened = renderer.draw(moment(head, person, {"jawOpen": 0.7}))
        again = renderer.draw(moment(head, person, {}))
        child = psutil.Process(renderer.pid)
    assert shut.pixels.shape == (96, 128, 3)
    assert np.abs(shut.pixels.astype(int) - opened.pixels).max() > 50
    assert np.array_equal(shut.pixels, again.pixels)  # nothing lingers
    assert not child.is_running()
    renderer.close()  # a second time does no harm


def test_its_errors_arrive_here(head, look):
    with (
        start(head, look, scene="nowhere") as renderer,
        pytest.raises(ConfigError, match="nowhere"),
    ):
        renderer.wait_ready()


def test_a_child_that_dies_is_an_error_and_not_a_wait(head, look):
    with start(head, look) as renderer:
        renderer.wait_ready()
        psutil.Process(renderer.pid).kill()
        with pytest.raises(DeviceError, match="renderer"):
            renderer.draw(moment(head, head.person(look.identity), {}))


def test_the_child_ends_when_the_parent_is_killed():
    code = (
        "import os; from engine.head import Head; from engine.render import *;"
        "from engine.head.avatar import load_appearance; h = Head.load();"
        "r = Renderer(RenderConfig(size='64x64'), load_appearance('idris', h), len(h.neutral));"
        "r.wait_ready(); print(r.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    pid = int(parent.stdout)
    try:
        psutil.Process(pid).wait(10)
    except psutil.NoSuchProcess:
        pass
    assert not psutil.pid_exists(pid)


BLUE = """
class Scene:
    needs = ()
    def __init__(self, canvas, head, appearance, config):
        self.canvas = canvas
    def draw(self, world):
        self.canvas.ctx.clear(0.0, 0.0, 1.0)
"""


def test_a_screen_goes_over_to_another_scene_and_stays_where_that_fails(head, look, tmp_path):
    (tmp_path / "blue.py").write_text(BLUE)
    (tmp_path / "broken.py").write_text(BLUE.replace("self.canvas = canvas", "1 / 0"))
    world = moment(head, head.person(look.identity), {})
    screen = Screen(RenderConfig(size="128x96"), look, len(head.neutral))
    try:
        face = screen.draw(world).pixels
        with pytest.raises(ConfigError, match="no scene 'opera'"):
            screen.show("opera")
        with pytest.raises(DeviceError):
            screen.show(str(tmp_path / "broken.py"))
        assert np.array_equal(screen.draw(world).pixels, face) and screen.scene == "avatar"
        screen.show(str(tmp_path / "blue.py"))
        blue = screen.draw(world).pixels
        children = psutil.Process().children()
    finally:
        screen.close()
    assert blue[..., 2].min() > 200 and blue[..., :2].max() < 20
    assert len([c for c in children if c.is_running()]) <= 1, "the old renderer has ended"


def test_what_the_camera_sees_is_drawn_there(head, look):
    still = moment(head, head.person(look.identity), {}, 0.0)
    picture = np.full((256, 256, 3), 90, np.uint8)
    with start(head, look, scene="mirror") as renderer:
        alone = renderer.draw(still).pixels
        mirrored = renderer.draw(replace(still, seen=Seen("overlay", picture, face()))).pixels
        again = renderer.draw(still).pixels
    assert np.abs(mirrored.astype(int) - alone).mean() > 10
    np.testing.assert_array_equal(again, alone)
