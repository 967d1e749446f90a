"""A page sends its camera and microphone, and the engine sees, hears and speaks with them."""

import asyncio
import csv

import numpy as np
import pytest

from engine.bench.browser import why_not
from engine.bench.run import Live, stats_of
from engine.capture import Browser
from engine.channel import Channel
from engine.clock import Clock
from engine.deliver import DeliverConfig, Server
from engine.deliver.intake import Intake
from engine.faces import Finder, Follow, Report
from engine.stats import Stats
from tests.browser.browsing import open_page
from tests.browser.sending import sending_chromium, write_camera, write_microphone

NOISE = 3  # machines that run tests are busy: the bounds proper are held by engine.bench
SCENE = """
from scenes.avatar import Scene as Avatar


class Scene(Avatar):
    needs = ("speech", "faces")
"""


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    if reason := why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("devices")
    return write_camera(folder / "camera.mjpeg"), write_microphone(folder / "microphone.wav")


async def gather(channel, into):
    async for item in channel:
        into.append(item)


class Engine:
    """The server with what a page sends, and nothing more."""

    def __init__(self):
        self.clock, self.stats = Clock(), Stats()
        self.browser = Browser(self.clock, self.stats, with_camera=True)
        self.intake = Intake(self.browser.kinds, self.browser.take)
        self.sound, self.pictures = Channel("sound", 256), Channel("pictures", 2)
        self.heard, self.seen = [], []
        self.report = Report(self.stats)
        self.server = Server(
            DeliverConfig(port=0), self.clock, 0.15, self.stats, self.about, self.intake
        )

    def about(self):
        return {"camera": {"describe": "browser"} | self.report.now(self.clock.now())}

    async def __aenter__(self):
        await self.server.__aenter__()
        work = (
            self.browser.sound.run(self.sound),
            self.browser.camera.run(self.pictures),
            gather(self.sound, self.heard),
            gather(self.pictures, self.seen),
        )
        self.tasks = [asyncio.create_task(w) for w in work]
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.server.__aexit__(None, None, None)


async def until(what, seconds=20.0):
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110  # what is awaited is told by nobody
            await asyncio.sleep(0.05)


def loud(chunks):
    return [c for c in chunks if np.abs(c.samples).max() > 0.02]


async def test_camera_and_microphone_come_with_times_of_one_clock(devices):
    async with Engine() as engine, sending_chromium(*devices) as browser:
        page = await open_page(browser, engine.server.url, live=False)
        await page.wait_for_selector("#send:not([hidden])")
        assert not engine.seen, "nothing is sent before a person wants it"
        await page.click("#send")
        await page.wait_for_selector("#send[aria-pressed=true]")
        await until(lambda: len(engine.seen) > 60 and len(loud(engine.heard)) > 60)
        now = engine.clock.now()
        assert 0 < now - engine.seen[-1].t < NOISE and 0 < now - engine.heard[-1].end < NOISE
        await page.click("#send")
        await until(lambda: engine.intake.is_open)
        pictures, sounds = len(engine.seen), len(engine.heard)
        await asyncio.sleep(1)
        assert len(engine.seen) <= pictures + 2, "it stops at a press"
        assert len(engine.heard) > sounds + 50, "silence goes on"
        await page.click("#send")
        await until(lambda: len(engine.seen) > pictures + 30)
    steps = np.diff([f.t for f in engine.seen[10:60]])
    print(f"\n{engine.seen[-1].pixels.shape}, a picture each {1e3 * np.median(steps):.1f} ms")
    assert 0.02 < np.median(steps) < 0.04 * NOISE and (steps > 0).all()
    gaps = [b.t - a.end for a, b in zip(engine.heard, engine.heard[1:], strict=False)]
    assert min(gaps) > -1e-4 and np.mean(np.abs(gaps) < 0.02) > 0.8
    faces = [f for p in engine.seen[::10] for f in Finder("cpu").find(p.pixels)]
    assert len(faces) > 3
    assert Follow(Finder("cpu")).push(engine.seen[5])[0].faces


async def test_one_page_sends_and_another_is_told_so(devices):
    async with Engine() as engine, sending_chromium(*devices) as browser:
        one = await open_page(browser, engine.server.url, live=False)
        two = await open_page(browser, engine.server.url, live=False)
        for page in (one, two):
            await page.wait_for_selector("#send:not([hidden])")
        await one.click("#send")
        await until(lambda: len(engine.seen) > 3)
        await two.click("#send")
        await asyncio.sleep(1)
        assert "already" in await two.text_content("#senses", timeout=5000)
        await one.close()
        pictures = len(engine.seen)
        await until(lambda: len(engine.seen) > pictures + 10, 30)  # the other takes its place


async def test_a_browsers_voice_moves_the_avatar_and_its_face_is_followed(devices, tmp_path):
    scene = tmp_path / "watching.py"
    scene.write_text(SCENE)
    motion = tmp_path / "motion.csv"
    options = "--input", "browser", "--scene", str(scene), "--motion", str(motion)
    small = "--size", "128x128", "--quality", "low", "--fps", "15"
    live = Live("--port", "0", "--seconds", "90", *small, *options, "--set", 'capture.audio=""')
    try:
        async with sending_chromium(*devices) as browser:
            page = await open_page(browser, await live.address())
            assert "press C" in await page.text_content("#senses")
            await page.keyboard.press("c")
            counts = (await stats_of(live))["counts"]
            for _ in range(60):
                await asyncio.sleep(0.5)
                served = await stats_of(live)
                if served["info"]["camera"]["faces"] == 1:
                    break
            assert served["info"]["camera"]["faces"] == 1, (counts, served["info"])
            assert served["info"]["camera"]["quality"] > 0.3
            await page.wait_for_selector("#senses:has-text('lost')", timeout=20_000)
            await asyncio.sleep(8)  # of speech, of which a busy machine loses the most
            await page.screenshot(path=str(tmp_path / "page.png"))
            print(f"\n{served['info']['camera']}; {served['milliseconds']['faces']}")
            print(f"{tmp_path / 'page.png'}; {(await stats_of(live))['counts']}")
        live.process.terminate()  # what is being written is finished, however busy the machine
        await asyncio.to_thread(live.process.wait, 60)
    finally:
        live.end()
    with motion.open() as file:
        jaw = [float(row["jawOpen"]) for row in csv.DictReader(file)]
    print(f"the jaw opens by {max(jaw):.2f}, at rest by {max(jaw[:15]):.2f}")
    assert max(jaw) > 0.04 > max(jaw[:15])  # in silence 0.015
