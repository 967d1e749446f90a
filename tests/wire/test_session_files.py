"""File -> session -> files, as a person starts it: `python -m engine.live --no-serve ...`."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import soxr

import engine
from engine.capture import read_sound
from engine.capture.choose import SAMPLE
from engine.deliver.motion import HEADER
from engine.head import Head
from engine.types import Floats

FPS, SECONDS, SIDE = 30, 2.0, 128


def live(folder: Path, audio: Path, *more: str, serve: bool = False) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    files = ["--record", "out.mp4", "--motion", "out.csv", "--mesh", "out.npz"]
    return subprocess.Popen(
        [sys.executable, "-m", "engine.live", "--audio", str(audio)]
        + ([] if serve else ["--no-serve"])
        + [*files, "--size", f"{SIDE}x{SIDE}", "--seed", "3", *more],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(engine.__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert not err, err
    return out


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of the bundled sample, at 44.1 kHz."""
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    sound = read_sound(SAMPLE)
    samples = soxr.resample(sound.samples, sound.rate, 44_100)[: round(44_100 * SECONDS)]
    soundfile.write(path, samples, 44_100)
    return path


@pytest.fixture(scope="module")
def made(speech: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same command in two folders."""
    folders = [tmp_path_factory.mktemp("made") / name for name in "ab"]
    begun = time.monotonic()
    for folder in folders:
        finished(live(folder, speech))
    print(f"twice {SECONDS:.0f} s of sound took {time.monotonic() - begun:.1f} s, start included")
    return folders[0], folders[1]


@pytest.mark.parametrize("name", ["out.mp4", "out.csv", "out.npz"])
def test_same_seed_and_file_give_the_same_bytes(made: tuple[Path, Path], name: str) -> None:
    assert (made[0] / name).read_bytes() == (made[1] / name).read_bytes()
    assert sorted(p.name for p in made[0].iterdir()) == ["out.csv", "out.mp4", "out.npz"]


def lag_of(recording: Path, speech: Path) -> float:
    """Seconds by which the recording's sound is later than the file's, by correlation."""
    with av.open(str(recording)) as container:
        frames = list(container.decode(audio=0))
    heard = np.concatenate([f.to_ndarray()[0] for f in frames])
    said = soxr.resample(soundfile.read(speech, dtype="float32")[0], 44_100, 48_000)
    n = 1 << 18
    spectrum = np.fft.rfft(heard, n) * np.conj(np.fft.rfft(said, n))
    peak = int(np.argmax(np.fft.irfft(spectrum)))
    return (peak - n if peak > n // 2 else peak) / 48_000 + float(frames[0].pts) / 48_000


def rows_of(path: Path) -> tuple[list[str], Floats]:
    with path.open(newline="") as lines:
        rows = list(csv.reader(lines))
    return rows[0], np.array(rows[1:], np.float64)


def test_rows_and_shapes(made: tuple[Path, Path]) -> None:
    head = Head.load()
    v, f = len(head.neutral), len(head.faces)
    header, rows = rows_of(made[0] / "out.csv")
    n = len(rows)
    assert tuple(header) == HEADER and abs(n - FPS * SECONDS) <= 1
    assert rows[:, 0] == pytest.approx(np.arange(n) / FPS, abs=1e-6)
    weights, angles = rows[:, 1:53], rows[:, 53:]
    assert 0 <= weights.min() and weights.max() <= 1 and np.abs(angles).max() < 0.6
    assert np.isfinite(rows).all()
    with np.load(made[0] / "out.npz") as data:
        assert np.array_equal(data["t"], np.arange(n) / FPS)
        assert data["vertices"].shape == (n, v, 3) and data["vertices"].dtype == np.float32
        assert data["landmarks68"].shape == (n, 68, 3) and data["faces"].shape == (f, 3)
        assert data["mouth_mask"].shape == data["upper_mask"].shape == (v,)
        gap = np.linalg.norm(data["landmarks68"][:, 62] - data["landmarks68"][:, 66], axis=1)
        assert np.isfinite(data["vertices"]).all()
    assert np.ptp(gap) > 2, "the lips never move"
    jaw = weights[:, header.index("jawOpen") - 1]
    assert np.corrcoef(gap, jaw)[0, 1] > 0.5, "weights and surface do not belong together"


def test_the_recording_plays(made: tuple[Path, Path], speech: Path) -> None:
    header, rows = rows_of(made[0] / "out.csv")
    with av.open(str(made[0] / "out.mp4")) as container:
        shown = list(container.decode(video=0))
        times = [float(p.pts * p.time_base) for p in shown]
        container.seek(0)
        frames = list(container.decode(audio=0))
    assert times == pytest.approx(rows[:, 0], abs=1e-6)
    pictures = np.stack([p.to_ndarray(format="rgb24") for p in shown[::10]]).astype(float)
    assert pictures.std() > 10, "nothing is drawn"
    assert np.abs(np.diff(pictures, axis=0)).max() > 10, "nothing moves"
    heard = np.concatenate([f.to_ndarray()[0] for f in frames])
    assert len(heard) / 48_000 == pytest.approx(len(shown) / FPS, abs=0.03)
    lag = lag_of(made[0] / "out.mp4", speech)
    print(f"the recording's sound is {lag * 1e3:+.2f} ms from the file's")
    assert abs(lag) < 1e-3


def test_recording_while_serving(speech: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    finished(live(folder, speech, "--once", "--port", "0", serve=True))
    _, rows = rows_of(folder / "out.csv")
    with av.open(str(folder / "out.mp4")) as container:
        times = [float(p.pts * p.time_base) for p in container.decode(video=0)]
    lag = lag_of(folder / "out.mp4", speech)
    print(f"live: {len(rows)} frames, {len(times)} pictures, sound at {lag * 1e3:+.2f} ms")
    assert abs(len(rows) - FPS * SECONDS) <= 1 and abs(lag) < 1e-3
    places = np.array(times) * FPS
    assert np.abs(places - places.round()).max() < 1e-3
    assert len(times) > 0.25 * len(rows)  # a busy machine drops many; engine.bench holds the bound


def test_ctrl_c_finishes_what_is_being_written(tmp_path: Path) -> None:
    sound = read_sound(SAMPLE)
    soundfile.write(tmp_path / "long.wav", np.tile(sound.samples, 8), sound.rate)
    folder = tmp_path / "a"
    process = live(folder, tmp_path / "long.wav")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        part = next(folder.glob(".out.*.part.csv"), None)
        if part is not None and part.stat().st_size > 20_000:  # some 40 rows were written out
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stopped = time.monotonic()
    finished(process)
    took = time.monotonic() - stopped
    _, rows = rows_of(folder / "out.csv")
    with av.open(str(folder / "out.mp4")) as container:
        pictures = len(list(container.decode(video=0)))
    with np.load(folder / "out.npz") as data:
        assert len(data["t"]) == len(data["vertices"]) == len(rows)
    whole = len(sound.samples) * 8 / sound.rate * FPS
    print(f"Ctrl-C: {len(rows)} of {whole:.0f} frames, finished in {took:.1f} s")
    assert 30 < len(rows) < 0.9 * whole and pictures == len(rows)
    assert len(list(folder.iterdir())) == 3
