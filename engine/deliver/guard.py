"""Who may ask the server what.

A page of any web site can send requests to this machine, so from the first line on:
- Host must be one of our own names, or a rebound DNS name would make us that site's own server;
- a request that names its Origin must come from our own page, and be declared as JSON;
- beyond loopback a token is needed, from the printed link, once; then a cookie stands for it.
What is said in WHEP (whep.py) has types of its own, and may come from the sites that
`deliver.origins` names, which need the token like everybody.
"""

import hashlib
import hmac
import ipaddress
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from ..errors import ConfigError, DeliveryError
from .tls import state_folder, write_private

OPEN = (
    "/",
    "/healthz",
    "/readyz",
    "/viewer/",
    "/login",
)  # what needs no token: nothing in it is private
WHEP = "/live/whep"
_TYPES = {"POST": "application/sdp", "PATCH": "application/trickle-ice-sdpfrag"}  # of WHEP
_COOKIE = "likeness"
_SHORTEST = 16  # characters of a token
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; media-src 'self' blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",  # see Guard
    "Cache-Control": "no-store",
    "Server": "likeness",
}


def is_loopback(host: str) -> bool:
    """Whether a server on `host` can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def link_token(folder: Path) -> str:
    """The token of the printed link: LIKENESS_TOKEN, or one kept for this user between runs."""
    return keyed("LIKENESS_TOKEN", "token", folder)


def keyed(variable: str, name: str, folder: Path | None = None) -> str:
    """A secret from the environment's `variable`, or one kept in the file `name`."""
    if given := os.environ.get(variable, ""):
        if len(given) < _SHORTEST:
            raise ConfigError(
                f"{variable} is too short to keep anyone out: use {_SHORTEST} characters"
            )
        return given
    file = (folder or state_folder()) / name
    try:
        token = file.read_text("ascii").strip() if file.is_file() else ""
        if len(token) < _SHORTEST:  # none yet, or a file that was cut: "" would let all in
            token = secrets.token_urlsafe(24)
            write_private(file, token.encode())
    except (OSError, UnicodeError) as e:
        raise DeliveryError(f"cannot use {file} ({e}): delete it, or set {variable}") from e
    return token


def same(one: str, other: str) -> bool:
    """Equality in a time that does not tell how much was right."""

    def raw(text: str) -> bytes:  # headers may hold bytes that are no text
        return text.encode(errors="surrogateescape")

    return hmac.compare_digest(raw(one), raw(other))


class Guard:
    """The middleware that every request passes; `token` is "" where none is needed.

    With `senses` our own page may ask its browser for camera and microphone.
    """

    def __init__(
        self, names: list[str], token: str, secure: bool, senses: bool = False,
        origins: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._origins = {origin.lower().rstrip("/") for origin in origins}
        own = {"Permissions-Policy": "camera=(self), microphone=(self), geolocation=()"}
        self._headers = HEADERS | own if senses else HEADERS
        self._names = {name.lower() for name in names}
        self._token, self._secure = token, secure
        self._ticket = hashlib.sha256(b"likeness cookie " + token.encode()).hexdigest()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = self._refusal(request)
        response = refusal if refusal is not None else await self._handled(request, handler)
        response.headers.update(self._headers)
        if self._is_guest(request):
            response.headers.update(_shared(request.headers["Origin"]))
        return response

    async def _handled(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as e:
            return refuse(e.status, e.reason)

    def _refusal(self, request: web.Request) -> web.Response | None:
        if not self._is_ours(request.host):
            return refuse(421, f"this server does not answer to the name {request.host[:80]}")
        if self._is_guest(request):
            if request.method == "OPTIONS":  # a browser's question before, which bears no token
                return None
        elif refusal := self._foreign(request):
            return refusal
        if refusal := _mistyped(request):
            return refusal
        if self._token and not _is_open(request.path) and not self._is_known(request):
            return refuse(401, "open the link that the engine printed: it holds the token")
        return None

    def _is_guest(self, request: web.Request) -> bool:
        """Whether it speaks WHEP from a site that is allowed to."""
        origin = request.headers.get("Origin", "").lower()
        return bool(origin) and _is_whep(request.path) and bool({origin, "*"} & self._origins)

    def _foreign(self, request: web.Request) -> web.Response | None:
        origin = request.headers.get("Origin")
        if origin is not None and origin.lower() != f"{self._scheme}://{request.host}".lower():
            return refuse(403, "another site's page may not use this server")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            if request.method != "GET" or not _is_open(request.path):
                return refuse(403, "another site's page may not use this server")
        return None

    @property
    def _scheme(self) -> str:
        return "https" if self._secure else "http"

    def _is_ours(self, host: str) -> bool:
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        return name.strip("[]").lower() in self._names

    def _is_known(self, request: web.Request) -> bool:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer" and same(token, self._token):
            return True
        return same(request.cookies.get(_COOKIE, ""), self._ticket)

    async def login(self, request: web.Request) -> web.Response:
        """POST /login with the token as Bearer: a cookie that scripts cannot read."""
        if self._token and not self._is_known(request):
            return refuse(401, "this link's token is not valid any more: open the printed one")
        response = web.json_response({"ok": True})
        response.set_cookie(
            _COOKIE, self._ticket, httponly=True, samesite="Strict", secure=self._secure,
            max_age=30 * 86_400,
        )  # fmt: skip
        return response


def _is_whep(path: str) -> bool:
    return path == WHEP or path.startswith(WHEP + "/")


def _mistyped(request: web.Request) -> web.Response | None:
    wanted = "application/json" if request.method == "POST" else None
    if _is_whep(request.path):
        wanted = _TYPES.get(request.method)
    if wanted and request.content_type != wanted:
        return refuse(415, f"declare what you send: Content-Type: {wanted}")
    return None


def _shared(origin: str) -> dict[str, str]:
    """What lets a page of `origin` read an answer."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "POST, PATCH, DELETE, OPTIONS",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
        "Access-Control-Expose-Headers": "Location, Link",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Vary": "Origin",
    }


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith("/viewer/")


def refuse(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)
