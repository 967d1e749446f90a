"""What may be asked of a running session: another scene that needs a camera, one's own face."""

import asyncio
import json
import shutil

import aiohttp
import aiomqtt
import pytest

from engine.bench.run import Live, stats_of
from tests.faces_seen import write_video
from tests.wire.brokers import MOSQUITTO, Mosquitto

SMALL = "--size", "192x192", "--quality", "low", "--fps", "15"


async def until(live, holds, seconds=90):
    """Figures of the session once they are as they should be."""
    for _ in range(2 * seconds):
        figures = await stats_of(live)
        if holds(figures["info"]):
            return figures["info"]
        await asyncio.sleep(0.5)
    raise AssertionError(figures["info"])


@pytest.fixture
def broker(tmp_path):
    if not shutil.which(MOSQUITTO):
        pytest.skip("no mosquitto: ./run test installs it")
    with Mosquitto(tmp_path) as broker:
        yield broker


async def show(broker, scene):
    """Asks once the session is there: what is said before it listens is not for it."""
    async with aiomqtt.Client("127.0.0.1", broker.port) as client, asyncio.timeout(60):
        await client.subscribe("likeness/status", qos=1)
        async for message in client.messages:
            if message.payload == b"online":
                break
        asked = json.dumps({"command": "scene", "scene": scene})
        await client.publish("likeness/command", asked, qos=1)


def options(broker):
    return "--set", "mqtt.broker=127.0.0.1", "--set", f"mqtt.port={broker.port}"


@pytest.mark.parametrize("watched", [True, False], ids=["file", "none"])
async def test_a_scene_asked_for_later_gets_a_camera_or_the_page_says_why_not(
    tmp_path, broker, watched
):
    video = ("--video", str(write_video(tmp_path / "me.mp4", 3))) if watched else ()
    live = Live("--port", "0", *SMALL, *options(broker), *video)
    try:
        await live.address()
        info = await until(live, lambda i: i["scene"] == "avatar")
        assert "views" not in info and not info["refused"]
        await show(broker, "mirror")
        if watched:
            await until(live, lambda i: i["scene"] == "mirror")
            info = await until(live, lambda i: i.get("driven") == "camera")
            assert "layers" in info["views"] and not info["refused"]
            assert info["path"] == "speech blended in"
        else:
            info = await until(live, lambda i: i["refused"])
            assert info["scene"] == "avatar"
            assert "mirror is not shown" in info["refused"] and "camera" in info["refused"]
            await show(broker, "verify")
            await until(live, lambda i: "--scene verify" in i["refused"])
    finally:
        live.end()


async def ask(live, **asked):
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{live.url}wear", json=asked) as answer,
    ):
        return answer.status, await answer.json()


async def test_a_face_is_worn_on_request_saved_on_request_and_forgotten(tmp_path):
    video = write_video(tmp_path / "me.mp4", 3)
    folder = tmp_path / "avatars"
    live = Live(
        "--port", "0", *SMALL, "--scene", "mirror", "--video", str(video),
        "--set", f"track.avatars={folder}",
    )  # fmt: skip
    try:
        await live.address()
        info = await until(live, lambda i: i.get("driven") == "camera")
        assert info["worn"] == {"on": False, "saved": ""}
        status, said = await ask(live, wear=True)
        assert status == 400 and "consent" in said["error"]
        status, said = await ask(live, save="me")
        assert status == 400 and "no face is worn" in said["error"]
        for _ in range(20):  # at the video's seam the face may be lost for a moment
            status, said = await ask(live, wear=True, consent=True)
            if status == 200:
                break
            await asyncio.sleep(0.5)
        assert status == 200 and said == {"on": True, "saved": ""}
        assert not folder.exists(), "kept in memory unless it is saved"
        assert (await ask(live, save="../me"))[0] == 400
        status, said = await ask(live, save="me")
        assert status == 200 and said["saved"] == str(folder / "me.toml")
        assert (await ask(live, nothing=1))[0] == 400
        assert await ask(live, wear=False) == (200, {"on": False, "saved": ""})
    finally:
        live.end()
    worn = Live("--port", "0", *SMALL, "--avatar", str(folder / "me.toml"))
    try:
        await worn.address()
        await until(worn, lambda i: i["avatar"] == "Me")
    finally:
        worn.end()
