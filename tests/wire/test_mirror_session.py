"""The mirror as a person starts it: a file as the camera, files out, and the page's views."""

import asyncio
import csv
import os
import subprocess
import sys
from pathlib import Path

import aiohttp
import av
import numpy as np
import pytest

import engine
from engine.bench.run import Live
from tests.faces_seen import FPS, SIZE, at, head, place, scene, write_video

ROOT = Path(engine.__file__).parents[1]


def live(folder, *options):
    return subprocess.run(
        [sys.executable, "-m", "engine.live", "--scene", "mirror", "--no-serve", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def comes_and_goes(path):
    """Two seconds of a head, one without, one with it again; no sound."""
    wall = scene(*SIZE)
    with av.open(str(path), "w") as out:
        pictures = out.add_stream("libx264", rate=FPS)
        pictures.width, pictures.height = SIZE
        pictures.pix_fmt = "yuv420p"
        for k in range(4 * FPS):
            there = not 60 <= k < 90
            seen = place(wall, head(), at(320, 250, 1.5)) if there else wall
            out.mux(pictures.encode(av.VideoFrame.from_ndarray(seen, "rgb24")))
        out.mux(pictures.encode())
    return path


def test_a_face_is_tracked_lost_and_found_and_the_avatar_lives_on(tmp_path):
    video = comes_and_goes(tmp_path / "me.mp4")
    ran = live(tmp_path, "--video", str(video), "--motion", "out.csv", "--params", "out.npz")
    assert ran.returncode == 0, ran.stderr
    with np.load(tmp_path / "out.npz") as got:
        n = len(got["t"])
        assert abs(n - 120) <= 1 and got["t"][0] == 0 and abs(got["t"][60] - 2.0) < 0.02
        shapes = {name: got[name].shape for name in got.files}
        found = got["found"]
        assert shapes["viewpoint"] == (n, 7) and shapes["expression"] == (n, 52)
        assert shapes["illumination"] == (n, 9) and shapes["reflectance"] == (256, 256, 3)
        assert shapes["landmarks"] == (n, 68, 2) and shapes["landmarks468"] == (n, 468, 2)
        assert found[3:60].all() and not found[64:90].any() and found[94:].all()
        assert np.isnan(got["landmarks"][~found]).all()
        eyes = got["landmarks"][30, 36:48].mean(0)
        assert np.hypot(*(eyes - [332.6, 228.1])) < 8  # of 63 between them
        assert 0 <= got["reflectance"].min() and got["reflectance"].max() <= 1
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert abs(len(rows) - 120) <= 3
    yaw = np.array([float(row["headYaw"]) for row in rows])
    assert np.isfinite(yaw).all() and np.abs(np.diff(yaw)).max() < 0.1, "no jumps"


def test_the_same_file_gives_the_same_numbers(tmp_path):
    video = write_video(tmp_path / "me.mp4", 1, sound=True)
    for name in ("a", "b"):
        ran = live(tmp_path, "--video", str(video), "--motion", f"{name}.csv")
        assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_params_of_a_scene_that_tracks_nothing_are_refused_in_one_line(tmp_path):
    video = write_video(tmp_path / "me.mp4", 1)
    ran = live(tmp_path, "--scene", "avatar", "--video", str(video), "--params", "out.npz")
    assert ran.returncode == 2
    assert "--scene mirror" in ran.stderr and ran.stderr.count("\n") == 1


@pytest.mark.parametrize("speech", [True, False])
async def test_the_page_is_told_what_moves_the_face_and_may_choose_the_view(tmp_path, speech):
    video = write_video(tmp_path / "me.mp4", 4)
    running = Live("--scene", "mirror", "--video", str(video), "--port", "0", "--size", "256x256",
                   "--set", f"track.speech={str(speech).lower()}")  # fmt: skip
    try:
        url = await running.address()
        async with aiohttp.ClientSession() as http:
            for _ in range(300):
                await asyncio.sleep(0.1)
                async with http.get(f"{url}stats") as answer:
                    figures = await answer.json()
                if figures["info"]["driven"] == "camera" and figures["info"]["camera"]["faces"]:
                    break
            assert figures["info"]["views"] == ["avatar", "face", "overlay", "layers"]
            assert figures["info"]["driven"] == "camera"
            assert (figures["delay"] > 0.1) is speech, "only speech needs to look ahead"
            async with http.post(f"{url}view", json={"view": "layers"}) as answer:
                assert answer.status == 200
            async with http.post(f"{url}view", json={"view": "nothing"}) as answer:
                assert answer.status == 400
            async with http.get(f"{url}info") as answer:
                assert (await answer.json())["view"] == "layers"
    finally:
        running.end()
