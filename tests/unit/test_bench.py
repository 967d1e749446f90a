"""The bench's bounds, and what it tells where something fails."""

import os

import aiohttp
import psutil
import pytest

from engine.bench.__main__ import gated
from engine.bench.figures import BOUNDS, Figures
from engine.bench.nets import step
from engine.bench.relay import Way
from engine.bench.run import told
from engine.errors import DeliveryError
from engine.model import MODELS, open_model, open_session


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


def test_a_bad_line_delays_keeps_the_order_and_loses() -> None:
    out, into = os.pipe()
    line, dead = Way(into, loss=0.0, delay=0.08), Way(into, loss=1.0, delay=0.0)
    line.take(b"one", 10.0)
    line.take(b"two", 10.01)
    dead.take(b"lost", 10.0)
    assert line.deliver(10.07) == pytest.approx(0.01)
    assert line.deliver(10.08) == pytest.approx(0.01) and os.read(out, 99) == b"one"
    assert line.deliver(10.2) is None and os.read(out, 99) == b"two"
    assert dead.deliver(99.0) is None
    os.set_blocking(out, False)
    with pytest.raises(BlockingIOError):
        os.read(out, 99)
    os.close(into)
    os.close(out)


def test_a_soak_behind_a_bad_line_has_bounds_of_its_own() -> None:
    assert gated("soak", browser=True, line=True) == ("line",)
    assert len(Figures().missed(("line",))) == 5


def test_every_shipped_net_can_be_measured() -> None:
    for about in MODELS.glob("*/about.json"):
        model = open_model(about.parent)
        for name in (n for n in model.about["files"] if n.endswith(".onnx")):
            session, _ = open_session(model.file(name), "cpu")
            assert step(session, 1, rounds=0)["n"] == 20, name
