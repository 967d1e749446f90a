"""The persona scene as a person starts it: a file and no camera, and the page's buttons."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import aiohttp
import av
import numpy as np
import pytest
import soundfile

import engine
from engine.bench.run import Live
from engine.capture.choose import SAMPLE
from engine.head import Head
from engine.head.avatar import load_appearance

ROOT = Path(engine.__file__).parents[1]


def live(folder, *options):
    return subprocess.run(
        [sys.executable, "-m", "engine.live", "--no-serve", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=400,
    )


def test_a_file_becomes_a_head_that_the_avatar_scene_shows(tmp_path):
    options = ("--audio", str(SAMPLE), "--persona", "me.toml", "--record", "out.mp4",
               "--size", "128x128", "--fps", "10", "--seconds", "6")  # fmt: skip
    ran = live(tmp_path, "--scene", "persona", *options)
    assert ran.returncode == 0, ran.stderr
    assert "wrote me.toml" in ran.stdout
    look = load_appearance(str(tmp_path / "me.toml"), Head.load())
    assert look.tint is not None and np.abs(look.identity).max() > 0.1
    with av.open(str(tmp_path / "out.mp4")) as film:
        seen = [f.to_ndarray(format="rgb24").astype(int) for f in film.decode(video=0)]
    assert len(seen) >= 58
    assert np.abs(seen[-1] - seen[0])[:90].mean() > 1.0, "it has become somebody else"
    again = live(tmp_path, "--avatar", "me.toml", "--audio", str(SAMPLE), "--record", "b.mp4",
                 "--size", "128x128", "--fps", "10", "--seconds", "1")  # fmt: skip
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("sound", ["silence", "little"])
def test_not_enough_speech_is_said_and_nothing_is_kept(tmp_path, sound):
    samples, rate = soundfile.read(SAMPLE)
    short = samples[rate : rate + int(0.3 * rate)]
    soundfile.write(tmp_path / "x.wav", short if sound == "little" else np.zeros(rate), rate)
    ran = live(tmp_path, "--scene", "persona", "--audio", "x.wav", "--persona", "me.toml")
    assert ran.returncode == 1
    assert "not enough speech" in ran.stderr and ran.stderr.count("\n") == 1
    assert not (tmp_path / "me.toml").exists()


def test_a_persona_of_another_scene_is_refused_in_one_line(tmp_path):
    ran = live(tmp_path, "--audio", str(SAMPLE), "--persona", "me.toml")
    assert ran.returncode == 2
    assert "--scene persona" in ran.stderr and ran.stderr.count("\n") == 1


async def test_the_page_holds_keeps_and_begins_anew(tmp_path):
    running = Live("--scene", "persona", "--audio", str(SAMPLE), "--port", "0", "--size", "128x128",
                   "--fps", "10", "--set", f'persona.folder="{tmp_path}"')  # fmt: skip
    try:
        url = await running.address()
        async with aiohttp.ClientSession() as http:

            async def ask(what, status=200):
                async with http.post(f"{url}persona", json={"do": what}) as answer:
                    told = await answer.json()
                    assert answer.status == status, told
                    return told

            assert "not enough speech" in (await ask("save", 409))["error"]
            await ask("forget", 400)
            for _ in range(600):
                await asyncio.sleep(0.1)
                async with http.get(f"{url}info") as answer:
                    persona = (await answer.json())["persona"]
                if persona["enough"]:
                    break
            assert persona["enough"] and not persona["locked"]
            assert (await ask("lock"))["locked"]
            kept = await ask("save")
            assert load_appearance(kept["file"], Head.load()).tint is not None
            assert not (await ask("again"))["locked"]
    finally:
        running.end()
