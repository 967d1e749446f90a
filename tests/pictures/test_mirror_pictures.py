"""The mirror's four views of one face: as stored, and right where it matters.

`REGENERATE_PICTURES=1 python -m pytest tests/pictures` stores new golden pictures; look at them.
"""

import os
from dataclasses import replace

import cv2
import numpy as np
import pytest

from engine.faces import Finder, Follow
from engine.head import INDEX, Head
from engine.head.avatar import load_appearance
from engine.head.worn import wear
from engine.render.__main__ import moment
from engine.render.canvas import Canvas
from engine.render.config import RenderConfig
from engine.render.scene import load_scene
from engine.track import Nets, Track
from engine.types import VIEWS, FaceParams, Seen, VideoFrame, World
from tests.faces_seen import at, place, scene
from tests.faces_seen import head as drawn_head
from tests.pictures.test_avatar_pictures import GOLDEN, alike

SIDE = 384


def face(mouth_open=0.5, light=(3.3, 0.4, 0.5, 0.8)):
    """A made-up face, in pixels of a 256-pixel picture: lips, cheeks and brow of their own."""
    rows, columns = np.mgrid[0:64, 0:64] / 63
    reflectance = np.empty((64, 64, 3), np.float32)
    reflectance[:] = 0.42, 0.24, 0.17
    reflectance[(rows > 0.64) & (rows < 0.78) & (abs(columns - 0.5) < 0.14)] = 0.35, 0.08, 0.08
    weights = np.zeros(52, np.float32)
    weights[INDEX["jawOpen"]] = mouth_open
    identity = np.zeros(60, np.float32)
    identity[:3] = 1.0, -0.8, 0.6
    harmonics = np.zeros(9, np.float32)
    harmonics[: len(light)] = light
    view = np.array([-0.25, 0.1, 0.35, 0.0, 128, 134, 0], np.float32)
    return FaceParams(
        0.0, 1, view, identity, weights, reflectance, harmonics, np.zeros((68, 2), np.float32),
        np.zeros((0, 2), np.float32), np.array([0.35, 0.1, 0], np.float32), 1.0, 1.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def mirror(ctx, head):
    config = RenderConfig(f"{SIDE}x{SIDE}", scene="mirror", quality="medium")
    canvas = Canvas(ctx, config)
    look = load_appearance("nora", head)
    made = load_scene("mirror")(canvas, head, look, config)
    still = moment(head, head.person(look.identity), {"eyeBlink": 0.07}, 0.0)
    picture = place(scene(256, 256), drawn_head("kenji"), at(128, 128, 1.0))

    def drawn(view, params=None):
        canvas.begin()
        seen = Seen(view, picture, params or face()) if view else None
        made.draw(World(still.t, still.face, still.motion, seen=seen))
        return canvas.read().copy()

    return drawn


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_looks_as_it_did(mirror, view):
    pixels = mirror(view)
    if os.environ.get("REGENERATE_PICTURES"):
        cv2.imwrite(str(GOLDEN / f"mirror-{view}.png"), pixels[..., ::-1])
    assert alike(f"mirror-{view}", pixels)


def test_without_a_face_there_is_the_avatar(mirror):
    assert np.array_equal(mirror(None), mirror("avatar"))
    assert not np.array_equal(mirror(None), mirror("face"))


def test_the_light_falls_where_it_comes_from(mirror):
    """Harmonic 3 is light from the right."""
    right, left = (mirror("overlay", face(light=(3.0, 0, 0, x))).astype(int) for x in (1.0, -1.0))
    cheeks = slice(200, 240), slice(130, 170), slice(230, 270)
    lit = [p[cheeks[0], cheeks[2]].mean() - p[cheeks[0], cheeks[1]].mean() for p in (right, left)]
    assert lit[0] > 15 and lit[1] < -15


def test_layers_differ_as_they_should(mirror):
    """Reflectance does not change with the light; illumination does."""
    one, other = mirror("layers"), mirror("layers", face(light=(2.4, -0.8, 0.5, -0.8)))
    off = np.abs(one.astype(int) - other).mean(2)
    third, half = SIDE // 3, SIDE // 2
    names = ("camera", "shape", "reflectance", "light", "all", "avatar")
    rows = (off[:half], off[half:])
    tile = {n: rows[k // 3][:, k % 3 * third :][:, :third] for k, n in enumerate(names)}
    assert max(tile[n].max() for n in ("camera", "shape", "reflectance", "avatar")) < 3
    assert min(tile[n].max() for n in ("light", "all")) > 30


def test_a_worn_face_covers_the_painted_one_and_nothing_else(ctx, head):
    """Its cheeks take the learned colour; the wall and the hair stay."""
    learned = np.full((64, 64, 3), (0.1, 0.45, 0.2), np.float32)  # a colour no skin has
    nora = load_appearance("nora", head)
    green = replace(wear(nora, head, nora.identity, learned), skin=nora.skin)
    pictures = []
    for look in (nora, green):
        config = RenderConfig(f"{SIDE}x{SIDE}")
        canvas = Canvas(ctx, config)
        made = load_scene("avatar")(canvas, head, look, config)
        canvas.begin()
        made.draw(moment(head, head.person(look.identity), {}, 0.0))
        pictures.append(canvas.read().astype(int)[..., :3])
    before, after = pictures
    greener = (after[..., 1] - after[..., 0]) - (before[..., 1] - before[..., 0])
    face = greener[SIDE * 45 // 100 : SIDE * 55 // 100, SIDE * 45 // 100 : SIDE * 55 // 100]
    assert np.median(face) > 40
    assert np.abs(greener[: SIDE // 8]).max() < 5 and np.abs(greener[-SIDE // 10 :]).max() < 12


def test_a_blink_is_seen_by_the_tracker(draw):
    """A drawn head that shuts its eyes, of which the nets alone see little."""
    head, wall = Head.load(), scene(480, 480)
    track, follow = Track(head, Nets(head, "cpu")), Follow(Finder("cpu"))
    got = []
    for k, shut in enumerate([0.0] * 12 + [1.0] * 5 + [0.0] * 8):
        picture = draw("nora", {"eyeBlinkLeft": shut, "eyeBlinkRight": shut})[..., :3]
        shown = place(wall, np.ascontiguousarray(picture), at(240, 240, 1.5))
        [faces] = follow.push(VideoFrame(k / 30, shown))
        [tracked] = track.push(faces)
        got.append(tracked.params.expression[[INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]])
    blink = np.array(got).mean(1)
    print(f"\nopen {blink[11]:.2f}, shut {blink[12:17].max():.2f}, open again {blink[-1]:.2f}")
    assert blink[12:17].max() > blink[11] + 0.4 and blink[-1] < blink[12:17].max() - 0.3
