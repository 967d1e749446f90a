"""The page, and what it asks for: `POST /offer`, `POST /send`, `/ice`, `/info`, `/stats`,
`/healthz`; and the standards, WHEP in and WHIP out."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from weakref import WeakKeyDictionary

from aiohttp import web

from ..channel import Channel
from ..clock import Clock
from ..errors import ConfigError, DeliveryError
from ..stats import Stats
from ..types import AudioChunk, Picture
from . import tls
from .fanout import Fanout
from .guard import Guard, is_loopback, link_token, refuse
from .ice import Ice
from .intake import Busy, Intake
from .webrtc import Viewer
from .whep import Whep
from .whip import Push

_PAGE = Path(__file__).parent / "viewer"
_BODY = 64 * 1024  # bytes in the largest request taken; an offer has about 6,000
Attendance = Callable[[str, str], None]  # a viewer's name, and "joined" or "left"
News = Callable[[], dict[str, Any] | None]  # what to tell a viewer of who is seen, if it is new
Vouch = Callable[[str, str], News]  # for a connection, by the fingerprints of both its ends
_TOLD = ("driven", "path", "worn", "refused", "scene", "persona")  # of info, twice a second
_LEAST_BITS = 100_000  # bit/s: below it nothing can be recognised


@dataclass(frozen=True, slots=True)
class DeliverConfig:
    """Where the page is served, and to how many."""

    host: str = "127.0.0.1"  # beyond loopback (0.0.0.0: everywhere) needs tls
    port: int = 8080  # 0: any free one
    tls: tuple[str, ...] = ()  # ("auto",) or (certificate file, key file)
    names: tuple[str, ...] = ()  # further host names by which browsers may call this server
    viewers: int = 8  # at most, at one time
    bits: int = 2_500_000  # bit/s of picture: sharp at 512 x 512 and 30 a second
    ice: tuple[str, ...] = ()  # stun: and turn: servers, for viewers beyond this network
    origins: tuple[str, ...] = ()  # sites whose pages may play the session by WHEP; "*": any
    whip: str = ""  # address of a media server that the session is pushed to

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"deliver.port is {self.port}: choose one from 0 to 65535")
        if self.viewers < 1:
            raise ConfigError(f"deliver.viewers is {self.viewers}: at least 1 is needed")
        if self.bits < _LEAST_BITS:
            raise ConfigError(f"deliver.bits is {self.bits}: give {_LEAST_BITS} bit/s or more")


class Server:
    """Shows a session to browsers.

    `info()` is what the page says of the session; of its keys the page knows `scene`,
    `avatar`, `provider`, `source` (words), `microphone` (True: a live one, on this machine),
    `camera` (see engine.faces.report) and `background`. With an `intake` pages may send what
    it takes. `routes` are further pages behind the same guard; `attendance` is told of each
    viewer that "joined" or "left"; `vouch` says, to each connection by itself, who is before the
    camera; `prompt`: see Fanout. `async with server:` binds the port, or raises DeliveryError.
    """

    def __init__(
        self,
        config: DeliverConfig,
        clock: Clock,
        delay: float,
        stats: Stats,
        info: Callable[[], dict[str, Any]],
        intake: Intake | None = None,
        routes: Iterable[web.RouteDef] = (),
        attendance: Attendance = lambda viewer, what: None,
        vouch: Vouch | None = None,
        prompt: bool = False,
    ) -> None:
        if not is_loopback(config.host) and not config.tls:
            raise ConfigError(
                f"--host {config.host} opens the page to other machines: add --tls auto"
            )
        self.url = ""  # what to open, with the token where one is needed
        self.viewers: dict[Viewer, asyncio.Task[None]] = {}
        self._config, self._clock = config, clock
        self._stats, self._info, self._intake = stats, info, intake
        self._fanout = Fanout(clock, delay, stats, config.bits, prompt=prompt)
        self._numbers = itertools.count(1)
        self._routes, self._attendance = list(routes), attendance
        self._ice = Ice(config.ice)
        if intake is not None:
            intake.ice = self._ice.own
        self._push = Push(config.whip, self._pushed) if config.whip else None
        self._pushing: asyncio.Task[None] | None = None
        self._vouch, self._news = vouch, WeakKeyDictionary[Viewer, News]()
        self._runner: web.AppRunner | None = None
        self._taken: dict[str, Any] = {}
        self._taken_at = float("-inf")

    async def __aenter__(self) -> Self:
        config = self._config
        secure = tls.context(config.tls, config.host)
        token = "" if is_loopback(config.host) else link_token(tls.state_folder())
        names = [*tls.names_of(config.host), *config.names]
        self._runner = web.AppRunner(
            self._app(
                Guard(names, token, secure is not None, self._intake is not None, config.origins)
            ),
            access_log=None,
            shutdown_timeout=1,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, config.host, config.port, ssl_context=secure)
        try:
            await site.start()
        except OSError as e:
            await self._runner.cleanup()
            raise DeliveryError(
                f"cannot serve on {config.host} port {config.port} ({e.strerror}): "
                "end what uses it, or choose another with --port"
            ) from e
        self.url = self._link(token)
        if self._push:
            self._pushing = asyncio.create_task(self._push.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._leave("The session has ended.")
        if self._runner is not None:
            await self._runner.cleanup()

    async def run(self, pictures: Channel[Picture], sound: Channel[AudioChunk]) -> None:
        """Sends to whoever watches, until both channels are closed and all of it was sent."""
        await self._fanout.run(pictures, sound)

    async def _leave(self, reason: str) -> None:
        if self._pushing:
            self._pushing.cancel()
            await asyncio.gather(self._pushing, return_exceptions=True)
        if self._intake:
            await self._intake.close()
        viewers = list(self.viewers.items())
        await asyncio.gather(*(viewer.close(reason) for viewer, _ in viewers))
        await asyncio.gather(*(task for _, task in viewers), return_exceptions=True)

    def _link(self, token: str) -> str:
        assert self._runner is not None
        port = self._runner.addresses[0][1]
        host = self._config.host
        if host in ("0.0.0.0", "::", ""):
            host = outward_address()
        name = f"[{host}]" if ":" in host else host
        scheme = "https" if self._config.tls else "http"
        return f"{scheme}://{name}:{port}/" + (f"#token={token}" if token else "")

    def _app(self, guard: Guard) -> web.Application:
        app = web.Application(middlewares=[guard.middleware], client_max_size=_BODY)
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/healthz", self._healthz),
                web.get("/info", self._about),
                web.get("/ice", self._servers),
                web.get("/stats", self._figures),
                web.post("/login", guard.login),
                web.post("/offer", self._offer),
                web.post("/send", self._send),
                web.static("/viewer", _PAGE),
                *Whep(self._admit, self._ice).routes,
                *self._routes,
            ]
        )
        return app

    async def _page(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(_PAGE / "index.html")

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def _about(self, request: web.Request) -> web.Response:
        own = {"same_machine": is_same_machine(request), "matte": self._fanout.matte}
        sends = {"sends": self._intake.kinds if self._intake else ()}
        return web.json_response(self._info() | own | sends)

    async def _servers(self, request: web.Request) -> web.Response:
        return web.json_response({"iceServers": self._ice()})

    async def _figures(self, request: web.Request) -> web.Response:
        return web.json_response(self.figures())

    def figures(self) -> dict[str, Any]:
        """Everything measured, as plain values."""
        return {
            "seconds": round(self._clock.now(), 3),
            "delay": self._fanout.patience.delay,
            "info": self._info(),
            "milliseconds": self._stats.milliseconds(),
            "counts": dict(self._stats.counts),
            "viewers": [viewer.describe() for viewer in self.viewers],
            **({"pushed": self._push.connected} if self._push else {}),
        }

    def published(self) -> dict[str, Any]:
        """What a broker may know of it: no names of devices or files."""
        kept = ("seconds", "delay", "milliseconds", "counts")
        found = self.figures()
        return {k: found[k] for k in kept} | {"viewers": self.watching}

    async def _offer(self, request: web.Request) -> web.Response:
        if self._is_full():  # told before the body is read, so that nobody sends it in vain
            return self._full()
        offered = await self._offered(request)
        if isinstance(offered, web.Response):
            return offered
        admitted = await self._admit(offered)
        if isinstance(admitted, web.Response):
            return admitted
        return web.json_response({"sdp": admitted[1], "type": "answer"})

    async def _admit(self, offered: str) -> tuple[Viewer, str] | web.Response:
        """A place for whoever made this offer and the answer to it, or why there is none."""
        if self._is_full():  # the body may have taken long; from here to the place no await
            return self._full()
        viewer = self._viewer(f"viewer {next(self._numbers)}", self._note_joined)
        self.viewers[viewer] = asyncio.create_task(self._attend(viewer))
        try:
            sdp = await viewer.answer(offered)
        except ValueError as e:
            try:
                await viewer.close("")
            finally:
                self.viewers.pop(viewer, None)
            return refuse(400, str(e)[:200])
        return viewer, sdp

    def _viewer(self, name: str, joined: Callable[[Viewer], None] = lambda viewer: None) -> Viewer:
        return Viewer(name, self._fanout, self._clock, self._state, joined, self._ice.own())

    def _pushed(self) -> Viewer:
        return self._viewer("WHIP server")

    async def _offered(self, request: web.Request) -> str | web.Response:
        """The SDP in a request's body, or what is wrong with it."""
        try:
            offer = json.loads((await request.read()).decode())
        except (ValueError, RecursionError):
            return refuse(400, "the body is not JSON")
        if not isinstance(offer, dict) or offer.get("type") != "offer":
            return refuse(400, 'send {"sdp": ..., "type": "offer"}')
        return str(offer.get("sdp", ""))

    async def _send(self, request: web.Request) -> web.Response:
        """A page's own camera and microphone."""
        if self._intake is None:
            return refuse(403, "this session takes no camera or microphone from pages")
        offered = await self._offered(request)
        if isinstance(offered, web.Response):
            return offered
        try:
            sdp = await self._intake.answer(offered)
        except Busy:
            return refuse(409, "another page sends its camera or microphone already")
        except ValueError as e:
            return refuse(400, str(e)[:200])
        return web.json_response({"sdp": sdp, "type": "answer"})

    def _is_full(self) -> bool:
        return len(self.viewers) >= self._config.viewers

    def _full(self) -> web.Response:
        return refuse(503, f"all {self._config.viewers} places are taken: try again later")

    async def _attend(self, viewer: Viewer) -> None:
        try:
            await viewer.attend()
        finally:
            self.viewers.pop(viewer, None)
            if viewer.cut:
                self._stats.count("deliver.viewers cut off")
            if viewer.joined:
                self._attendance(viewer.name, "left")

    def _note_joined(self, viewer: Viewer) -> None:
        self._attendance(viewer.name, "joined")

    @property
    def watching(self) -> int:
        """How many viewers are there, those that still connect left out."""
        return sum(viewer.joined for viewer in self.viewers)

    def say(self, what: str, text: str) -> None:
        """`text` on the data channel of every viewer that wants `what`."""
        late = sum(not viewer.offer(what, text) for viewer in list(self.viewers))
        if late:
            self._stats.count("dropped from motion channels", late)

    def takes(self, kinds: tuple[str, ...]) -> None:
        """What pages may send from now on."""
        if self._intake:
            self._intake.kinds = kinds

    @property
    def pictures_at(self) -> float:
        """Session time at which the last picture came to be sent; minus infinity before."""
        return self._fanout.pictures_at

    def _state(self, viewer: Viewer) -> dict[str, Any]:
        """What a page is told twice a second."""
        own = {"dropped": viewer.describe()["dropped"], "viewers": len(self.viewers)}
        return self._common() | own | self._claim(viewer)

    def _claim(self, viewer: Viewer) -> dict[str, Any]:
        """What there is to tell of who is seen, where the session vouches for it."""
        if self._vouch is None or (ends := viewer.ends) is None:
            return {}
        if viewer not in self._news:
            self._news[viewer] = self._vouch(*ends)
        said = self._news[viewer]()
        return {} if said is None else {"claim": said}

    def _common(self) -> dict[str, Any]:
        """What is the same for each page; taken once for all, since percentiles take time."""
        if self._clock.now() > self._taken_at + 0.4:
            self._taken_at = self._clock.now()
            info = self._info()
            self._taken = {
                "delay": self._fanout.patience.delay,
                "matte": self._fanout.matte,
                **{k: info.get(k) for k in ("camera", *_TOLD)},
                "sending": self._intake is not None and not self._intake.is_open,
                "bits": self._fanout.rate.bits,
                "counts": dict(self._stats.counts),
                "milliseconds": self._stats.milliseconds(),
            }
        return self._taken


def is_same_machine(request: web.Request) -> bool:
    """Whether browser and server share a machine, and so its microphone and loudspeaker."""
    transport = request.transport
    if transport is None:
        return False
    here, there = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
    return bool(here and there and here[0] == there[0])


def outward_address() -> str:
    """This machine's address on its network: the one that another machine would use."""
    own = [n for n in tls.names_of("0.0.0.0") if n.count(".") == 3 and not is_loopback(n)]
    return own[0] if own else "127.0.0.1"
