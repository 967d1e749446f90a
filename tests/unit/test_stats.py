"""Stats under several writers."""

import sys
import threading

import pytest

from engine.stats import BUCKETS, Stats


def test_no_count_and_no_sample_is_lost_between_threads() -> None:
    stats, before = Stats(), sys.getswitchinterval()

    def write() -> None:
        for _ in range(3000):
            stats.count("late")
        for _ in range(100):
            stats.add("step", 0.001)
            stats.milliseconds()

    threads = [threading.Thread(target=write) for _ in range(4)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert stats.counts["late"] == 12_000
    assert stats.milliseconds()["step"] == {"p50": 1.0, "p95": 1.0, "n": 400}


def test_histograms_remember_all_and_lose_nothing_between_buckets() -> None:
    stats = Stats()
    for _ in range(2000):  # more than the percentiles keep
        stats.add("step", 0.004)
    for seconds in (0.0, 0.001, 0.0011, 5.0):
        stats.add("step", seconds)
    counts, total = stats.histograms()["step"]
    assert sum(counts) == 2004 and total == pytest.approx(2000 * 0.004 + 5.0021)
    assert counts[0] == 2 and counts[1] == 1 and counts[-1] == 1
    assert counts[BUCKETS.index(0.005)] == 2000
