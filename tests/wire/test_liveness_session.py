"""A video of somebody who talks through a whole session: what is told of liveness, and shown."""

import asyncio
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.capture.video import VideoFile
from engine.verify.protect import make_key
from tests.recognisers import make_calibrated
from tests.talkers import SECONDS, write_talker
from tests.wire.brokers import MOSQUITTO, Mosquitto
from tests.wire.test_mqtt import reading

ROOT = Path(engine.__file__).parents[1]
MINT = (143, 227, 207)
pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto: apt install mosquitto")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("liveness")
    make_calibrated(folder / "model")
    make_key(folder / "key")
    return folder


async def watched(place, video, *options):
    """All liveness events of a session that watches the video, and its exit."""
    sets = {"verify.model": f'"{place / "model"}"', "verify.gallery": f'"{place / "g" / "g.db"}"',
            "verify.key": f'"{place / "key"}"', "mqtt.broker": '"127.0.0.1"'}  # fmt: skip
    with Mosquitto(place) as broker:
        given = [p for k, v in (sets | {"mqtt.port": broker.port}).items()
                 for p in ("--set", f"{k}={v}")]  # fmt: skip
        async with reading(broker.port, "likeness/event") as reader:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "engine.live", "--no-serve", "--scene", "verify", "--fps",
                "10", "--video", str(video), "--record", str(place / "out.mp4"), *given, *options,
                cwd=place, env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
            await reader.event(kind="session", what="stopped")
    events = [json.loads(payload) for _, payload, _ in reader.got]
    return [e for e in events if e["kind"] == "liveness"]


async def test_somebody_who_talks_is_live_once_there_is_enough(place):
    told = await watched(place, write_talker(place / "me.mp4"))
    assert [e["what"] for e in told] == ["waiting", "live"]
    assert 12 <= told[1]["t"] <= SECONDS + 0.1 and told[1]["about"]["seconds"] >= 12
    assert told[1]["about"]["score"] is None
    frames = [f.pixels for f in VideoFile(place / "out.mp4").frames()]

    def mint(picture):
        """Share of the lowest line of the panel that is said in mint."""
        line = picture[round(0.95 * len(picture)) :, : picture.shape[1] // 2].astype(int)
        return float((np.abs(line - MINT).max(-1) < 40).mean())

    assert mint(frames[-2]) > 0.004 > mint(frames[20]), "waits, then says that they go together"


@pytest.mark.parametrize("attack", [{"late": 0.5}, {"sound": 1}])
async def test_a_late_sound_and_another_one_are_suspect(place, attack):
    told = await watched(place, write_talker(place / "attack.mp4", **attack))
    assert [e["what"] for e in told] == ["waiting", "suspect"]


async def test_it_can_be_switched_off(place):
    short = write_talker(place / "short.mp4", seconds=3)  # "waiting" is told of its first face
    assert [e["what"] for e in await watched(place, short)] == ["waiting"]
    assert await watched(place, short, "--set", "verify.liveness=false") == []


async def test_pictures_that_outlast_the_sound_wait_for_nobody(place):
    short = write_talker(place / "word.mp4", seconds=1)
    longer = write_talker(place / "longer.mp4", seconds=5)  # more pictures than wait to be drawn
    async with asyncio.timeout(90):
        told = await watched(place, longer, "--audio", str(short))
    assert [e["what"] for e in told] == ["waiting"]
