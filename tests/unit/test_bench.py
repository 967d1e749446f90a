"""The bench's bounds, and what it tells where something fails."""

import aiohttp
import psutil
import pytest

from engine.bench.__main__ import gated
from engine.bench.figures import BOUNDS, Figures
from engine.bench.run import told
from engine.errors import DeliveryError


def test_a_soak_without_pictures_or_sound_misses_its_bounds() -> None:
    dead = {
        "memory growth MB": 0,
        "mean frames a second": 0.0,
        "slowest ten seconds, frames a second": 0.0,
        "sound filled or cut ms": 50_000,
    }
    missed = Figures(dead).missed(gated("soak", browser=True))
    assert len(missed) == 3 and missed[0] == "mean frames a second 0.0 (bound 10)"


def test_what_was_not_measured_is_missed_unless_left_out() -> None:
    good = {b.name: b.limit for b in BOUNDS if b.of == "chain"}
    missed = Figures(good).missed(gated("chain", browser=True))
    assert len(missed) == 3 and "skew ms not measured (bound 45)" in missed
    assert not Figures(good).missed(gated("chain", browser=False))
    assert not Figures().missed(gated("nets", browser=True))


@pytest.mark.parametrize(
    "error", [TimeoutError(), aiohttp.ClientError("gone"), psutil.NoSuchProcess(1)]
)
def test_failures_are_one_line(error: Exception) -> None:
    with pytest.raises(DeliveryError) as found, told():
        raise error
    assert "\n" not in str(found.value)
