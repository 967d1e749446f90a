"""Lids and lips from patches: made-up faces whose openings are known are read after seconds."""

import cv2
import numpy as np

from engine.head import INDEX, Head
from engine.track.fine import Fine
from training.fine import recipe
from training.fine.data import Clip

SIDE, FRAMES, STEPS = 128, 60, 150


def marks(eye: float, mouth: float) -> np.ndarray:
    """(68, 2) of a plain face 128 pixels wide: eyes `eye` pixels high, inner lips `mouth` apart."""
    points = np.zeros((68, 2), np.float32)
    for first, x in ((36, 48), (42, 80)):
        xs, ys = (-6, -2, 2, 6, 2, -2), (0, -1, -1, 0, 1, 1)
        points[first : first + 6] = np.c_[np.add(xs, x), 50 + np.array(ys) * eye / 2]
    angle = np.linspace(np.pi, 3 * np.pi, 12, endpoint=False)
    points[48:60] = np.c_[64 + 14 * np.cos(angle), 92 + 6 * np.sin(angle)]
    points[[61, 62, 63]] = [(x, 92 - mouth / 2) for x in (60, 64, 68)]
    points[[67, 66, 65]] = [(x, 92 + mouth / 2) for x in (60, 64, 68)]
    return points


def clip(person: str, seed: int) -> Clip:
    """Eyes and a mouth that open and close; what the nets found moves little."""
    rng, grey, wanted, found = np.random.default_rng(seed), [], [], []
    for _ in range(FRAMES):
        eye, mouth = rng.choice([0.5, 5.0], p=[0.3, 0.7]), rng.uniform(0, 10)
        picture = rng.normal(150, 4, (SIDE, SIDE)).clip(0, 255).astype(np.uint8)
        for x in (48, 80):
            cv2.ellipse(picture, (x, 50), (6, round(eye)), 0, 0, 360, 40, -1)
        cv2.ellipse(picture, (64, 92), (12, round(mouth / 2)), 0, 0, 360, 20, -1)
        grey.append(picture)
        wanted.append(marks(eye, mouth))
        found.append(marks(4.0, 4.0 + 0.2 * mouth))
    return Clip(person, np.stack(grey), np.stack(found), np.stack(wanted))


def test_openings_are_read_of_people_never_seen_and_the_engine_takes_the_nets(tmp_path):
    clips = [clip(name, seed) for seed, name in enumerate(("ada", "bea", "cleo"))]
    figures = recipe.cross_validate(clips, STEPS)
    print(f"\n{figures}")
    assert figures["hit"] > 0.9 * figures["blinks"] > 0
    assert figures["eyes correlation"] > 0.9 and figures["mouth correlation"] > 0.9
    assert figures["mouth amplitude before"] < 0.3 < 0.7 < figures["mouth amplitude"]

    recipe.write(clips, tmp_path, figures, STEPS)
    fine = Fine(Head.load(), tmp_path)
    blink, jaw = INDEX["eyeBlinkLeft"], INDEX["jawOpen"]
    weights = np.full(52, 0.2, np.float32)
    one = clips[0]
    shut = one.wanted[:, 37, 1] > 49.5
    wide = one.wanted[:, 66, 1] > 95
    got = np.array([
        fine.correct(weights, np.repeat(g[..., None], 3, 2), m)
        for g, m in zip(one.grey, one.marks, strict=True)
    ])  # fmt: skip
    assert np.median(got[shut, blink]) > 0.8 > 0.4 > np.median(got[~shut, blink])
    assert np.median(got[wide, jaw]) > 0.2 > np.median(got[~wide, jaw]) - 0.01
