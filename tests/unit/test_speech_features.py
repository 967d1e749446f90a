"""Live features: any cutting gives the same bits; loudness is taken out; counts are exact."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.speech.features import HOP, MELS, RATE, SILENCE, WINDOW, Features, Loudness
from engine.speech.windows import FIELD, Windows, last_frame


def tone(seconds: float, level: float = 0.1) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * t)
    return (level * swell * np.sin(2 * np.pi * 220 * t)).astype(np.float32)


def test_one_frame_every_ten_milliseconds() -> None:
    assert len(Features().push(np.zeros(HOP - 1, np.float32))) == 0
    assert Features().push(np.zeros(RATE, np.float32)).shape == (100, MELS)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 5000), max_size=12))
def test_cutting_changes_no_bit(cuts: list[int]) -> None:
    sound = tone(0.8) + np.random.default_rng(0).normal(0, 1e-3, int(0.8 * RATE)).astype(np.float32)
    whole = Features().push(sound)
    features = Features()
    pieces = np.split(sound, np.cumsum(cuts))
    assert np.array_equal(np.concatenate([features.push(p) for p in pieces]), whole)


def test_gain_of_20_db_is_taken_out() -> None:
    plain, loud, soft = (Features().push(tone(2.0, level)) for level in (0.08, 0.8, 0.008))
    late = slice(60, None)
    assert np.abs(plain[late] - loud[late]).mean() < 0.3
    assert np.abs(plain[late] - soft[late]).mean() < 0.3


def test_steady_noise_never_becomes_speech() -> None:
    loudness = Loudness()
    heard = [loudness.follow(-62.0) for _ in range(3000)]
    assert heard[-1] >= -62.0 + 17


def test_silence_is_the_constant_it_is_called() -> None:
    assert np.allclose(Features().push(np.zeros(WINDOW, np.float32)), SILENCE, atol=1e-4)


@pytest.mark.parametrize("fps", [Fraction(30), Fraction(25), Fraction(30000, 1001)])
def test_windows_end_at_most_100_ms_after_their_frame(fps: Fraction) -> None:
    for k in (0, 1, 2, 1000, 108_000):
        end = Fraction(last_frame(k, fps, 0.1), 100)
        assert Fraction(9, 100) < end - k / fps <= Fraction(1, 10)


def test_windows_are_consecutive_frames_however_they_come() -> None:
    frames = np.arange(300, dtype=np.float32)[:, None] * np.ones(MELS, np.float32)
    whole = Windows(Fraction(30), 0.1).push(frames)
    single = Windows(Fraction(30), 0.1)
    pieces = [w for frame in frames for w in single.push(frame[None])]
    assert len(whole) == len(pieces) == 88
    assert all(np.array_equal(a, b) for a, b in zip(whole, pieces, strict=True))
    assert whole[60][-1, 0] == last_frame(60, Fraction(30), 0.1) - 1
    assert len(whole[60]) == FIELD
    assert np.array_equal(whole[0][:51], np.repeat(SILENCE[None], 51, 0))
