"""The verify scene in a whole session: a video of somebody enrolled, and of a stranger."""

import asyncio
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiomqtt
import numpy as np
import pytest

import engine
from engine.capture.video import VideoFile
from engine.clock import Clock
from engine.deliver import MotionConfig, MqttConfig
from engine.faces import Finder, Follow
from engine.faces.recogniser import Recogniser
from engine.outside import Outside
from engine.stats import Stats
from engine.verify.gallery import Gallery
from engine.verify.gathering import Gathering
from engine.verify.presence import PresenceConfig, open_presence
from engine.verify.protect import make_key
from engine.verify.records import Consent
from tests.faces_seen import write_video
from tests.recognisers import make_calibrated
from tests.wire.brokers import MOSQUITTO, Mosquitto
from tests.wire.test_mqtt import until

ROOT = Path(engine.__file__).parents[1]
MINT, AMBER = (143, 227, 207), (242, 194, 123)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A video, a model with its cohort, and a key."""
    folder = tmp_path_factory.mktemp("verify")
    write_video(folder / "me.mp4", 4)
    make_calibrated(folder / "model")
    make_key(folder / "keys" / "k")
    return folder


def enroll(place, gallery):
    """Enrolls whoever is in the video, as the session's page does."""
    recogniser = Recogniser(place / "model")
    follow, gathering = Follow(Finder("cpu")), Gathering(recogniser)
    for frame in VideoFile(place / "me.mp4").frames():
        if gathering.push(follow.push(frame)[0]):
            break
    opened = Gallery.open(gallery, recogniser, place / "keys" / "k")
    opened.enroll("Nora", gathering.embeddings, Consent.until("the test", "1d"))
    opened.close()


def live(place, gallery, *options):
    sets = {"model": place / "model", "gallery": gallery, "key": place / "keys" / "k"}
    given = [part for k, v in sets.items() for part in ("--set", f'verify.{k}="{v}"')]
    return subprocess.run(
        [sys.executable, "-m", "engine.live", "--no-serve", "--scene", "verify", "--fps", "10",
         "--video", str(place / "me.mp4"), *given, *options],
        cwd=place, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip


def share_of(pixels, ink):
    """Of the panel below the picture, how much is of a colour."""
    panel = pixels[round(pixels.shape[0] * 0.76) :].astype(int)
    return float((np.abs(panel - ink).max(-1) < 40).mean())


@pytest.mark.parametrize("known", [True, False])
def test_the_scene_says_who_it_is_or_that_nobody_knows(place, tmp_path, known):
    gallery = tmp_path / "people.db"
    if known:
        enroll(place, gallery)
    ran = live(place, gallery, "--record", str(tmp_path / "out.mp4"))
    assert ran.returncode == 0, ran.stderr
    frames = [f.pixels for f in VideoFile(tmp_path / "out.mp4").frames()]
    assert len(frames) >= 30
    late = frames[-6]
    match, stranger = share_of(late, MINT), share_of(late, AMBER)
    print(f"mint {match:.4f}, amber {stranger:.4f}")
    assert (match > 3 * stranger) if known else (stranger > 3 * match)
    assert share_of(frames[0], MINT) < match or not known  # at first nobody is recognised


def test_a_model_that_is_not_there_is_told_in_one_line(place, tmp_path):
    ran = live(place, tmp_path / "g.db", "--record", str(tmp_path / "o.mp4"),
               "--set", 'verify.model="nowhere"')  # fmt: skip
    assert ran.returncode == 1 and ran.stderr.count("\n") == 1 and "nowhere" in ran.stderr


@pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto: apt install mosquitto")
async def test_people_are_enrolled_and_asked_for_over_mqtt(place, tmp_path):
    """Through a real broker to who is before the camera."""
    config = PresenceConfig(gallery=str(tmp_path / "people.db"), key=place / "keys" / "k",
                            model=place / "model", target_fmr=0.02)  # fmt: skip
    finder, told = Finder("cpu"), asyncio.Queue()
    frames = list(VideoFile(place / "me.mp4").frames())
    with Mosquitto(tmp_path) as broker, ThreadPoolExecutor(2) as pool:
        mqtt = MqttConfig(broker="127.0.0.1", port=broker.port, commands=("enrol", "verify"))
        outside = Outside(mqtt, MotionConfig(), 30, Clock(), Stats(), pool)
        outside.people = presence = open_presence(config, finder, "cpu", live=True)
        outside.events.listen(told.put_nowait)

        async def ask(**command):
            """The answer to a command, and what a video then says of people."""
            await client.publish("likeness/command", json.dumps(command), qos=1)
            async with asyncio.timeout(20):
                while (answer := await told.get()).kind not in ("command", "error"):
                    pass
            follow = Follow(finder)
            faces = [f for frame in frames for f in follow.push(frame)]
            return answer, [(c.kind, c.what, c.about) for f in faces for c in presence.push(f)]

        async with outside, aiomqtt.Client("127.0.0.1", broker.port) as client:
            await until(lambda: outside.link.connected)
            early, _ = await ask(command="verify", name="Nora", id=1)
            begun, seen = await ask(command="enrol", action="start", name="Nora", purpose="door",
                                    expires="1d", consent=True)  # fmt: skip
            asked, known = await ask(command="verify", name="Nora")
        presence.close()
    assert early.about == {"reason": "nobody of that name is enrolled", "request_id": 1}
    assert begun.what == asked.what == "done"
    assert ("enrolment", "finished", {"name": "Nora"}) in seen
    assert any(kind == "person" and what == "match" for kind, what, _ in known)
