"""Resampling: the same for any cutting, exact in time, with the delay it declares."""

from itertools import pairwise

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.capture import Resample
from engine.capture.blocks import cut, mono, seconds_late
from engine.stats import Stats
from engine.types import AudioChunk, Floats

RATES = [(48_000, 16_000), (44_100, 16_000), (16_000, 48_000), (8_000, 16_000), (22_050, 48_000)]


def noise(n: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, n).astype(np.float32)


def through(stage: Resample, samples: Floats, sizes: list[int], t: float = 0.0) -> list[AudioChunk]:
    out, at, k = [], 0, 0
    while at < len(samples):
        piece = samples[at : at + sizes[k % len(sizes)]]
        out += stage.push(AudioChunk(t + at / stage.rate_in, piece, stage.rate_in))
        at, k = at + len(piece), k + 1
    return out + stage.finish()


def joined(chunks: list[AudioChunk]) -> Floats:
    return np.concatenate([c.samples for c in chunks])


@pytest.mark.parametrize("rate_in,rate_out", RATES)
def test_equals_soxr_on_the_whole(rate_in: int, rate_out: int) -> None:
    x = noise(rate_in // 2)
    y = joined(through(Resample(rate_out, rate_in=rate_in), x, [rate_in // 100]))
    whole = soxr.resample(x, rate_in, rate_out, quality="HQ")
    assert len(y) == len(whole) == rate_out // 2
    begun = rate_out // 100  # soxr's own first few samples know no silence before them
    assert np.abs(y - whole)[begun:].max() < 2e-6


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=8))
def test_any_cutting_gives_the_same_bits(sizes: list[int]) -> None:
    x = noise(6000)
    once = joined(through(Resample(16_000, rate_in=44_100), x, [len(x)]))
    assert np.array_equal(joined(through(Resample(16_000, rate_in=44_100), x, sizes)), once)


@pytest.mark.parametrize("rate_in,rate_out", RATES)
def test_output_depends_on_no_more_than_the_lookahead(rate_in: int, rate_out: int) -> None:
    stage = Resample(rate_out, rate_in=rate_in)
    at, n = 0, rate_in // 1000
    for _ in range(200):
        out = stage.push(AudioChunk(at / rate_in, noise(n), rate_in))
        at += n
        if out:
            newest = out[-1].end
    known = at / rate_in - stage.lookahead
    assert newest >= known - 1e-9
    assert stage.lookahead < 0.03 if rate_in != 22_050 else stage.lookahead < 0.05


def test_declared_delay_at_48_khz() -> None:
    assert Resample(16_000).lookahead == pytest.approx(0.011)
    assert Resample(48_000).lookahead == 0.0


def test_times_are_counts_from_the_first_stamp() -> None:
    out = through(Resample(16_000, rate_in=44_100), noise(44_100), [441, 1000, 17], t=3.25)
    assert out[0].t == 3.25
    for a, b in pairwise(out):
        assert b.t == pytest.approx(a.end, abs=1e-9)


def test_a_click_stays_where_it_was() -> None:
    x = np.zeros(48_000, np.float32)
    x[24_000] = 1.0
    assert np.argmax(joined(through(Resample(16_000), x, [480]))) == 8000


@pytest.mark.parametrize("rate_in", [16_000, 48_000])
def test_a_gap_becomes_silence_and_is_counted(rate_in: int) -> None:
    stats = Stats()
    stage = Resample(16_000, "ear", rate_in, stats)
    half = noise(rate_in // 2)
    out = stage.push(AudioChunk(1.0, half, rate_in))
    out += stage.push(AudioChunk(1.8, half, rate_in)) + stage.finish()
    y = joined(out)
    assert len(y) == round(1.3 * 16_000)
    assert np.abs(y[8200:12_600]).max() < 1e-6 < np.abs(y[12_900:]).max()
    assert stats.counts == {"ear.gap": 1}


def test_an_overlap_is_cut_and_counted() -> None:
    stats = Stats()
    stage = Resample(16_000, "ear", 16_000, stats)
    out = stage.push(AudioChunk(0.0, noise(16_000), 16_000))
    for k in range(20):  # 80 ms too early, in blocks of 10 ms
        out += stage.push(AudioChunk(0.92 + k * 0.01, noise(160), 16_000))
    assert stats.counts["ear.cut"] > 0 and "ear.gap" not in stats.counts
    assert abs(out[-1].end - 1.12) <= 0.02


def test_small_jitter_of_the_stamps_is_ignored() -> None:
    stats = Stats()
    stage = Resample(16_000, "ear", 16_000, stats)
    x = noise(1600)
    out = [stage.push(AudioChunk(k * 0.1 + 0.015 * (k % 2), x, 16_000)) for k in range(9)]
    assert not stats.counts and sum(len(o[0].samples) for o in out) == 9 * 1600


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="44100 Hz came where 48000"):
        Resample(16_000).push(AudioChunk(0.0, noise(10), 44_100))


def test_nothing_in_nothing_out() -> None:
    assert Resample(16_000).finish() == []


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(1, 30))
def test_cut_keeps_every_sample(lengths: list[int], size: int) -> None:
    pieces = [noise(n, seed) for seed, n in enumerate(lengths)]
    blocks = list(cut(pieces, size))
    assert all(len(b) == size for b in blocks[:-1])
    assert np.array_equal(joined_arrays(blocks), joined_arrays(pieces))


def joined_arrays(arrays: list[Floats]) -> Floats:
    return np.concatenate([*arrays, np.zeros(0, np.float32)])


def test_mono_is_the_mean_and_a_copy() -> None:
    frames = np.array([[0.5, -0.5], [1.0, 0.0]], np.float32)
    assert mono(frames).tolist() == [0.0, 0.5]
    one = frames[:, :1]
    assert not np.shares_memory(mono(one), one)


def test_a_driver_that_says_too_little_is_not_believed() -> None:
    assert seconds_late(0.0002, 480, 48_000) == 0.0
    assert seconds_late(0.018, 480, 48_000) == pytest.approx(0.008)
