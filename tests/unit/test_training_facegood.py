"""Rig weights as ARKit: by name, at the sound's time, refused where they do not fit."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import DeviceError
from engine.head.arkit import INDEX
from engine.types import Floats
from training.data import store
from training.data.voices import RATE
from training.facegood.prepare import prepare
from training.facegood.rig import JAW, TABLE, arkit, unmapped

FPS = 30
NAMES = (*sorted({name for name, _, _ in TABLE}, reverse=True), "tooth_d_d", "eye_blink1_l")


def rig(n: int = 1, **shapes: Floats | float) -> Floats:
    weights = np.zeros((n, len(NAMES)), np.float32)
    for name, values in shapes.items():
        weights[:, NAMES.index(name)] = values
    return weights


def spoken(seconds: float, seed: int) -> tuple[Floats, Floats]:
    """Noise that comes in bursts, as syllables do, and a jaw (n,) that opens with each."""
    rng = np.random.default_rng(seed)
    begins = np.cumsum(rng.uniform(0.25, 0.5, int(seconds * 4)))

    def open_at(rate: int) -> Floats:
        t = np.arange(int(seconds * rate)) / rate
        near = np.exp(-(((t[:, None] - begins) / 0.06) ** 2)).max(1)
        return np.asarray(near, np.float32)

    sound = 0.1 * open_at(RATE)
    sound *= rng.standard_normal(len(sound)).astype(np.float32)
    return sound, open_at(FPS)


def test_shapes_go_by_name() -> None:
    found = arkit(NAMES, rig(1, **{JAW: 0.4, "mouth_lipCornerPull_l": 0.3}))[0]
    assert found[INDEX["jawOpen"]] == pytest.approx(0.4)
    assert found[INDEX["mouthSmileLeft"]] == pytest.approx(0.3)
    assert found[INDEX["mouthSmileRight"]] == 0
    assert np.count_nonzero(found) == 2


def test_order_of_the_names_does_not_matter() -> None:
    weights = np.random.default_rng(0).uniform(0, 0.4, (5, len(NAMES))).astype(np.float32)
    turned = arkit(NAMES[::-1], weights[:, ::-1])
    np.testing.assert_allclose(arkit(NAMES, weights), turned, atol=1e-6)


def test_pressed_lips_are_closed_over_a_lowered_jaw() -> None:
    found = arkit(NAMES, rig(1, **{JAW: 0.2, "mouth_press_l": 0.6, "mouth_press_r": 0.6}))[0]
    assert found[INDEX["mouthClose"]] > 0.7 * found[INDEX["jawOpen"]]


def test_what_moves_and_is_left_out_is_named() -> None:
    assert unmapped(NAMES, rig(2, tooth_d_d=0.3, **{JAW: 0.5})) == ["tooth_d_d"]


def test_another_rig_is_refused() -> None:
    with pytest.raises(DeviceError, match=JAW):
        arkit([n for n in NAMES if n != JAW], np.zeros((1, len(NAMES) - 1), np.float32))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for k in range(3):
        sound, jaw = spoken(14.0, k)
        late = np.interp(np.arange(len(jaw)) / FPS - 0.045, np.arange(len(jaw)) / FPS, jaw)
        soundfile.write(folder / f"7_{k}.wav", sound, RATE)
        weights = rig(len(jaw), **{JAW: late.astype(np.float32)})
        np.savez(folder / f"7_{k}.npz", weights=weights, names=np.array(NAMES), fps=FPS)
    return folder


def test_a_late_jaw_is_moved_back(corpus: Path, tmp_path: Path) -> None:
    page = prepare(corpus, tmp_path / "out")
    assert page["offset"] == pytest.approx(-0.045, abs=0.01)
    assert len(page["held_out"]) == 1 and len(page["train"]) == 2
    clip = store.load(tmp_path / "out" / f"{page['train'][0]}.npz")
    _, wanted = spoken(14.0, int(page["train"][0][2]))
    jaw = clip.weights[:, INDEX["jawOpen"]]
    assert np.corrcoef(jaw[5:-5], wanted[5 : len(jaw) - 5])[0, 1] > 0.95
    assert clip.person == "facegood:7" and not clip.upper.any() and clip.mouth[:-5].all()


def test_bad_pairs_are_refused_and_the_rest_is_made(corpus: Path, tmp_path: Path) -> None:
    (corpus / "7_0.npz").unlink()
    np.savez(corpus / "7_1.npz", weights=rig(60), names=np.array(NAMES), fps=FPS)
    page = prepare(corpus, tmp_path / "out")
    assert "there is no 7_0.npz" in page["refused"]["7_0.wav"]
    assert "14.0 s and its motion 2.0 s" in page["refused"]["7_1.wav"]
    assert len(page["train"] + page["held_out"]) == 1
