"""A session as an operator has it: figures, readiness, logs, motion and a goodbye on SIGTERM."""

import asyncio
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine import doctor
from engine.deliver import MqttConfig, reach
from engine.errors import ConfigError, DeliveryError
from tests.wire.brokers import MOSQUITTO, Mosquitto, free_port
from tests.wire.test_mqtt import ask, reading
from tests.wire.test_webrtc import client, until, watching

ROOT = Path(__file__).parents[2]
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto")


class Live:
    """`python -m engine.live` with its log lines as they come."""

    def __init__(self, folder, *options):
        self.lines, self.url = [], ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "engine.live", "--log", "json", "--port", "0", *options],
            cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    async def opened(self):
        async with asyncio.timeout(60):
            while not self.url and (line := await asyncio.to_thread(self.process.stderr.readline)):
                self.lines.append(json.loads(line))
                said = self.lines[-1]["message"]
                self.url = said.removeprefix("open ") if said.startswith("open ") else ""
        assert self.url, self.lines
        return self.url

    def kill(self):
        """At the end of a test, however it ended."""
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.process.stdout.close()

    async def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        out, err = await asyncio.to_thread(self.process.communicate, timeout=30)
        self.lines += [json.loads(line) for line in err.splitlines()]
        return out


async def frames_of(socket, count):
    found = []
    while len(found) < count:
        said = json.loads((await socket.receive(10)).data)
        found += [said["motion"]] if "motion" in said else []
    return found


async def metrics(http, url):
    async with http.get(url + "metrics") as response:
        assert response.content_type == "text/plain"
        families = text_string_to_metric_families(await response.text())
        return {
            s.name + str(sorted(s.labels.items())): s.value for f in families for s in f.samples
        }


@needs_mosquitto
async def test_a_session_from_ready_to_goodbye(tmp_path):
    with Mosquitto(tmp_path) as broker:
        live = Live(
            tmp_path, "--size", "128x128", "--motion", "out.csv",
            "--set", "mqtt.broker=127.0.0.1", "--set", f"mqtt.port={broker.port}",
            "--set", "motion.websocket=true", "--set", "motion.channel=true",
        )  # fmt: skip
        try:
            async with reading(broker.port) as reader, client() as http:
                url = await live.opened()
                await _ready(http, url)
                assert (await reader.event(kind="session"))["what"] == "started"
                async with http.ws_connect(url + "motion") as socket:
                    await _motion(socket)
                    await _viewer(http, url, reader)
                    await _figures(http, url)
                    await _mute(broker.port, reader, socket)
                    out = await live.end()
                    while not (last := await socket.receive(5)).type == aiohttp.WSMsgType.CLOSE:
                        pass
                    assert last.data == aiohttp.WSCloseCode.GOING_AWAY
                assert (await reader.event(what="stopped", kind="session"))["source"] == "engine"
                await reader.until(lambda t, p, r: (t, p) == ("likeness/status", "offline"))
        finally:
            live.kill()
    assert live.process.returncode == 0 and out == "", live.lines
    with (tmp_path / "out.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    print(f"\n{len(rows)} rows written by the time of the goodbye")
    assert len(rows) > 30, "what was being written is finished"
    assert {"time", "level", "logger", "message"} == set(live.lines[0])


async def _ready(http, url):
    began, status = time.monotonic(), 503
    while status != 200 and time.monotonic() < began + 30:
        async with http.get(url + "readyz") as response:
            status, said = response.status, await response.json()
            assert said["ready"] == (status == 200) and ("why" in said) == (status == 503)
        await asyncio.sleep(0.1)
    assert status == 200
    async with http.get(url + "healthz") as response:
        assert response.status == 200


async def _motion(socket):
    frames = await frames_of(socket, 40)
    times = [f["t"] for f in frames]
    assert times == sorted(set(times))
    assert any(f["weights"].get("jawOpen", 0) > 0.05 for f in frames)
    assert all(sum(f["visemes"].values()) == pytest.approx(1, abs=0.02) for f in frames)


async def _viewer(http, url, reader):
    async with watching(url, http) as viewer:
        assert (await reader.event(kind="viewer", what="joined"))["about"]["viewers"] == 1
        await until(lambda: viewer.channel.readyState == "open")
        await asyncio.sleep(0.3)
        assert not any("motion" in m for m in viewer.said), "only where it is asked for"
        viewer.channel.send(json.dumps({"want": ["motion", "event"]}))
        async with asyncio.timeout(30):
            while not any("motion" in m for m in viewer.said):  # noqa: ASYNC110
                viewer.channel.send('{"ping": 1}')  # who has spoken once and falls silent is gone
                await asyncio.sleep(0.1)
        frame = await viewer.heard("motion")
        assert {"t", "weights", "head", "visemes"} == set(frame)
    assert (await reader.event(kind="viewer", what="left"))["about"]["viewers"] == 0


async def _figures(http, url):
    found = await metrics(http, url)
    seconds = "likeness_step_seconds"
    steps = found[f"{seconds}_count[('step', 'speech')]"]
    assert steps > 20
    assert found[f"{seconds}_bucket[('le', '+Inf'), ('step', 'speech')]"] == steps
    assert 0 < found[f"{seconds}_sum[('step', 'speech')]"] / steps < 1
    assert found["likeness_ready[]"] == found["likeness_mqtt_connected[]"] == 1
    assert found["likeness_counted_total[('what', 'mqtt.published')]"] > 2
    elsewhere = {"Origin": "http://example.org"}
    async with http.get(url + "motion", headers=elsewhere) as response:
        assert response.status == 403, "another site's page may not listen"
    async with http.get(url + "motion") as response:
        assert response.status == 426


async def _mute(port, reader, socket):
    await ask(port, {"command": "mute", "on": True})
    await reader.event(kind="mute", what="on")
    async with asyncio.timeout(10):
        still = 0
        while still < 15:  # half a second with the mouth shut
            (frame,) = await frames_of(socket, 1)
            still = still + 1 if frame["weights"].get("jawOpen", 0) < 0.05 else 0
    await ask(port, {"command": "mute", "on": False})
    await reader.event(kind="mute", what="off")
    async with asyncio.timeout(10):
        while (await frames_of(socket, 1))[0]["weights"].get("jawOpen", 0) < 0.08:
            pass
    await ask(port, {"command": "scene", "scene": "opera"})
    assert "no scene 'opera'" in (await reader.event(kind="error"))["about"]["reason"]


async def test_the_token_stays_out_of_the_log(tmp_path):
    live = Live(tmp_path, "--host", "0.0.0.0", "--tls", "auto", "--size", "64x64")
    try:
        url = await live.opened()
        await live.end()
    finally:
        live.kill()
    token = (Path(os.environ["XDG_STATE_HOME"]) / "likeness" / "token").read_text()
    assert len(token) > 20 and "#" not in url
    assert token not in json.dumps(live.lines)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("LIKENESS_TOKEN", raising=False)


def test_the_unit_is_one_that_systemd_takes(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    unit = (ROOT / "ops" / "likeness.service").read_text()
    there = unit.replace("/opt/likeness/.venv/bin/python", sys.executable)
    (tmp_path / "likeness.service").write_text(there)
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "likeness.service")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    mine = [line for line in done.stderr.splitlines() if "likeness.service" in line]
    assert mine == [] and done.returncode == 0, done.stderr


def test_the_container_copies_what_there_is():
    lines = (ROOT / "ops" / "Containerfile").read_text().splitlines()
    copied = [source for line in lines if line.startswith("COPY") for source in line.split()[1:-1]]
    assert {"engine", "scenes", "pyproject.toml"} <= set(copied)
    assert [source for source in copied if not (ROOT / source).exists()] == []


# What the doctor tries


@needs_mosquitto
def test_the_doctor_tries_the_broker(tmp_path, monkeypatch):
    with Mosquitto(tmp_path) as broker:
        config = MqttConfig(broker="127.0.0.1", port=broker.port)
        found = doctor.broker(config)
        print("\n" + doctor.report(found, colour=False))
        assert found.verdict == "good" and "echoes in" in found.found
    (found,) = doctor.examine((lambda: doctor.broker(config),))
    assert found.verdict == "bad" and "refused" in found.todo.lower()


def test_the_doctor_lets_two_peers_meet():
    assert "two peers met in" in doctor.ice().found


TURN_SERVER = shutil.which("turnserver")


@pytest.mark.skipif(TURN_SERVER is None, reason="no turnserver: apt install coturn")
def test_the_doctor_tries_a_turn_server(tmp_path, monkeypatch):
    port = free_port()
    command = [TURN_SERVER, "-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1",
               f"--listening-port={port}", "--lt-cred-mech", "--user=me:a good word",
               "--realm=likeness", "--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers",
               f"--pidfile={tmp_path / 'turn.pid'}", "--log-file=stdout"]  # fmt: skip
    monkeypatch.setenv(reach.TURN_USER, "me")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            monkeypatch.setenv(reach.TURN_PASSWORD, "a good word")
            url = f"turn:127.0.0.1:{port}?transport=udp"
            for _ in range(50):
                (found,) = doctor.examine((lambda: doctor.turn(url),))
                if found.verdict == "good":
                    break
                time.sleep(0.1)
            print("\n" + doctor.report(found, colour=False))
            assert found.verdict == "good" and "relays from 127.0.0.1" in found.found
            monkeypatch.setenv(reach.TURN_PASSWORD, "a wrong word")
            with pytest.raises(DeliveryError, match="relays nothing"):
                doctor.turn(url)
        finally:
            server.terminate()
    with pytest.raises(ConfigError, match="no TURN server"):
        doctor.turn("stun:127.0.0.1")
