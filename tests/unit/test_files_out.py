"""Files out: exact times, picture and sound together, the same bytes, nothing lost."""

import csv
import resource
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from engine.deliver.files import FilesConfig, Writers
from engine.deliver.mesh import MeshFile
from engine.deliver.motion import HEADER, MotionFile
from engine.deliver.recorder import RATE, Recorder
from engine.errors import ConfigError, DeliveryError
from engine.head import ARKIT, Head
from engine.render.config import RenderConfig
from engine.types import AudioChunk, Bytes, FaceMesh, Floats, Motion, Picture, World

FPS, SIDE = 30, 64
FLASH = 18  # the picture that is white, and the place of the beep


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load()


def beep() -> Floats:
    """One second and a half of silence with 50 ms of rising tone at the flash."""
    sound = np.zeros(RATE * 3 // 2, np.float32)
    t = np.arange(RATE // 20) / RATE
    at = FLASH * RATE // FPS
    sound[at : at + len(t)] = 0.5 * np.sin(2 * np.pi * (800 + 8000 * t) * t)
    return sound


def picture(k: int, t: float, channels: int = 3) -> Picture:
    level = 255 if k == FLASH else 20
    pixels = np.full((SIDE, SIDE, channels), level, np.uint8)
    pixels[: SIDE // 2, :, 2] //= 2
    return Picture(t, pixels)


def record(path: Path, zero: float = 0.0, skip: tuple[int, ...] = ()) -> Path:
    """Sound ahead of its pictures in blocks of 10 ms, as a session gives them."""
    recorder = Recorder(path, (SIDE, SIDE), FPS)
    sound = beep()
    k, late = 0, RATE // 8
    for i in range(0, len(sound) + late, RATE // 100):
        if i < len(sound):
            recorder.push_sound(AudioChunk(zero + i / RATE, sound[i : i + RATE // 100], RATE))
        while k < 45 and k * RATE // FPS + late <= i:
            if k not in skip:
                recorder.push(picture(k, zero + k / FPS))
            k += 1
    recorder.finish()
    return path


def pictures_of(path: Path) -> list[tuple[float, Bytes]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [(float(f.pts * f.time_base), f.to_ndarray(format="rgb24")) for f in frames]


def sound_of(path: Path) -> tuple[float, Floats]:
    """Time of the first sample, and all samples."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    first = frames[0]
    return float(first.pts * first.time_base), np.concatenate([f.to_ndarray()[0] for f in frames])


def lag_of_beep(path: Path) -> float:
    """Seconds by which the beep in the file is late, by correlation."""
    begin, sound = sound_of(path)
    want = beep()
    n = 1 << 18
    spectrum = np.fft.rfft(sound, n) * np.conj(np.fft.rfft(want, n))
    peak = int(np.argmax(np.fft.irfft(spectrum)))
    return begin + (peak - n if peak > n // 2 else peak) / RATE


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
@pytest.mark.parametrize("zero", [0.0, 12.3456])
def test_picture_and_sound_are_together(tmp_path: Path, name: str, zero: float) -> None:
    shown = pictures_of(record(tmp_path / name, zero))
    assert [t for t, _ in shown] == pytest.approx([k / FPS for k in range(45)], abs=6e-4)
    bright = [t for t, pixels in shown if pixels[48:, :].mean() > 128]
    assert bright == pytest.approx([FLASH / FPS], abs=6e-4)
    lag = lag_of_beep(tmp_path / name)
    print(f"{name}: the beep is {lag * 1e3:+.3f} ms from the flash")
    assert abs(lag) < 1e-3
    begin, sound = sound_of(tmp_path / name)
    assert begin + len(sound) / RATE == pytest.approx(1.5, abs=0.03)


def test_mp4_times_are_exact(tmp_path: Path) -> None:
    shown = pictures_of(record(tmp_path / "a.mp4", skip=(7, 8)))
    assert [round(t * FPS, 9) for t, _ in shown] == [k for k in range(45) if k not in (7, 8)]


def test_same_bytes(tmp_path: Path) -> None:
    first = record(tmp_path / "a.mp4").read_bytes()
    assert record(tmp_path / "b.mp4").read_bytes() == first
    assert first.index(b"moov") < first.index(b"mdat")  # plays while it loads


def test_colours_survive(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mp4", (SIDE, SIDE), FPS)
    colour = np.array([200, 90, 40], np.uint8)
    for k in range(5):
        recorder.push(Picture(k / FPS, np.broadcast_to(colour, (SIDE, SIDE, 3)).copy()))
    recorder.finish()
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = list(container.decode(video=0))[2]
        assert frame.colorspace == 1
        seen = frame.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray()
    assert np.abs(seen.reshape(-1, 3).mean(0) - colour).max() < 4


def test_transparency_is_black_in_mp4(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mp4", (SIDE, SIDE), FPS, alpha=True)
    pixels = np.full((SIDE, SIDE, 4), 255, np.uint8)
    pixels[:, : SIDE // 2, 3] = 0
    recorder.push(Picture(0.0, pixels))
    recorder.finish()
    seen = pictures_of(tmp_path / "a.mp4")[0][1]
    assert seen[:, :24].mean() < 6 and seen[:, 40:].mean() > 249


def test_transparency_is_kept_in_webm(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.webm", (SIDE, SIDE), FPS, alpha=True)
    pixels = np.full((SIDE, SIDE, 4), 255, np.uint8)
    pixels[:, : SIDE // 2, 3] = 0
    for k in range(3):
        recorder.push(Picture(k / FPS, pixels))
    recorder.finish()
    with av.open(str(tmp_path / "a.webm")) as container:
        stream = container.streams.video[0]
        assert stream.metadata.get("alpha_mode") == "1"
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        frames = [f for p in container.demux(stream) if p.size for f in decoder.decode(p)]
    alpha = frames[0].to_ndarray(format="rgba")[..., 3]
    assert alpha[:, :24].mean() < 10 and alpha[:, 40:].mean() > 245


def test_sound_gaps_are_silent_and_overlaps_are_cut(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mp4", (SIDE, SIDE), FPS)
    sound = beep()
    half = RATE // 2
    for k in range(45):
        recorder.push(picture(k, 5.0 + k / FPS))
    recorder.push_sound(AudioChunk(4.9, np.ones(RATE // 20, np.float32), RATE))  # before zero
    recorder.push_sound(AudioChunk(5.25, sound[RATE // 4 : half], RATE))  # a gap before it
    recorder.push_sound(AudioChunk(5.45, sound[round(0.45 * RATE) :], RATE))  # overlaps by 50 ms
    recorder.finish()
    assert abs(lag_of_beep(tmp_path / "a.mp4")) < 1e-3
    assert np.abs(sound_of(tmp_path / "a.mp4")[1][: RATE // 2]).max() < 0.05


def test_an_older_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"older")
    recorder = Recorder(path, (SIDE, SIDE), FPS)
    recorder.push(picture(0, 0.0))
    assert path.read_bytes() == b"older"
    recorder.abort()
    assert path.read_bytes() == b"older" and list(tmp_path.iterdir()) == [path]
    recorder = Recorder(path, (SIDE, SIDE), FPS)
    recorder.finish()  # nothing was recorded
    assert path.read_bytes() == b"older" and list(tmp_path.iterdir()) == [path]
    record(path)
    assert len(pictures_of(path)) == 45 and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("flag,good", [("record", ".mp4"), ("motion", ".csv"), ("mesh", ".npz")])
def test_bad_places_are_refused_at_once(tmp_path: Path, head: Head, flag: str, good: str) -> None:
    def refused(path: Path, error: type[Exception], words: str) -> None:
        with pytest.raises(error) as caught:
            Writers(FilesConfig(**{flag: path}), RenderConfig(), head)
        assert words in str(caught.value) and "\n" not in str(caught.value)
        assert f"--{flag}" in str(caught.value)

    refused(tmp_path / "out.xyz", ConfigError, f"should end in {good}")
    refused(tmp_path / "gone" / f"out{good}", DeliveryError, "No such file")
    (tmp_path / f"folder{good}").mkdir()
    refused(tmp_path / f"folder{good}", DeliveryError, "is a folder")


def test_one_bad_place_leaves_nothing_behind(tmp_path: Path, head: Head) -> None:
    config = FilesConfig(tmp_path / "a.mp4", tmp_path / "a.csv", tmp_path / "a.txt")
    with pytest.raises(ConfigError, match="--mesh"):
        Writers(config, RenderConfig(), head)
    assert list(tmp_path.iterdir()) == []


def test_nothing_written_leaves_no_file(tmp_path: Path, head: Head) -> None:
    config = FilesConfig(tmp_path / "a.mp4", tmp_path / "a.csv", tmp_path / "a.npz")
    with Writers(config, RenderConfig(), head):
        pass
    assert list(tmp_path.iterdir()) == []


def world(head: Head, k: int, zero: float = 0.0) -> World:
    weights = np.zeros(len(ARKIT), np.float32)
    weights[ARKIT.index("jawOpen")] = k / 10
    t = zero + k / FPS
    face = FaceMesh(t, head.pose(head.neutral, weights))
    angles = np.array([0.1 * k, -0.05, -1e-9], np.float32)
    return World(t, face, Motion(t, weights, angles))


def test_motion_rows(tmp_path: Path, head: Head) -> None:
    out = MotionFile(tmp_path / "a.csv", FPS)
    for k in range(5):
        out.push(world(head, k, zero=77.7).motion)
    out.finish()
    with (tmp_path / "a.csv").open(newline="") as lines:
        rows = list(csv.reader(lines))
    assert tuple(rows[0]) == HEADER == ("t", *ARKIT, "headYaw", "headPitch", "headRoll")
    values = np.array(rows[1:], float)
    assert values.shape == (5, 56)
    assert values[:, 0] == pytest.approx(np.arange(5) / FPS, abs=5e-7)
    assert values[:, HEADER.index("jawOpen")] == pytest.approx(np.arange(5) / 10)
    assert values[:, -3] == pytest.approx(0.1 * np.arange(5)) and rows[1][-1] == "0.000000"


def test_mesh_arrays(tmp_path: Path, head: Head) -> None:
    for name in ("a.npz", "b.npz"):
        out = MeshFile(tmp_path / name, FPS, head)
        for k in range(4):
            out.push(world(head, k, zero=1.5).face)
        out.finish()
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz"]
    v, f = len(head.neutral), len(head.faces)
    with np.load(tmp_path / "a.npz") as data:
        shapes = {name: data[name].shape for name in data}
        assert shapes == {
            "t": (4,),
            "vertices": (4, v, 3),
            "landmarks68": (4, 68, 3),
            "faces": (f, 3),
            "mouth_mask": (v,),
            "upper_mask": (v,),
        }
        assert data["t"].dtype == np.float64 and np.array_equal(data["t"], np.arange(4) / FPS)
        assert data["vertices"].dtype == np.float32
        assert np.array_equal(data["vertices"][3], world(head, 3).face.vertices)
        assert np.array_equal(data["landmarks68"][3], head.landmarks(data["vertices"][3], 68))
        assert 0 <= data["mouth_mask"].min() < data["mouth_mask"].max() <= 1
        assert np.array_equal(data["faces"], head.faces)


def test_all_files_share_one_zero(tmp_path: Path, head: Head) -> None:
    config = FilesConfig(tmp_path / "a.mp4", tmp_path / "a.csv", tmp_path / "a.npz")
    shown = RenderConfig(size=f"{SIDE}x{SIDE}")
    with Writers(config, shown, head) as writers:
        assert writers.any
        for k in range(6):
            writers.push_world(world(head, k, zero=3.21))
            if k:  # the first picture was dropped on the way
                writers.push_picture(picture(k, 3.21 + k / FPS))
    assert [round(t * FPS, 6) for t, _ in pictures_of(tmp_path / "a.mp4")] == [1, 2, 3, 4, 5]
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 7
    assert not Writers(FilesConfig(), shown, head).any


def test_what_was_recorded_before_a_failure_is_kept(tmp_path: Path, head: Head) -> None:
    config = FilesConfig(record=tmp_path / "a.mp4", motion=tmp_path / "a.csv")
    shown = RenderConfig(size=f"{SIDE}x{SIDE}")
    with pytest.raises(KeyboardInterrupt), Writers(config, shown, head) as writers:
        for k in range(3):
            writers.push_world(world(head, k))
            writers.push_picture(picture(k, k / FPS))
        raise KeyboardInterrupt
    assert len(pictures_of(tmp_path / "a.mp4")) == 3
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 4


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 20 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["record.mp4", "motion.csv", "mesh.npz"])
def test_a_full_disk_is_told_in_one_line(
    tmp_path: Path, head: Head, small_disk: None, name: str
) -> None:
    config = FilesConfig(**{name.split(".")[0]: tmp_path / name})
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    with pytest.raises(DeliveryError, match=f"cannot write .*{name}: File too large"):
        with Writers(config, RenderConfig(size=f"{SIDE}x{SIDE}"), head) as writers:
            for k in range(120):
                writers.push_world(world(head, k))
                writers.push_picture(Picture(k / FPS, np.roll(noise, k)))
    assert list(tmp_path.iterdir()) == []
