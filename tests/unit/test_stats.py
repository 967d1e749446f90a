"""Stats under several writers."""

import sys
import threading

from engine.stats import Stats


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
