"""The speech generator: phones in, lips that close at p, b, m and nowhere else."""

import itertools

import numpy as np
import pytest

from engine.head import Head
from engine.head.arkit import ARKIT
from training.data import upper
from training.data.clips import FPS, clip, part
from training.data.coarticulation import Style, curves, plateau
from training.data.phones import ESPEAK, FLITE, PHONES
from training.data.sentences import all_sentences, held_out
from training.data.visemes import TARGETS
from training.data.voices import HELD_OUT, RATE, TRAINING, Phone
from training.meshtalk import measure


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load()


def spoken(names: str, each: float = 0.12) -> list[Phone]:
    return [Phone(n, i * each, (i + 1) * each) for i, n in enumerate(names.split())]


def test_every_phone_of_both_synthesisers_has_a_target() -> None:
    halves = {"aw", "ay", "ey", "ow", "oy"}  # made of two targets
    assert set(PHONES) - halves == set(TARGETS)
    assert {p for names in (*FLITE.values(), *ESPEAK.values()) for p in names} <= set(PHONES)


def test_lips_close_at_bilabials_and_open_at_vowels(head: Head) -> None:
    phones = spoken("pau pau aa p aa b iy m ae t pau", 0.15)
    times = np.arange(int(1.65 * FPS)) / FPS
    weights = curves(phones, times, None, Style())
    opening = measure.openings(head, [head.pose(head.neutral, w) for w in weights])
    wide = measure.aa(head, head.neutral)
    for p in phones:
        first, last = measure.span(p, len(times), FPS)
        if p.name in "pbm":
            assert opening[first:last].min() < 0.02 * wide
        elif p.name in ("aa", "ae"):
            assert opening[first:last].max() > 0.5 * wide
    assert opening[0] < 0.1 * wide


def test_lower_lip_reaches_the_teeth_at_f(head: Head) -> None:
    weights = curves(spoken("aa f aa", 0.2), np.array([0.3]), None, Style())[0]
    face = head.pose(head.neutral, weights)
    teeth = head.neutral[np.unique(head.faces[head.parts["teeth_upper"]])]
    edge = teeth[np.abs(teeth[:, 0]) < 6][:, 1].min()
    lower_lip = head.landmarks(face, 68)[66, 1]
    assert abs(lower_lip - edge) < 3.0


def test_plateau_is_whole_while_the_phone_sounds() -> None:
    times = np.linspace(0, 0.4, 401)
    held = plateau([Phone("m", 0.15, 0.25)], times, frozenset("m"), 0.06, 0.06, 0.06)
    assert held[(times >= 0.15) & (times <= 0.25)].min() == 1
    assert held[times < 0.085].max() == 0


def test_louder_vowels_are_opener() -> None:
    phones = spoken("t aa t")
    soft, loud = (
        curves(phones, np.array([0.18]), np.float32([1, s, 1]), Style()) for s in (0.7, 1.1)
    )
    jaw = ARKIT.index("jawOpen")
    assert loud[0, jaw] > soft[0, jaw] + 0.08


def test_held_out_voices_and_sentences_are_never_trained_on() -> None:
    assert not {v.name for v in TRAINING} & {v.name for v in HELD_OUT}
    assert {"rms", "en-us+f4"} < {v.name for v in HELD_OUT}
    assert not set(part("train").sentences) & set(part("test").sentences)
    lines = all_sentences(600)
    assert len(set(lines)) == 600 and 40 < sum(map(held_out, lines)) < 110


def test_blinks_come_at_the_asked_rate() -> None:
    rng = np.random.default_rng(0)
    begins = upper.blink_times(rng, 3600.0, 16.0)
    assert 14 < len(begins) / 60 < 18
    assert np.diff(begins).min() > 0.55


@pytest.mark.parametrize("name", ["train", "test", "voices"])
@pytest.mark.parametrize("number", [2, 3])  # flite, espeak-ng
def test_a_clip_is_a_function_of_its_number(synthesisers: None, name: str, number: int) -> None:
    one, again = (clip(part(name), number, 5, 0) for _ in range(2))
    assert one.text == again.text and np.array_equal(one.identity, again.identity)
    if one.voice.startswith("flite"):
        assert np.array_equal(one.samples, again.samples)
        assert np.array_equal(one.weights, again.weights)
    assert len(one.weights) == int(len(one.samples) * FPS / RATE)
    assert one.weights.min() >= 0 and one.weights.max() <= 1
    assert one.phones[0].start == 0
    assert all(a.end == pytest.approx(b.start) for a, b in itertools.pairwise(one.phones))
