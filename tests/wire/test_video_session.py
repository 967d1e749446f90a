"""Pictures and sound of a file through a whole session, as a person starts it."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

import engine
from tests.faces_seen import write_video

ROOT = Path(engine.__file__).parents[1]


def live(folder, *options):
    return subprocess.run(
        [sys.executable, "-m", "engine.live", "--no-serve", "--motion", "out.csv", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("sound", [True, False])
def test_a_video_is_watched_and_heard_to_its_end(tmp_path, sound):
    video = write_video(tmp_path / "me.mp4", 2, sound)
    ran = live(tmp_path, "--video", str(video))
    assert ran.returncode == 0, ran.stderr
    assert "watching the video me.mp4, 640x480" in ran.stdout
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert abs(len(rows) - 60) <= 3


def test_a_camera_that_is_not_there_is_told_in_one_line(tmp_path):
    sound = write_video(tmp_path / "me.mp4", 1, sound=True)
    ran = live(tmp_path, "--audio", str(sound), "--camera", "no such camera")
    assert ran.returncode == 1
    assert "no such camera" in ran.stderr and ran.stderr.count("\n") == 1
