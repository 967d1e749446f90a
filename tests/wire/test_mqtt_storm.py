"""Thousands of events and twenty restarts; `python -m engine.bench mqtt` is the longer run."""

import signal

import pytest

from engine.bench.mqtt import storm
from tests.wire.brokers import MOSQUITTO

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto: apt install mosquitto")


async def test_two_thousand_events_and_twenty_restarts_lose_nothing(tmp_path):
    figures = await storm(2_000, 20, signal.SIGTERM, tmp_path)
    print("\n" + "\n".join(figures.rows()))
    found = figures.values
    assert found["lost"] == found["dropped by the engine"] == found["out of order"] == 0
    assert found["connections"] >= 20, "the broker was never away"
    assert found["unacknowledged at a broker's end"] > 20
    assert found["came twice, unmarked"] == 0


async def test_a_broker_that_is_killed_ten_times_loses_nothing_unacknowledged(tmp_path):
    figures = await storm(300, 10, signal.SIGKILL, tmp_path)
    print("\n" + "\n".join(figures.rows()))
    found = figures.values
    assert found["lost, unacknowledged at a broker's end"] == found["out of order"] == 0
    assert found["unacknowledged at a broker's end"] > 10
    assert found["dropped by the engine"] == 0
