"""A real (virtual) microphone: PulseAudio's null sink, heard through ALSA and PortAudio."""

import asyncio
import contextlib
import logging
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.capture import AudioFile, CaptureConfig, Resample, list_devices, open_source
from engine.capture.devices import refresh
from engine.channel import Channel
from engine.clock import Clock
from engine.errors import DeviceError
from engine.stats import Stats
from engine.types import AudioChunk

TOOLS = ("pulseaudio", "pactl", "paplay")


class SoundServer:
    """A PulseAudio of the test's own, with one virtual microphone."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, f"unix:{folder}/native"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        socket = f"module-native-protocol-unix socket={self.folder}/native auth-anonymous=1"
        sink = "module-null-sink sink_name=mic norewinds=1 rate=48000"
        self.process = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes"]
            + ["--use-pid-file=no", "-L", socket, "-L", sink],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while self._ask("info").returncode:
            if time.monotonic() > deadline:
                pytest.skip("PulseAudio does not start here")
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.go_on()
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def pause(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def play(self, file: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["paplay", "--latency-msec=20", str(file)])

    def remove_microphone(self) -> None:
        self._ask("unload-module", "module-null-sink")

    def add_microphone(self) -> None:
        self._ask("load-module", "module-null-sink", "sink_name=mic", "norewinds=1")

    def _ask(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["pactl", *words], capture_output=True, check=False, timeout=10)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (apt install pulseaudio)")
    for name in ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    tmp_path.chmod(0o700)
    sound = SoundServer(tmp_path)
    monkeypatch.setenv("PULSE_SERVER", sound.address)
    sound.start()
    refresh()
    if not any(d.name == "pulse" for d in list_devices()):
        sound.stop()
        pytest.skip("ALSA has no way to PulseAudio here (apt install libasound2-plugins)")
    yield sound
    sound.stop()
    refresh()


class Ear:
    """Runs a source and keeps what it sends, with the times of arrival."""

    def __init__(self, config: CaptureConfig) -> None:
        self.clock, self.stats = Clock(), Stats()
        self.notices: list[bool] = []
        self.source = open_source(config, self.clock, self.stats, True, self.notices.append)
        self.sink: Channel[AudioChunk] = Channel("sound", 200)
        self.chunks: list[AudioChunk] = []
        self.ages: list[float] = []

    async def keep(self) -> None:
        async for chunk in self.sink:
            self.chunks.append(chunk)
            self.ages.append(self.clock.now() - chunk.end)

    async def __aenter__(self) -> "Ear":
        self.tasks = [
            asyncio.create_task(self.source.run(self.sink)),
            asyncio.create_task(self.keep()),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def until(self, done: float | None = None, loud: bool | None = None) -> None:
        """Waits until `done` seconds were sent, or the newest 50 ms are loud, or silent."""
        async with asyncio.timeout(45):
            while True:
                await asyncio.sleep(0.02)
                if done is not None and self.chunks and self.chunks[-1].end > done:
                    return
                if loud is not None and len(self.chunks) > 5:
                    newest = np.concatenate([c.samples for c in self.chunks[-5:]])
                    if (np.abs(newest).max() > 0.01) == loud:
                        return


def tone(path: Path, seconds: float) -> Path:
    t = np.arange(round(48_000 * seconds)) / 48_000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * t), 48_000)
    return path


def contiguous(chunks: list[AudioChunk]) -> np.ndarray:
    """All that the chunks say, after the resampler that follows every source."""
    stage = Resample(16_000, rate_in=chunks[0].rate)
    out = [o for c in chunks for o in stage.push(c)] + stage.finish()
    for a, b in zip(out, out[1:], strict=False):
        assert abs(a.end - b.t) < 1e-6
    return np.concatenate([o.samples for o in out])


async def test_hears_what_is_played(server: SoundServer, tmp_path: Path) -> None:
    file = tone(tmp_path / "tone.wav", 1.0)
    async with Ear(CaptureConfig(device="pulse")) as ear:
        await ear.until(done=0.6)
        playing = await asyncio.to_thread(server.play, file)
        await ear.until(loud=True)
        await ear.until(loud=False)
        await asyncio.to_thread(playing.wait, 10)
    assert ear.source.is_microphone and "pulse" in ear.source.describe
    heard = contiguous(ear.chunks)
    loud = np.flatnonzero(np.abs(heard) > 0.1)
    assert 0.85 < (loud[-1] - loud[0]) / 16_000 < 1.15
    spectrum = np.abs(np.fft.rfft(heard[loud[0] : loud[0] + 8000]))
    assert abs(np.argmax(spectrum) * 2 - 440) <= 2
    age = np.percentile(np.array(ear.ages[50:]) * 1e3, [5, 50, 95])
    print(f"age of a block on arrival, ms (5 %, median, 95 %): {age.round(1)}")
    assert -5 < age[1] < 180
    assert abs(ear.chunks[-1].end - ear.clock.now()) < 1


async def test_survives_a_dead_server(
    server: SoundServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "engine.capture")
    async with Ear(CaptureConfig()) as ear:
        await ear.until(done=0.7)
        await asyncio.to_thread(server.stop)
        gone = ear.clock.now()
        await ear.until(done=gone + 2.2)
        assert ear.stats.counts["microphone.lost"] == 1
        assert len(caplog.messages) == 1 and "is gone" in caplog.messages[0]
        await asyncio.to_thread(server.start)
        playing = await asyncio.to_thread(server.play, tone(tmp_path / "tone.wav", 3.0))
        await ear.until(loud=True)
        print(f"heard again {ear.clock.now() - gone:.1f} s after it went")
        assert "is back" in caplog.messages[1] and len(caplog.messages) == 2
        playing.terminate()
        await asyncio.to_thread(playing.wait, 10)
    silent = [c.t for c in ear.chunks if gone + 0.7 < c.t < gone + 2.0]
    assert np.diff(silent) == pytest.approx(0.01, abs=1e-6)
    assert len(contiguous(ear.chunks)) / 16_000 == pytest.approx(
        ear.chunks[-1].end - ear.chunks[0].t, abs=0.1
    )


async def test_survives_being_unplugged(
    server: SoundServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "engine.capture")
    async with Ear(CaptureConfig(device="pulse")) as ear:
        await ear.until(done=0.7)
        await asyncio.to_thread(server.remove_microphone)
        await ear.until(done=ear.clock.now() + 1.5)
        assert ear.stats.counts["microphone.lost"] == 1
        await asyncio.to_thread(server.add_microphone)
        playing = await asyncio.to_thread(server.play, tone(tmp_path / "tone.wav", 3.0))
        await ear.until(loud=True)
        playing.terminate()
        await asyncio.to_thread(playing.wait, 10)
    assert [m.split()[-1] for m in caplog.messages] == ["it", "back"]
    assert ear.notices == [False, True]


async def test_survives_a_server_that_hangs(server: SoundServer, tmp_path: Path) -> None:
    async with Ear(CaptureConfig(device="pulse")) as ear:
        await ear.until(done=0.7)
        server.pause()
        gone = ear.clock.now()
        await ear.until(done=gone + 1.5)
        assert ear.clock.now() - gone < 4.5, "the event loop stood still"
        assert ear.stats.counts["microphone.lost"] == 1
        server.go_on()
        playing = await asyncio.to_thread(server.play, tone(tmp_path / "tone.wav", 5.0))
        await ear.until(loud=True)
        playing.terminate()
        await asyncio.to_thread(playing.wait, 10)


async def test_no_device_of_that_name(server: SoundServer) -> None:
    with pytest.raises(DeviceError, match="no microphone is called 'studio'.*pulse"):
        open_source(CaptureConfig(device="studio"), Clock(), Stats(), live=True)


async def test_by_index(server: SoundServer) -> None:
    index = next(d.index for d in list_devices() if d.name == "pulse")
    source = open_source(CaptureConfig(device=index), Clock(), Stats(), live=True)
    assert "pulse" in source.describe


async def test_bundled_sample_without_a_microphone(server: SoundServer) -> None:
    server.stop()
    refresh()
    source = open_source(CaptureConfig(), Clock(), Stats(), live=True)
    assert not source.is_microphone and "no microphone was found" in source.describe
    assert "\n" not in source.describe


def test_bundled_sample_is_sound() -> None:
    from engine.capture.choose import SAMPLE

    assert AudioFile(SAMPLE).rate >= 16_000
