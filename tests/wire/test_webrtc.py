"""aiortc against our server, over real sockets; and what the server refuses."""

import asyncio
import gc
import json
import re
import ssl
import struct
from contextlib import asynccontextmanager

import aiohttp
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import unpack_header_extensions

from engine.deliver import DeliverConfig, promptly
from engine.errors import DeliveryError
from tests.browser.synthetic import DELAY, Session


@asynccontextmanager
async def client():
    """Closes its connections whole: aiohttp answers before a socket is quite shut."""
    async with aiohttp.ClientSession() as http:
        yield http


class Watcher:
    """A viewer without a browser."""

    def __init__(self, channel=True):
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.tracks = {}
        self.peer.on("track", lambda track: self.tracks.update({track.kind: track}))
        for kind in ("audio", "video"):
            self.peer.addTransceiver(kind, direction="recvonly")
        self.said = []
        if not channel:
            return
        self.channel = self.peer.createDataChannel("likeness")
        self.channel.on("message", lambda text: self.said.append(json.loads(text)))

    async def join(self, url, http):
        await self.peer.setLocalDescription(await self.peer.createOffer())
        offer = {"sdp": self.peer.localDescription.sdp, "type": "offer"}
        async with http.post(url + "offer", json=offer) as response:
            answer = await response.json()
            if response.ok:
                await self.peer.setRemoteDescription(RTCSessionDescription(**answer))
            return response.status, answer

    async def heard(self, key):
        async with asyncio.timeout(10):
            while True:
                for message in self.said:
                    if key in message:
                        return message[key]
                await asyncio.sleep(0.05)


@asynccontextmanager
async def watching(url, http):
    watcher = Watcher()
    try:
        status, answer = await watcher.join(url, http)
        assert status == 200, answer
        yield watcher
    finally:
        await watcher.peer.close()


async def until(what, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110  # aiortc tells of some changes only to who asks
            await asyncio.sleep(0.05)


async def test_pictures_and_sound_arrive_with_their_own_times():
    async with Session() as session, client() as http:
        async with watching(session.server.url, http) as viewer:
            frames = [await viewer.tracks["video"].recv() for _ in range(20)]
            sounds = [await viewer.tracks["audio"].recv() for _ in range(60)]
            state = await viewer.heard("state")
    steps = np.diff([f.pts for f in frames])
    assert all(s > 0 and s % 3000 == 0 for s in steps), "90 kHz ticks by counting"
    assert max(steps) < 90_000, "what was skipped is less than a second"
    assert frames[0].width == frames[0].height == 512
    steps = np.diff([s.pts for s in sounds])
    assert np.mean(steps == 960) > 0.8 and max(steps) < 48_000, "blocks of 20 ms, few lost"
    assert state["viewers"] == 1 and state["delay"] >= DELAY


def extensions(packet):
    """Of the header of an RTP packet, which SRTP leaves readable: [(id, value), ...]."""
    if not packet[0] & 0x10:
        return []
    at = 12 + 4 * (packet[0] & 15)
    profile, words = struct.unpack("!HH", packet[at : at + 4])
    return unpack_header_extensions(profile, packet[at + 4 : at + 4 + 4 * words])


@pytest.mark.parametrize("prompt", [True, False])
async def test_pictures_ask_not_to_be_held_back_where_the_camera_alone_drives(prompt):
    async with Session(prompt=prompt) as session, client() as http:
        async with watching(session.server.url, http) as viewer:
            [line] = {line for line in viewer.peer.remoteDescription.sdp.splitlines()
                      if line.endswith(promptly.URI)}  # fmt: skip
            number = int(line.split(":")[1].split()[0])
            transport = viewer.peer.getTransceivers()[1].receiver.transport
            seen, handle = [], transport._handle_rtp_data

            async def keep(data, **more):
                seen.append(extensions(data))
                await handle(data, **more)

            transport._handle_rtp_data = keep
            for _ in range(10):
                await viewer.tracks["video"].recv()
    assert any(dict(found).get(number) == promptly.DELAYS for found in seen) is prompt


async def test_a_late_joiner_begins_at_once():
    async with Session() as session, client() as http:
        async with watching(session.server.url, http) as first:
            for _ in range(10):
                await first.tracks["video"].recv()
            async with watching(session.server.url, http) as second:
                begun = session.clock.now()
                await second.tracks["video"].recv()
                took = session.clock.now() - begun
                await first.tracks["video"].recv()
    print(f"\nfirst picture of the second viewer after {took:.2f} s")
    assert took < 9


async def test_pings_and_reports():
    async with Session() as session, client() as http:
        async with watching(session.server.url, http) as viewer:
            await until(lambda: viewer.channel.readyState == "open")
            for message in (
                {"ping": 5},
                {"report": {"latency_p50": 120, "Not a name!": 1, "text": "x"}},
                {"unknown": 7},
            ):
                viewer.channel.send(json.dumps(message))
            viewer.channel.send(b"\x00\xff")
            viewer.channel.send("[" * 5000)
            assert await viewer.heard("pong") == 5
            (shown,) = session.server.figures()["viewers"]
            assert shown["reported"] == {"latency_p50": 120.0}
        await until(lambda: not session.server.viewers)


async def test_there_are_only_so_many_places():
    async with Session(DeliverConfig(port=0, viewers=1)) as session, client() as http:
        url = session.server.url
        async with watching(url, http) as first:
            await first.heard("state")
            second = Watcher()
            status, answer = await second.join(url, http)
            await second.peer.close()
            assert status == 503 and "1 places are taken" in answer["error"]
        await until(lambda: not session.server.viewers)
        async with watching(url, http):
            pass


async def test_slow_offers_do_not_pass_the_limit():
    go = asyncio.Event()

    async def slowly(body):
        yield body[:10]
        await go.wait()
        yield body[10:]

    async with Session(DeliverConfig(port=0, viewers=2)) as session, client() as http:
        body = json.dumps({"type": "offer", "sdp": await an_offer()}).encode()

        async def ask():
            url = session.server.url + "offer"
            async with http.post(url, data=slowly(body), headers=JSON) as response:
                return response.status

        asked = [asyncio.ensure_future(ask()) for _ in range(6)]
        await asyncio.sleep(0.3)
        go.set()
        assert sorted(await asyncio.gather(*asked)) == [200, 200, 503, 503, 503, 503]


async def test_a_viewer_needs_no_data_channel():
    async with Session() as session, client() as http:
        watcher = Watcher(channel=False)
        try:
            assert (await watcher.join(session.server.url, http))[0] == 200
            await watcher.tracks["video"].recv()
            (viewer,) = session.server.viewers
            await until(viewer._joined.is_set)
        finally:
            await watcher.peer.close()


async def an_offer():
    watcher = Watcher()
    try:
        await watcher.peer.setLocalDescription(await watcher.peer.createOffer())
        return watcher.peer.localDescription.sdp
    finally:
        await watcher.peer.close()


MUTATIONS = [
    (r"a=fingerprint:.*\r\n", ""),
    (r"a=fingerprint:sha-256 .*", "a=fingerprint:sha-256"),
    (r"a=ice-ufrag:.*\r\n", ""),
    (r"a=ice-pwd:.*\r\n", ""),
    (r"a=rtpmap:.*\r\n", ""),
    (r"a=rtpmap:(\d+) opus/48000/2", r"a=rtpmap:\1 opus/x/y"),
    (r"m=audio \d+", "m=audio none"),
    (r"m=audio", "m=holograph"),
    (r"m=(audio|video).*", r"m=\1"),
    (r"a=mid:.*\r\n", ""),
    (r"a=candidate:.*", "a=candidate:1 1 udp"),
    (r"a=group:BUNDLE.*", "a=group:BUNDLE 7 8 9"),
    (r"a=setup:.*", "a=setup:sideways"),
    (r"a=rtcp-fb:.*", "a=rtcp-fb:x"),
    (r"a=fmtp:.*", "a=fmtp:x y=z"),
    (r"c=IN.*", "c=nowhere"),
    (r"a=ssrc:.*", "a=ssrc:x"),
    (r"a=sctp-port:.*", "a=sctp-port:x"),
    (r"m=application[\s\S]*", "m=application 9 DTLS/SCTP x\r\n"),
    (r"(VP8|opus)/", "unknown/"),
    (r"[\s\S]*", ""),
]


@pytest.mark.parametrize("pattern, other", MUTATIONS)
async def test_a_broken_offer_costs_nobody_anything(pattern, other, caplog):
    trouble = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: trouble.append(what))
    async with Session() as session, client() as http:
        offer = {"type": "offer", "sdp": re.sub(pattern, other, await an_offer())}
        async with http.post(session.server.url + "offer", json=offer) as response:
            assert response.status in (200, 400), await response.text()
            if response.status == 400:
                assert not session.server.viewers, "no place is kept"
        await asyncio.sleep(0.2)
    gc.collect()
    await asyncio.sleep(0)
    assert not trouble and not [r for r in caplog.records if r.levelname == "ERROR"]


JSON = {"Content-Type": "application/json"}
OFFER = b'{"type": "offer", "sdp": "v=0"}'


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", "/info", {}, None, 200),
        ("GET", "/healthz", {}, None, 200),
        ("GET", "/stats", {}, None, 200),
        ("GET", "/info", {"Host": "rebound.example"}, None, 421),
        ("GET", "/", {"Host": "rebound.example:8080"}, None, 421),
        ("POST", "/offer", JSON | {"Origin": "https://elsewhere.example"}, OFFER, 403),
        ("POST", "/offer", JSON | {"Origin": "null"}, OFFER, 403),
        ("GET", "/stats", {"Origin": "http://127.0.0.1:1"}, None, 403),
        ("POST", "/offer", JSON | {"Sec-Fetch-Site": "cross-site"}, OFFER, 403),
        ("POST", "/offer", {"Content-Type": "text/plain"}, OFFER, 415),
        ("POST", "/offer", {"Content-Type": "application/x-www-form-urlencoded"}, OFFER, 415),
        ("POST", "/offer", JSON, b"{" + b" " * 70_000 + b"}", 413),
        ("POST", "/offer", JSON, b"no json", 400),
        ("POST", "/offer", JSON, b"\xff\xfe", 400),
        ("POST", "/offer", {"Content-Type": "application/json; charset=foo"}, b"[1]", 400),
        ("POST", "/offer", JSON, b"[1]", 400),
        ("POST", "/offer", JSON, b'{"type": "answer", "sdp": ""}', 400),
        ("POST", "/offer", JSON, OFFER, 400),
        ("POST", "/offer", JSON, b'{"type": "offer", "sdp": 7}', 400),
        ("GET", "/offer", {}, None, 405),
        ("GET", "/viewer/../server.py", {}, None, 404),
        ("GET", "/nothing", {}, None, 404),
    ],
)
async def test_what_is_answered(method, path, headers, body, status):
    async with Session() as session, client() as http:
        url = session.server.url.rstrip("/") + path
        async with http.request(method, url, headers=headers, data=body) as response:
            answer = await response.text()
            assert response.status == status, answer
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            if status >= 400:
                assert json.loads(answer)["error"]
        assert not session.server.viewers, "nobody was let in"


async def test_a_busy_port_is_told_in_one_line():
    async with Session() as session:
        port = int(session.server.url.rstrip("/").rpartition(":")[2])
        with pytest.raises(DeliveryError, match=f"port {port}.*--port") as told:
            async with Session(DeliverConfig(port=port)):
                pass
        assert "\n" not in str(told.value)


async def test_beyond_loopback_the_token_is_needed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    config = DeliverConfig(host="0.0.0.0", port=0, tls=("auto",))
    async with Session(config) as session, client() as http:
        link, _, token = session.server.url.partition("#token=")
        trusted = ssl.create_default_context(cafile=str(tmp_path / "likeness" / "cert.pem"))

        async def ask(method, path, **how):
            async with http.request(method, link + path, ssl=trusted, **how) as response:
                return response.status, response.cookies

        for path in ("info", "stats"):
            assert (await ask("GET", path))[0] == 401
        assert (await ask("POST", "offer", json={"type": "offer", "sdp": ""}))[0] == 401
        assert (await ask("GET", "healthz"))[0] == 200
        wrong, right = ({"Authorization": f"Bearer {t}"} for t in ("x" * 32, token))
        assert (await ask("GET", "info", headers=wrong))[0] == 401
        assert (await ask("GET", "info", headers=right))[0] == 200
        assert (await ask("POST", "login", json={}, headers=wrong))[0] == 401
        status, cookies = await ask("POST", "login", json={}, headers=right)
        assert status == 200 and cookies["likeness"]["httponly"]
        assert token not in cookies["likeness"].value
        http.cookie_jar.clear()
        ticket = {"likeness": cookies["likeness"].value}
        assert (await ask("GET", "stats", cookies=ticket))[0] == 200
