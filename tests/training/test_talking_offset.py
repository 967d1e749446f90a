"""A known shift of sound against motion is found again."""

import numpy as np
import pytest

from engine.head import Head
from engine.types import Floats
from training.data.clips import FPS, Clip, clip, part
from training.meshtalk import measure
from training.talking import offset
from training.talking.offset import Opening


@pytest.fixture(scope="module")
def curves(synthesisers: None) -> list[tuple[Opening, Opening]]:
    """What is seen and what is heard, of three voices with sentences never trained on."""
    head = Head.load()
    made = [clip(part("test"), k, 1, 3) for k in range(3)]
    return [(_seen(head, one), offset.heard_opening(one.samples)) for one in made]


def _seen(head: Head, one: Clip) -> Opening:
    height = measure.openings(head, [head.pose(head.neutral, w) for w in one.weights])
    return Opening(np.arange(len(height)) / FPS, height)


@pytest.mark.parametrize("late", [-0.15, -0.04, 0.0, 0.08, 0.2])
def test_shifts_of_a_source_are_found(curves: list[tuple[Opening, Opening]], late: float) -> None:
    """The picture is shown `late` seconds after its sound, by clips of one take."""
    found = offset.best(
        [offset.curve(Opening(seen.times + late, seen.height), heard) for seen, heard in curves]
    )
    assert found.seconds == pytest.approx(-late, abs=0.02)
    assert found.agreement > 0.6


def test_other_sound_agrees_with_no_offset(curves: list[tuple[Opening, Opening]]) -> None:
    turned = [offset.curve(curves[k][0], curves[k - 1][1]) for k in range(3)]
    own = [offset.curve(*one) for one in curves]
    assert offset.best(turned).agreement < 0.6 * offset.best(own).agreement


def test_clips_too_short_to_tell_do_not_count() -> None:
    rng = np.random.default_rng(0)
    wave = np.convolve(rng.standard_normal(300), np.hanning(9), "same").astype(np.float32)
    times = np.arange(300) / 100

    def opening(n: int, late: float, curve: Floats = wave) -> Opening:
        return Opening(times[:n] + late, curve[:n])

    short = offset.curve(opening(60, 0.0), opening(300, 0.0))
    assert np.isnan(short).all(), "0.6 s of picture"
    long = offset.curve(opening(300, 0.05), opening(300, 0.0))
    assert offset.best([short, long]).seconds == pytest.approx(-0.05, abs=0.01)
