"""The persona scene: nobody, a head that is taking shape, one that is held; as stored, and right
where it matters.

`REGENERATE_PICTURES=1 python -m pytest tests/pictures` stores new golden pictures; look at them.
"""

import os
from dataclasses import replace

import cv2
import numpy as np
import pytest

from engine.head.avatar import load_appearance, save_avatar
from engine.head.look import appearance, avatar_of
from engine.render.__main__ import moment
from engine.render.canvas import Canvas
from engine.render.config import RenderConfig
from engine.render.scene import load_scene
from engine.types import Persona
from tests.pictures.test_avatar_pictures import GOLDEN, alike

SIDE = 256
FACE = slice(90, 190), slice(90, 166)


def persona(kind="", share=0.0, tone=1.0, spot=1.0, words="", locked=False):
    """Made-up: the face's middle is `spot` times as bright as the rest of it."""
    tint = np.ones((16, 16, 3), np.float32)
    tint[4:12, 4:12] = spot
    return Persona(
        0.0, 5 * share, np.zeros(3, np.float32), np.full(3, tone, np.float32), tint, kind, words,
        share, locked,
    )  # fmt: skip


STATES = {
    "nobody": persona(words="not enough speech yet: go on speaking"),
    "forming": persona("female", 0.6, 1.1, words="taking shape"),
    "held": persona("male", 1.0, 0.7, spot=0.8, locked=True),
}


@pytest.fixture(scope="module")
def shown(ctx, head):
    config = RenderConfig(f"{SIDE}x{SIDE}", scene="persona", quality="medium")
    canvas, nobody = Canvas(ctx, config), appearance(persona(), head)
    made = load_scene("persona")(canvas, head, nobody, config)
    still = moment(head, head.person(nobody.identity), {"eyeBlink": 0.07}, 0.15)

    def drawn(seen, t=100.0):
        canvas.begin()
        made.draw(replace(still, t=t, persona=seen))
        return canvas.read().copy()

    return drawn


@pytest.mark.parametrize("name", STATES)
def test_every_state_looks_as_it_did(shown, name):
    shown(STATES[name], t=0.0)  # so that one head of hair has given way to the other
    pixels = shown(STATES[name])
    if os.environ.get("REGENERATE_PICTURES"):
        cv2.imwrite(str(GOLDEN / f"persona-{name}.png"), pixels[..., ::-1])
    assert alike(f"persona-{name}", pixels)


def test_hair_gives_way_without_a_jump(shown):
    shown(persona("male"), t=0.0)
    before = shown(persona("male"), t=10.0).astype(int)
    mixed = [shown(persona("female"), t=10.0 + dt).astype(int) for dt in (0.0, 0.3, 1.0)]
    assert np.abs(mixed[0] - before).mean() < 0.5
    whole = np.abs(mixed[2] - before).mean()
    assert 0.25 * whole < np.abs(mixed[1] - before).mean() < 0.75 * whole


def test_skin_follows_tone_and_tint(shown):
    plain, dark, spotted = (
        shown(p).astype(float)[FACE].mean()
        for p in (persona(), persona(tone=0.5), persona(spot=0.6))
    )
    assert dark < 0.85 * plain and spotted < 0.95 * plain


def test_what_is_kept_looks_the_same_in_the_avatar_scene(ctx, head, tmp_path):
    kept = persona("female", 1.0, 0.7, 0.8)
    file = tmp_path / "kept.toml"
    save_avatar(avatar_of(kept), kept.tint, file)
    config = RenderConfig(f"{SIDE}x{SIDE}", scene="avatar", quality="medium")
    pictures = []
    for look in (appearance(kept, head), load_appearance(str(file), head)):
        canvas = Canvas(ctx, config)
        made = load_scene("avatar")(canvas, head, look, config)
        canvas.begin()
        made.draw(moment(head, head.person(look.identity), {}, 0.0))
        pictures.append(canvas.read().astype(int))
    assert np.abs(pictures[0] - pictures[1]).mean() < 1.0
