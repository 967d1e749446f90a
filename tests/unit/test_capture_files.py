"""Files of sound: every usual kind is read; what is wrong is said in one line."""

import asyncio
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from engine.capture import AudioFile, CaptureConfig, open_source, read_sound
from engine.capture.choose import SAMPLE
from engine.capture.devices import Device, find, portaudio, refresh
from engine.capture.file import FileSource
from engine.channel import Channel
from engine.clock import Clock, ManualClock
from engine.errors import ConfigError, DeviceError, EngineError
from engine.stats import Stats
from engine.types import AudioChunk, Floats

RATE = 44_100


def tone(seconds: float = 0.5, hertz: float = 500.0) -> Floats:
    t = np.arange(round(RATE * seconds)) / RATE
    return (0.4 * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def encoded(path: Path, codec: str, video: bool = False) -> Path:
    """A stereo file, the tone in the left channel alone."""
    rate = 48_000 if codec == "libopus" else RATE
    with av.open(str(path), "w") as container:
        if video:
            pictures = container.add_stream("libx264", rate=30)
            pictures.width = pictures.height = 64
            pictures.pix_fmt = "yuv420p"
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        both = np.stack([tone(), np.zeros_like(tone())])
        frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
        frame.sample_rate = RATE
        if video:
            black = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
            for _ in range(10):
                container.mux(pictures.encode(black))
            container.mux(pictures.encode(None))
        to_codec = av.AudioResampler(stream.codec_context.format, "stereo", rate)
        for piece in [*to_codec.resample(frame), *to_codec.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    "name,codec,video",
    [
        ("a.mp3", "libmp3lame", False),
        ("a.m4a", "aac", False),
        ("a.ogg", "libopus", False),
        ("a.webm", "libopus", False),
        ("a.mkv", "pcm_s16le", False),
        ("a.mp4", "aac", True),
    ],
)
def test_coded_files(tmp_path: Path, name: str, codec: str, video: bool) -> None:
    sound = read_sound(encoded(tmp_path / name, codec, video))
    assert sound.rate in (RATE, 48_000) and sound.samples.dtype == np.float32
    assert len(sound.samples) / sound.rate == pytest.approx(0.5, abs=0.06)
    middle = sound.samples[len(sound.samples) // 4 : -len(sound.samples) // 4]
    assert np.abs(middle).max() == pytest.approx(0.2, abs=0.03)  # the mean of left and right
    peak = np.argmax(np.abs(np.fft.rfft(middle))) * sound.rate / len(middle)
    assert peak == pytest.approx(500, abs=8)


@pytest.mark.parametrize("name,kind", [("a.wav", "PCM_16"), ("a.wav", "FLOAT"), ("a.flac", None)])
def test_uncompressed_files_are_exact(tmp_path: Path, name: str, kind: str | None) -> None:
    soundfile.write(tmp_path / name, tone(), RATE, subtype=kind)
    sound = read_sound(tmp_path / name)
    assert sound.rate == RATE and len(sound.samples) == len(tone())
    assert np.abs(sound.samples - tone()).max() < 1e-4


def wrong(folder: Path) -> dict[str, tuple[Path, type[EngineError], str]]:
    """Name -> (path, error, words in it) for each way a file can be wrong."""
    soundfile.write(folder / "good.wav", tone(), RATE)
    good = (folder / "good.wav").read_bytes()
    encoded(folder / "whole.mp4", "aac", True)
    (folder / "half.mp4").write_bytes((folder / "whole.mp4").read_bytes()[:700])
    (folder / "text.txt").write_text("Hello, this is not sound.\n" * 200)
    (folder / "text.wav").write_text("Hello, this is not sound.\n" * 200)
    (folder / "text.mp3").write_text("Hello, this is not sound.\n" * 200)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "header.wav").write_bytes(good[:44])
    noise = np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes()
    (folder / "noise.ogg").write_bytes(b"OggS" + noise)
    soundfile.write(folder / "short.wav", tone(0.005), RATE)
    with av.open(str(folder / "mute.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    names: dict[str, tuple[type[EngineError], str]] = {
        "gone.wav": (ConfigError, "no such file"),
        ".": (ConfigError, "is a folder"),
        "text.txt": (DeviceError, "sound"),
        "text.wav": (DeviceError, "sound"),
        "text.mp3": (DeviceError, "sound"),
        "half.mp4": (DeviceError, "cannot read"),
        "empty.wav": (DeviceError, "is empty"),
        "header.wav": (DeviceError, "no sound"),
        "noise.ogg": (DeviceError, "sound"),
        "short.wav": (DeviceError, "lasts 5 ms"),
        "mute.mp4": (DeviceError, "no sound"),
    }
    return {name: (folder / name, *what) for name, what in names.items()}


def test_wrong_files_end_in_one_line(tmp_path: Path) -> None:
    for name, (path, error, words) in wrong(tmp_path).items():
        with pytest.raises(error) as caught:
            AudioFile(path)
        message = str(caught.value)
        assert words in message and "\n" not in message, (name, message)
        assert str(path) in message


def test_a_broken_packet_here_and_there_is_skipped(tmp_path: Path) -> None:
    data = bytearray(encoded(tmp_path / "a.mp3", "libmp3lame").read_bytes())
    data[3000:3300] = bytes(300)
    (tmp_path / "a.mp3").write_bytes(data)
    assert len(read_sound(tmp_path / "a.mp3").samples) > 0.3 * RATE


async def drain(sink: Channel[AudioChunk]) -> list[AudioChunk]:
    return [chunk async for chunk in sink]


async def test_as_fast_as_it_is_taken(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(1.03), RATE, subtype="FLOAT")
    source = FileSource(tmp_path / "a.wav")
    sink: Channel[AudioChunk] = Channel("sound", 2, live=False)
    running = asyncio.create_task(source.run(sink))
    chunks = await drain(sink)
    await running
    assert np.array_equal(np.concatenate([c.samples for c in chunks]), tone(1.03))
    assert [c.t for c in chunks] == [k * 441 / RATE for k in range(103)]
    assert sink.dropped == 0 and not source.is_microphone


async def test_at_the_pace_of_life_with_rounds(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(0.25), RATE)
    clock = ManualClock()
    await clock.advance(2.0)
    sink: Channel[AudioChunk] = Channel("sound", 500)
    source = FileSource(tmp_path / "a.wav", clock, loop=True, pause=0.1)
    running = asyncio.create_task(source.run(sink))
    while clock.now() < 2.8:
        await asyncio.to_thread(lambda: None)  # lets the reading thread have its turn
        await clock.advance(0.001)
        if len(sink):
            break
    seen: list[AudioChunk] = []
    while len(seen) < 60:
        await asyncio.to_thread(lambda: None)
        await clock.advance(0.002)
        while len(sink):
            chunk = await anext(sink)
            assert chunk.end <= clock.now() + 1e-9
            seen.append(chunk)
    running.cancel()
    assert [c.t for c in seen] == pytest.approx([2.0 + 0.01 * k for k in range(60)])
    sound = np.concatenate([c.samples for c in seen])
    assert np.abs(sound[round(0.26 * RATE) : round(0.34 * RATE)]).max() == 0.0
    again = sound[round(0.35 * RATE) :][:4000]
    assert np.abs(again - tone()[: len(again)]).max() < 1e-4


def test_what_is_listened_to(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    config = CaptureConfig(audio=tmp_path / "a.wav")
    source = open_source(config, Clock(), Stats(), live=True)
    assert source.describe == "the file a.wav, 44100 Hz"
    bundled = open_source(CaptureConfig(), Clock(), Stats(), live=False)
    assert "bundled sample" in bundled.describe and bundled.rate == AudioFile(SAMPLE).rate


def test_finding_a_device() -> None:
    names = ["HDA Intel: ALC257 (hw:0,0)", "USB Studio Mic", "USB Camera"]
    devices = [Device(n, i, "microphone", 48_000, 2, i == 0) for i, n in enumerate(names)]
    assert find("studio", devices).index == 1
    assert find(2, devices).name == "USB Camera"
    assert find("2", devices).name == "USB Camera"
    assert find("usb camera", devices).index == 2
    assert find("HDA Intel: ALC257 (hw:3,0)", devices).index == 0  # plugged in again
    with pytest.raises(DeviceError, match="several microphones match 'usb'.*Studio.*Camera"):
        find("usb", devices)
    with pytest.raises(DeviceError, match="no microphone is called 'piano'.*HDA"):
        find("piano", devices)
    with pytest.raises(DeviceError, match="nor any other; give a file"):
        find("piano", [])
    assert str(devices[0]).startswith("*   0") and "48000 Hz" in str(devices[0])


@pytest.mark.parametrize("pause", [-0.1, 3601.0, float("nan"), float("inf")])
def test_a_pause_out_of_range_is_told_in_one_line(pause):
    with pytest.raises(ConfigError, match="capture.pause is") as told:
        CaptureConfig(pause=pause)
    assert "\n" not in str(told.value)


def test_portaudio_that_does_not_start_again_is_told(monkeypatch):
    try:
        sd = portaudio()
    except DeviceError as e:
        pytest.skip(str(e))

    def fail():
        raise sd.PortAudioError("no host")

    monkeypatch.setattr(sd, "_terminate", fail)
    with pytest.raises(DeviceError, match="does not start again: no host"):
        refresh()
