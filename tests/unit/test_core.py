"""Channel, clock, stage and timeline: the frame that everything hangs on."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from engine import stage
from engine.channel import Channel
from engine.clock import ManualClock, SampleClock
from engine.stats import Stats
from engine.timeline import Timeline
from engine.types import AudioChunk, FaceMesh


async def collect(channel):
    return [item async for item in channel]


class Halves:
    """Gives each number when its successor came, as a stage that looks ahead does."""

    name, lookahead = "halves", 1.0

    def __init__(self):
        self.held = []

    def push(self, item):
        if item == 13:
            raise ValueError("thirteen")
        self.held.append(item / 2)
        return [self.held.pop(0)] if len(self.held) > 1 else []

    def finish(self):
        return self.held


async def drive(numbers, *stages):
    stages = stages or [Halves()]
    source, sink = Channel("in", 4, live=False), Channel("out", 4, live=False)
    with ThreadPoolExecutor(1) as pool:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(stage.run(stages, source, [sink], pool, Stats()))
            got = tg.create_task(collect(sink))
            for n in numbers:
                await source.put(n)
            await source.close()
    return got.result()


async def test_a_stage_gives_everything_once_in_order_and_its_tail_at_the_end():
    assert await drive(range(12)) == [n / 2 for n in range(12)]


async def test_stages_in_a_row_give_what_each_after_the_other_would():
    assert await drive(range(12), Halves(), Halves()) == [n / 4 for n in range(12)]


async def test_a_failing_stage_ends_the_session_with_its_own_error():
    with pytest.raises(ExceptionGroup) as failure:
        await drive([1, 13, 2, 3])
    assert "thirteen" in [str(e) for e in failure.value.exceptions]


async def test_a_live_channel_keeps_the_newest_and_counts_the_rest():
    channel = Channel("video", size=2)
    for i in range(7):
        await channel.put(i)
    await channel.close()
    assert await collect(channel) == [5, 6]
    assert channel.dropped == 5


async def test_a_waiting_channel_loses_nothing_and_never_holds_more_than_its_size():
    channel, longest = Channel("file", size=3, live=False), 0

    async def feed():
        nonlocal longest
        for i in range(50):
            await channel.put(i)
            longest = max(longest, len(channel))
        await channel.close()

    async with asyncio.TaskGroup() as tg:
        tg.create_task(feed())
        got = tg.create_task(collect(channel))
    assert got.result() == list(range(50))
    assert channel.dropped == 0 and longest <= 3


async def test_closing_frees_a_sender_that_waits():
    channel = Channel("file", size=1, live=False)
    await channel.put(0)
    async with asyncio.TaskGroup() as tg:
        waiting = tg.create_task(_refused(channel))
        await asyncio.sleep(0)
        await channel.close()
    assert waiting.result()


async def _refused(channel):
    try:
        await channel.put(1)
    except RuntimeError:
        return True
    return False


async def test_sleepers_wake_in_order_each_at_its_own_time():
    clock, woken = ManualClock(), []

    async def present(fps, delay):
        for k in range(60):
            await clock.sleep_until(k / fps + delay)
            woken.append((clock.now(), k / fps + delay))

    async with asyncio.TaskGroup() as tg:
        tg.create_task(present(30, 0.2))
        tg.create_task(present(25, 0.5))
        await clock.advance(10)
    assert len(woken) == 120
    assert woken == sorted(woken)
    assert all(now == pytest.approx(due) for now, due in woken)


def test_the_sample_clock_hides_jitter():
    clock, rng = SampleClock(48_000), np.random.default_rng(0)
    times = [clock.stamp(480, 0.01 * (i + 1) + rng.uniform(0, 0.01)) for i in range(500)]
    assert np.allclose(np.diff(times), 0.01, atol=1e-9) and clock.anchors == 1


def test_the_sample_clock_follows_a_gap():
    clock = SampleClock(48_000)
    clock.stamp(480, 0.01)
    assert clock.stamp(480, 3.0) == pytest.approx(2.99)
    assert clock.anchors == 2


def test_the_sample_clock_never_strays_from_a_crystal_that_is_off():
    clock = SampleClock(48_000)
    for i in range(360_000):  # one hour in blocks of 10 ms, 50 parts per million slow
        arrival = 0.01 * (i + 1) * (1 + 50e-6)
        t = clock.stamp(480, arrival)
    assert abs(arrival - 0.01 - t) <= clock.slack


def test_a_timeline_holds_the_newest_value_not_after_t():
    line = Timeline(span=1.0)
    mesh = np.zeros((4, 3), np.float32)
    for k in range(90):
        line.add(FaceMesh(k / 30, mesh))
    assert line.at(2.51).t == pytest.approx(75 / 30)
    assert line.at(2.5 - 1e-12).t == pytest.approx(75 / 30)
    assert line.at(0.5) is None
    assert line.newest == pytest.approx(89 / 30)
    with pytest.raises(ValueError, match="time went back"):
        line.add(FaceMesh(1.0, mesh))


def test_a_chunk_knows_when_it_ends():
    assert AudioChunk(1.0, np.zeros(480, np.float32), 48_000).end == pytest.approx(1.01)


def test_stats_give_medians_and_forget():
    stats = Stats()
    for ms in (1, 2, 3, 4, 100):
        stats.add("draw", ms / 1e3)
    stats.count("late", 3)
    assert stats.milliseconds()["draw"]["p50"] == pytest.approx(3)
    assert stats.counts["late"] == 3
