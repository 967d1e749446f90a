"""A recording written from three threads at once, read back by ffprobe, which is not ours."""

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engine.deliver import FilesConfig, Writers
from engine.head import ARKIT, Head
from engine.render.config import RenderConfig
from engine.types import AudioChunk, FaceMesh, Motion, Picture, World

FPS, SIDE, FRAMES = 30, 128, 90


def write(path: Path) -> None:
    head, shown = Head.load(), RenderConfig(size=f"{SIDE}x{SIDE}")
    random = np.random.default_rng(0)
    texture = random.integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    noise = random.uniform(-0.1, 0.1, 480).astype(np.float32)

    def worlds() -> None:
        for k in range(FRAMES):
            motion = Motion(k / FPS, np.zeros(len(ARKIT), np.float32), np.zeros(3, np.float32))
            writers.push_world(World(k / FPS, FaceMesh(k / FPS, head.neutral), motion))

    def pictures() -> None:
        for k in range(FRAMES):
            writers.push_picture(Picture(k / FPS, np.roll(texture, k, axis=1)))

    def sound() -> None:
        for i in range(FRAMES * 100 // FPS):
            writers.push_sound(AudioChunk(i / 100, noise, 48_000))

    config = FilesConfig(record=path, motion=path.with_suffix(".csv"))
    with Writers(config, shown, head) as writers, ThreadPoolExecutor(3) as pool:
        for work in [pool.submit(f) for f in (worlds, pictures, sound)]:
            work.result()


CODECS = {"a.mp4": ["h264", "aac"], "a.mkv": ["h264", "opus"], "a.webm": ["vp9", "opus"]}


@pytest.mark.parametrize("name,codecs", CODECS.items())
def test_ffprobe_agrees(tmp_path: Path, name: str, codecs: list[str]) -> None:
    if not shutil.which("ffprobe"):
        pytest.skip("ffprobe is not installed (apt install ffmpeg)")
    write(tmp_path / name)
    command = ["ffprobe", "-v", "warning", "-count_frames", "-show_streams", "-show_format"]
    done = subprocess.run(
        [*command, "-of", "json", str(tmp_path / name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert not done.stderr
    told = json.loads(done.stdout)
    picture, sound = told["streams"]
    assert [picture["codec_name"], sound["codec_name"]] == codecs
    assert (picture["width"], picture["height"]) == (SIDE, SIDE)
    assert picture["avg_frame_rate"] == f"{FPS}/1" and picture["nb_read_frames"] == str(FRAMES)
    assert picture["color_space"] == "bt709" and picture["pix_fmt"] == "yuv420p"
    assert sound["sample_rate"] == "48000" and sound["channels"] == 1
    assert abs(float(picture["start_time"])) < 1e-3 and abs(float(sound["start_time"])) < 8e-3
    assert float(told["format"]["duration"]) == pytest.approx(FRAMES / FPS, abs=0.03)
    assert "creation_time" not in told["format"].get("tags", {})
