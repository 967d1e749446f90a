"""When somebody speaks: on sounds whose speech is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.speech.activity import Activity
from engine.types import AudioChunk

RATE = 16_000


def room(seconds, level=-65.0, seed=0):
    noise = np.random.default_rng(seed).normal(0, 1, round(seconds * RATE))
    return (noise * 10 ** (level / 20)).astype(np.float32)


def voice(seconds, level=-25.0):
    """A buzz in syllables, four a second."""
    t = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * 130 * k * t) / k for k in range(1, 12))
    buzz *= np.abs(np.sin(2 * np.pi * 2 * t))
    return (buzz / np.sqrt(np.mean(buzz**2)) * 10 ** (level / 20)).astype(np.float32)


def changes(samples, cuts=(), origin=5.0):
    stage, found, at = Activity(RATE), [], 0
    for piece in np.split(samples, np.cumsum(cuts)):
        found += stage.push(AudioChunk(origin + at / RATE, piece, RATE))
        at += len(piece)
    return found + stage.finish()


def talk(quiet=-65.0, loud=-25.0):
    parts = [room(1.0, quiet), voice(2.0, loud), room(2.0, quiet, 1), voice(1.0, loud)]
    return np.concatenate(parts) + room(6.0, quiet, 2)


@pytest.mark.parametrize(("quiet", "loud"), [(-75, -30), (-65, -20), (-45, -20)])
def test_speech_begins_and_ends_where_it_does(quiet, loud):
    found = changes(talk(quiet, loud))
    assert [c.on for c in found] == [True, False, True, False]
    wanted = [6.0, 8.0, 10.0, 11.0]
    assert [c.t for c in found] == pytest.approx(wanted, abs=0.15)


def test_a_room_however_loud_is_no_speech_for_long():
    loud = np.concatenate([room(1.0, -70), room(40.0, -40)])
    on = [c.on for c in changes(loud)]
    assert on == [True, False], "a fan that starts is taken for speech, but not for ever"
    assert changes(room(5.0, -30)) == [] and changes(np.zeros(RATE, np.float32)) == []


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 30_000), max_size=10))
def test_any_cutting_gives_the_same(cuts):
    whole, pieces = changes(talk()), changes(talk(), cuts)
    assert [c.on for c in pieces] == [c.on for c in whole]
    assert [c.t for c in pieces] == pytest.approx([c.t for c in whole], abs=1e-6)
