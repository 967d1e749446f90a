"""WHEP and WHIP as their standards say, by an independent client and an independent server."""

import asyncio
import re
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from engine.deliver import DeliverConfig
from engine.deliver.whip import Push
from engine.errors import ConfigError
from tests.browser.synthetic import Session
from tests.wire.test_webrtc import Watcher, client, until

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
PLAYER = "https://player.example"


async def offered(watcher):
    await watcher.peer.setLocalDescription(await watcher.peer.createOffer())
    return watcher.peer.localDescription.sdp


@asynccontextmanager
async def playing(session, http, keep=lambda sdp: sdp):
    """A player that speaks WHEP, and where its connection lives."""
    watcher = Watcher(channel=False)
    try:
        sdp, url = await offered(watcher), session.server.url + "live/whep"
        async with http.post(url, data=keep(sdp), headers=SDP) as response:
            assert response.status == 201, await response.text()
            assert response.content_type == "application/sdp"
            place = response.url.join(response.url.with_path(response.headers["Location"]))
            answer = RTCSessionDescription(await response.text(), "answer")
            await watcher.peer.setRemoteDescription(answer)
        yield watcher, place
    finally:
        await watcher.peer.close()


async def test_a_player_watches_and_leaves():
    async with Session() as session, client() as http:
        async with playing(session, http) as (player, place):
            await player.tracks["video"].recv()
            await player.tracks["audio"].recv()
            assert session.server.watching == 1
            async with http.delete(place) as response:
                assert response.status == 200
            await until(lambda: not session.server.viewers)
            for method in ("DELETE", "PATCH"):
                async with http.request(method, place, data="", headers=FRAGMENT) as response:
                    assert response.status == 404


async def test_candidates_may_come_later_and_a_restart_is_refused():
    async with Session() as session, client() as http:
        late = []

        def without_candidates(sdp):
            late.extend(re.findall(r"a=(?:ice-ufrag|mid|candidate):.*\r\n", sdp))
            return re.sub(r"a=candidate:.*\r\n", "", sdp)

        async with playing(session, http, without_candidates) as (player, place):
            async with http.patch(place, data="".join(late), headers=FRAGMENT) as response:
                assert response.status == 204, await response.text()
            await player.tracks["video"].recv()
            for body, status in (("a=ice-ufrag:other\r\n", 422), ("a=candidate:1 x", 400)):
                async with http.patch(place, data=body, headers=FRAGMENT) as response:
                    assert response.status == status, await response.text()
            async with http.patch(place, data="", headers=SDP) as response:
                assert response.status == 415


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (SDP, b"v=0", 400),
        (SDP, b"\xff\xfe", 400),
        (SDP, b"x" * 70_000, 413),
        ({"Content-Type": "application/json"}, b"{}", 415),
        (SDP | {"Origin": "https://elsewhere.example"}, b"v=0", 403),
        (SDP | {"Origin": PLAYER}, b"v=0", 400),
    ],
)
async def test_what_is_refused(headers, body, status):
    async with Session(DeliverConfig(port=0, origins=(PLAYER,))) as session, client() as http:
        url = session.server.url + "live/whep"
        async with http.post(url, data=body, headers=headers) as response:
            assert response.status == status, await response.text()
            shared = response.headers.get("Access-Control-Allow-Origin")
            assert shared == (PLAYER if headers.get("Origin") == PLAYER else None)
        assert not session.server.viewers


async def test_an_allowed_site_may_ask_first(monkeypatch):
    monkeypatch.setenv("LIKENESS_TURN_SECRET", "north")
    config = DeliverConfig(port=0, origins=(PLAYER,), ice=("turn:turn.example",))
    async with Session(config) as session, client() as http:
        url = session.server.url + "live/whep"
        asks = {"Origin": PLAYER, "Sec-Fetch-Site": "cross-site"}
        async with http.options(url, headers=asks) as response:
            assert response.status == 200
            assert response.headers["Accept-Post"] == "application/sdp"
            assert "POST" in response.headers["Access-Control-Allow-Methods"]
            assert 'rel="ice-server"' in response.headers["Link"]
        async with http.options(session.server.url + "offer", headers=asks) as response:
            assert response.status == 403, "nothing else is opened to it"
        async with http.get(session.server.url + "ice") as response:
            (server,) = (await response.json())["iceServers"]
        assert server["urls"] == "turn:turn.example" and server["username"].endswith(":likeness")


class Endpoint:
    """A media server that takes a stream by WHIP."""

    def __init__(self):
        self.peers, self.ended, self.tokens, self.refuse = [], [], [], True
        self.place = "/whip/7"
        self.tracks = asyncio.Queue()

    async def post(self, request):
        self.tokens.append(request.headers.get("Authorization"))
        if self.refuse:
            return web.Response(status=503)
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.on("track", self.tracks.put_nowait)
        self.peers.append(peer)
        await peer.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return web.Response(
            status=201, text=peer.localDescription.sdp, headers={"Location": self.place},
            content_type="application/sdp",
        )  # fmt: skip

    async def delete(self, request):
        self.ended.append(request.headers.get("Authorization"))
        return web.Response()

    @asynccontextmanager
    async def serving(self):
        app = web.Application()
        app.add_routes([web.post("/whip", self.post), web.delete("/whip/7", self.delete)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/whip"
        finally:
            await asyncio.gather(*(peer.close() for peer in self.peers))
            await runner.cleanup()


async def test_a_session_is_pushed_and_pushed_again(monkeypatch, caplog):
    monkeypatch.setenv("LIKENESS_WHIP_TOKEN", "let me in, please")
    endpoint = Endpoint()
    async with endpoint.serving() as url:
        async with Session(DeliverConfig(port=0, whip=url)) as session:
            await until(lambda: endpoint.tokens)
            assert not session.server.figures()["pushed"]
            endpoint.refuse = False
            for _ in range(2):
                track = await asyncio.wait_for(endpoint.tracks.get(), 10)
                await asyncio.wait_for(track.recv(), 20)
                await until(lambda: session.server.figures()["pushed"])
                while not endpoint.tracks.empty():
                    endpoint.tracks.get_nowait()
                await endpoint.peers[-1].close()
            assert session.server.watching == 0, "a media server is nobody who watches"
        assert len(endpoint.ended) >= 2, "each connection is ended where it lived"
    assert set(endpoint.tokens) == set(endpoint.ended) == {"Bearer let me in, please"}
    assert "503" in caplog.text and "let me in" not in caplog.text


async def test_the_token_goes_to_nobody_else(monkeypatch):
    monkeypatch.setenv("LIKENESS_WHIP_TOKEN", "let me in, please")
    endpoint, other = Endpoint(), Endpoint()
    async with endpoint.serving() as url, other.serving() as elsewhere:
        endpoint.refuse, endpoint.place = False, elsewhere + "/7"
        async with Session(DeliverConfig(port=0, whip=url)) as session:
            await until(lambda: session.server.figures()["pushed"])
        assert other.ended == [None]


@pytest.mark.parametrize("url", ["rtmp://x/y", "nonsense", "http://far.example/whip"])
def test_a_wrong_address_is_told_at_once(url, monkeypatch):
    monkeypatch.setenv("LIKENESS_WHIP_TOKEN", "let me in, please")
    with pytest.raises(ConfigError, match=r"deliver\.whip"):
        Push(url, lambda: None)
