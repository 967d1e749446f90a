"""A real stream of pictures (FFmpeg's test pattern) as a camera; WebRTC from a sender to us."""

import asyncio
import csv
import logging
from dataclasses import replace

import aiohttp
import av
import numpy as np
import pytest
import soxr
from aiortc import (
    AudioStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)

from engine.bench.run import Live
from engine.capture import Browser, read_sound
from engine.capture.cameras import TEST, CameraDevice
from engine.capture.choose import SAMPLE
from engine.capture.webcam import Webcam
from engine.channel import Channel
from engine.clock import Clock
from engine.deliver import DeliverConfig, Server
from engine.deliver.guard import HEADERS
from engine.deliver.intake import Intake
from engine.errors import DeviceError
from engine.stats import Stats


async def collect(run, sink, enough):
    """What `run` sends until there is enough of it."""
    running = asyncio.create_task(run)
    got = []
    try:
        async with asyncio.timeout(30):
            async for item in sink:
                got.append(item)
                if enough(got):
                    return got
            return got
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_camera_is_stamped_evenly_on_the_sessions_clock():
    clock, stats = Clock(), Stats()
    sink = Channel("pictures", 100)
    got = await collect(Webcam(TEST, clock, stats).run(sink), sink, lambda g: len(g) > 40)
    steps = np.diff([frame.t for frame in got[5:]])
    print(f"\nsteps of {1e3 * np.median(steps):.2f} ms, {stats.counts['camera.dropped']} dropped")
    assert got[0].pixels.shape == (480, 640, 3)
    assert abs(np.median(steps) - 1 / 30) < 0.002 and (steps > 0).all()
    assert 0 < clock.now() - got[-1].t < 3


async def test_a_camera_that_is_unplugged_comes_back(caplog):
    brief = replace(TEST, path=TEST.path.replace(",", ":duration=0.4,"))
    clock, stats = Clock(), Stats()
    sink = Channel("pictures", 100)
    with caplog.at_level(logging.WARNING):
        got = await collect(Webcam(brief, clock, stats).run(sink), sink, lambda g: g[-1].t > 1.2)
    times = np.array([frame.t for frame in got])
    assert (np.diff(times) > 0).all() and np.diff(times).max() > 0.5, "there was a gap"
    assert stats.counts["camera.lost"] >= 1
    assert "is gone; waiting for it" in caplog.text and "is back" in caplog.text


async def test_a_camera_that_cannot_be_opened_is_told_in_one_line():
    nowhere = CameraDevice("nowhere", -1, "v4l2", "/dev/no-such-camera")
    with pytest.raises(DeviceError, match="cannot use the camera 'nowhere'") as told:
        await Webcam(nowhere, Clock(), Stats()).run(Channel("pictures", 2))
    assert "\n" not in str(told.value)


class Lit(VideoStreamTrack):
    """Pictures that are each of one grey."""

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 90, np.uint8), "rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(AudioStreamTrack):
    """440 Hz."""

    async def recv(self):
        frame = await super().recv()
        rate = frame.sample_rate
        k = frame.pts + np.arange(frame.samples)
        wave = 8000 * np.sin(2 * np.pi * 440 * k / rate)
        tone = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], "s16", "mono")
        tone.pts, tone.sample_rate, tone.time_base = frame.pts, rate, frame.time_base
        return tone


class Speech(AudioStreamTrack):
    """The bundled sample, round and round."""

    def __init__(self):
        super().__init__()
        sound = read_sound(SAMPLE)
        self.samples = (30_000 * soxr.resample(sound.samples, sound.rate, 8000)).astype(np.int16)

    async def recv(self):
        frame = await super().recv()
        assert frame.sample_rate == 8000
        k = (frame.pts + np.arange(frame.samples)) % len(self.samples)
        speech = av.AudioFrame.from_ndarray(self.samples[k][None], "s16", "mono")
        speech.pts, speech.sample_rate, speech.time_base = frame.pts, 8000, frame.time_base
        return speech


class Page:
    """What sends, without a browser."""

    def __init__(self, *tracks):
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.peer.createDataChannel("likeness")
        for track in tracks:
            self.peer.addTransceiver(track, direction="sendonly")

    async def send(self, url, http):
        await self.peer.setLocalDescription(await self.peer.createOffer())
        offer = {"sdp": self.peer.localDescription.sdp, "type": "offer"}
        async with http.post(url + "send", json=offer) as response:
            answer = await response.json()
            if response.ok:
                await self.peer.setRemoteDescription(RTCSessionDescription(**answer))
            return response.status, answer


class Engine:
    """A server that takes what pages send; `with_camera` None: that takes nothing."""

    def __init__(self, with_camera):
        self.clock, self.stats = Clock(), Stats()
        self.browser = Browser(self.clock, self.stats, bool(with_camera))
        intake = Intake(self.browser.kinds, self.browser.take)
        self.server = Server(
            DeliverConfig(port=0), self.clock, 0.1, self.stats, dict,
            None if with_camera is None else intake,
        )  # fmt: skip

    async def __aenter__(self):
        await self.server.__aenter__()
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_):
        await self.http.close()
        await self.server.__aexit__(None, None, None)


def loud(chunks):
    return [c for c in chunks if np.abs(c.samples).max() > 0.1]


async def test_sound_and_pictures_sent_to_us_arrive_soon_with_session_times():
    async with Engine(True) as engine:
        page = Page(Tone(), Lit())
        assert (await page.send(engine.server.url, engine.http))[0] == 200
        browser, clock = engine.browser, engine.clock
        sound, pictures = Channel("sound", 200), Channel("pictures", 60)
        heard, seen = await asyncio.gather(
            collect(browser.sound.run(sound), sound, lambda g: len(loud(g)) > 50),
            collect(browser.camera.run(pictures), pictures, lambda g: len(g) > 20),
        )
        late = clock.now() - heard[-1].end
        await page.peer.close()
    assert late < 3
    assert all(abs(int(np.median(f.pixels)) - 90) < 8 for f in seen)
    assert all(a.end <= b.t + 1e-4 for a, b in zip(heard, heard[1:], strict=False))
    tone = np.concatenate([c.samples for c in loud(heard)[10:40]])
    peak = np.argmax(np.abs(np.fft.rfft(tone))) * 48_000 / len(tone)
    assert abs(peak - 440) < 10 and 0.15 < np.abs(tone).max() < 0.3  # mono goes as stereo


async def test_sound_sent_to_a_session_drives_the_avatar(tmp_path):
    motion = tmp_path / "motion.csv"
    options = "--input", "browser", "--size", "64x64", "--quality", "low", "--motion", str(motion)
    live = Live("--port", "0", *options, "--set", 'capture.audio=""')
    try:
        url = await live.address()
        async with aiohttp.ClientSession() as http:
            page = Page(Speech())
            assert (await page.send(url, http))[0] == 200
            await asyncio.sleep(8)
            await page.peer.close()
        live.process.terminate()  # what is being written is finished, however busy the machine
        await asyncio.to_thread(live.process.wait, 60)
    finally:
        live.end()
    with motion.open() as file:
        jaw = [float(row["jawOpen"]) for row in csv.DictReader(file)]
    print(f"\nthe jaw opens by {max(jaw):.2f}, at rest by {jaw[0]:.2f}")
    assert max(jaw) > 0.04 > jaw[0]  # in silence 0.015


async def test_only_sound_is_taken_where_no_camera_is_wanted():
    async with Engine(False) as engine:
        page = Page(Tone(), Lit())
        status, answer = await page.send(engine.server.url, engine.http)
        assert status == 200
        assert answer["sdp"].count("a=recvonly") == 1 and answer["sdp"].count("a=inactive") == 1
        await page.peer.close()


async def test_offers_that_cannot_be_taken_are_refused_in_one_line():
    async with Engine(True) as engine:
        url, http = engine.server.url, engine.http
        for body, status in ((b"{", 400), (b'{"type": "offer", "sdp": "v=0"}', 400)):
            sent = {"data": body, "headers": {"Content-Type": "application/json"}}
            async with http.post(url + "send", **sent) as response:
                assert response.status == status and (await response.json())["error"]
        mute = Page()
        status, answer = await mute.send(url, http)
        assert status == 400 and "sends no audio nor video" in answer["error"]
        one, two = Page(Tone()), Page(Tone())
        assert (await one.send(url, http))[0] == 200
        assert (await two.send(url, http))[0] == 409
        for page in (mute, one, two):
            await page.peer.close()


async def test_a_session_that_wants_nothing_takes_nothing():
    async with Engine(None) as engine:
        page = Page(Tone())
        status, answer = await page.send(engine.server.url, engine.http)
        assert status == 403 and "takes no camera" in answer["error"]
        async with engine.http.get(engine.server.url) as response:
            policy = response.headers["Permissions-Policy"]
        assert policy == HEADERS["Permissions-Policy"] and "camera=()" in policy
        await page.peer.close()
    async with Engine(True) as engine, engine.http.get(engine.server.url) as response:
        assert "camera=(self)" in response.headers["Permissions-Policy"]
