"""A million templates: as exact as the full scan, and how fast."""

import time

import numpy as np

from engine.verify.search import Index

N, DIM, BOUND = 1_000_000, 128, 0.025  # seconds, p50 on two free cores


def test_a_million_templates_are_searched_exactly_and_soon():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((N, DIM), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index, wall, work = Index(rows), [], []
    for trial in range(24):
        probe = rng.standard_normal(DIM).astype(np.float32) / np.sqrt(DIM)
        probe += 0.5 * rows[rng.integers(N)] if trial % 2 else 0  # somebody enrolled, or nobody
        began, worked = time.perf_counter(), time.process_time()
        found, scores = index.nearest(probe, 5)
        wall.append(time.perf_counter() - began)
        work.append(time.process_time() - worked)
        if trial < 4:
            full = rows @ probe
            assert found.tolist() == np.lexsort((np.arange(N), -full))[:5].tolist()
            assert np.allclose(scores, full[found], atol=1e-6)
    p50 = np.median(wall[2:]) * 1e3
    print(f"p50 {p50:.1f} ms, {np.median(work[2:]) * 1e3:.1f} ms of processor time on two cores")
    # Other programs on the machine take time from the clock, but not from the processor time.
    assert min(np.median(wall[2:]), np.median(work[2:]) / 2) < 3 * BOUND
