"""The avatar's pictures: as stored, and right where it matters.

`REGENERATE_PICTURES=1 python -m pytest tests/pictures` stores new golden pictures; look at them.
"""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.head.avatar import avatar_names

GOLDEN = Path(__file__).parent / "golden"
MEAN, FAR = 1.0, 0.004  # grey levels on average; share of pixels more than 40 levels off
EYES = slice(105, 132), slice(85, 171)  # rows and columns of the 256x256 picture
MOUTH = slice(148, 188), slice(105, 151)


def alike(name: str, pixels: np.ndarray) -> bool:
    """Whether the golden picture `name` shows the same, but for a driver's rounding."""
    file = GOLDEN / f"{name}.png"
    assert file.is_file(), f"{file} is missing: set REGENERATE_PICTURES=1 and look at what it draws"
    off = np.abs(pixels.astype(int) - cv2.imread(str(file))[..., ::-1]).max(2)
    return bool(off.mean() < MEAN and (off > 40).mean() < FAR)


@pytest.mark.parametrize("name", avatar_names())
def test_every_avatar_looks_as_it_did(draw, name):
    pixels = draw(name, {"eyeBlink": 0.07}, yaw=0.15)
    assert pixels.shape == (256, 256, 3)
    if os.environ.get("REGENERATE_PICTURES"):
        GOLDEN.mkdir(exist_ok=True)
        cv2.imwrite(str(GOLDEN / f"{name}.png"), pixels[..., ::-1])
    assert alike(name, pixels)


def test_pictures_of_two_avatars_differ(draw):
    """The comparison above can fail: another person, another face, another light."""
    neutral = draw("idris", {"eyeBlink": 0.07}, yaw=0.15)
    assert alike("idris", neutral)
    assert not alike("nora", neutral)
    assert not alike("idris", draw("idris", {"jawOpen": 0.6}, yaw=0.15))
    assert not alike("idris", np.clip(neutral * 1.08, 0, 255).astype(np.uint8))


def test_at_least_four_avatars_are_built_in():
    assert len(avatar_names()) >= 4


def test_an_open_jaw_shows_teeth_and_a_dark_mouth(draw):
    shut, opened = (draw("idris", {"jawOpen": w, "mouthUpperUp": w / 2})[MOUTH] for w in (0.0, 0.6))
    assert pale(opened) > pale(shut) + 10
    assert dark(opened) > dark(shut) + 60


def pale(pixels: np.ndarray) -> int:
    """How many pixels have the colour of teeth: light, with little colour."""
    p = pixels.astype(int)
    return int(((p.min(2) > 85) & (np.ptp(p, axis=2) < 60)).sum())


def dark(pixels: np.ndarray) -> int:
    return int((pixels.max(2) < 60).sum())


def test_gaze_moves_the_iris_and_a_blink_hides_it(draw):
    left, right = (
        centre_of_blue(draw("nora", {f"eyeLookOut{a}": 0.8, f"eyeLookIn{b}": 0.8}))
        for a, b in (("Left", "Right"), ("Right", "Left"))
    )
    assert left - right > 3.0  # the person's left is the picture's right
    assert blue(draw("nora", {"eyeBlink": 1.0})).sum() < 0.3 * blue(draw("nora", {})).sum()


def blue(pixels: np.ndarray) -> np.ndarray:
    """Nora's irises: bluer than anything else near them."""
    p = pixels[EYES].astype(int)
    return (p[..., 2] > p[..., 0] + 12) & (p[..., 2] > 60)


def centre_of_blue(pixels: np.ndarray) -> float:
    found = np.nonzero(blue(pixels))[1]
    assert len(found) > 20
    return float(found.mean())


@pytest.mark.parametrize("quality", ["low", "medium", "high"])
def test_transparent_pictures_lie_well_on_any_background(draw, quality):
    cut = draw("amara", {}, background="transparent", quality=quality)
    assert cut.shape[2] == 4
    alpha = cut[..., 3:] / 255.0
    assert alpha[0, 0] == 0 and alpha[128, 128] == 1 and (alpha == 0).mean() > 0.2
    laid = cut[..., :3] * alpha + 255 * (1 - alpha)
    whole = draw("amara", {}, background="white", quality=quality).astype(float)
    off = np.abs(laid - whole).max(2)
    assert np.quantile(off, 0.95) <= 3 and off.mean() < 2.0


def test_edges_are_smoothed(draw):
    """Steps between neighbours are smaller with the filter than without."""
    rough, smooth = (
        np.abs(np.diff(draw("idris", {}, quality=q)[:110].astype(int), axis=1)).max(2)
        for q in ("low", "medium")
    )
    assert np.quantile(smooth, 0.998) < 0.9 * np.quantile(rough, 0.998)


def test_who_draws_decides_how_well_unless_told(draw, ctx):
    """Without a GPU there is no time for a filter on what somebody watches."""
    processor = "llvmpipe" in ctx.info["GL_RENDERER"]
    wanted = draw("idris", {}, quality="low" if processor else "medium")
    assert np.array_equal(draw("idris", {}, quality="auto"), wanted)


def test_backgrounds_go_from_top_to_bottom(draw):
    pixels = draw("idris", {}, background="#ff0000,#0000ff")
    assert pixels[2, 2, 0] > 245 and pixels[2, 2, 2] < 10
    assert pixels[150, 2, 2] > 60


def test_the_head_turns_to_the_persons_left_with_positive_yaw(draw):
    """The mouth moves to the picture's right."""
    left, right = (lips(draw("nora", {}, yaw=yaw)) for yaw in (0.35, -0.35))
    assert left - right > 12


def lips(pixels: np.ndarray) -> float:
    p = pixels[150:180].astype(int)
    red = p[..., 0] - p[..., 1]
    rows, columns = np.nonzero(red > np.quantile(red, 0.985))
    return float(np.median(columns))
