"""The coarse scan answers as the whole float32 scan does."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.verify.search import SMALL, Index


def rows_of(n, d, seed, kind="even"):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, d)).astype(np.float32)
    if kind == "crowded":  # everybody looks alike, which is what the bound finds hardest
        rows = rows * 0.05 + rng.standard_normal(d).astype(np.float32)
    if kind == "spiky":  # one large number leaves few codes for the others
        rows[np.arange(n), rng.integers(d, size=n)] *= 20
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def full(rows, probe, k):
    scores = rows.astype(np.float64) @ probe.astype(np.float64)
    return np.lexsort((np.arange(len(rows)), -scores))[:k], scores


@pytest.mark.parametrize("kind", ["even", "crowded", "spiky"])
@pytest.mark.parametrize("d", [64, 128, 100])
def test_the_answer_is_that_of_the_full_scan(kind, d):
    rows = rows_of(SMALL + 1234, d, 1, kind)
    index, rng = Index(rows), np.random.default_rng(2)
    for _ in range(20):
        probe = rng.standard_normal(d).astype(np.float32)
        probe += 3 * rows[rng.integers(len(rows))]
        found, scores = index.nearest(probe, 5)
        wanted, exact = full(rows, probe, 5)
        assert np.allclose(scores, exact[found], atol=1e-5)
        assert np.allclose(exact[found], exact[wanted], atol=1e-6)  # ties within rounding


def test_candidates_are_few_of_many():
    rows = rows_of(100_000, 128, 3)
    probe = rows[77] + 0.05 * np.random.default_rng(4).standard_normal(128).astype(np.float32)
    assert 3 <= len(Index(rows)._coarse.candidates(probe, 3)) < 200


def test_equal_rows_come_in_their_order():
    rows = np.repeat(rows_of(10, 128, 5), SMALL // 5, axis=0)
    found, scores = Index(rows).nearest(rows[0], 4)
    assert found.tolist() == [0, 1, 2, 3]
    assert np.ptp(scores) < 1e-6


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 1000))
def test_small_galleries_too(n, k, seed):
    rows = rows_of(n, 16, seed)
    found, scores = Index(rows).nearest(rows[0], k)
    assert found[0] == 0 and len(found) == min(n, k)
    assert (np.diff(scores) <= 0).all()


def test_rows_of_nothing_but_zeros_do_not_break_it():
    rows = np.zeros((SMALL, 8), np.float32)
    rows[5, 0] = 1
    assert Index(rows).nearest(rows[5], 1)[0].tolist() == [5]


def test_searches_at_the_same_time_do_not_mix():
    rows = rows_of(SMALL + 500, 64, 6)
    index, wanted = Index(rows), list(range(0, 400, 4))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: int(index.nearest(rows[i], 1)[0][0]), wanted))
    assert found == wanted
