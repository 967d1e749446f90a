"""WHIP (RFC 9725): the session is pushed to a media server, which shows it to any number.

The token, where one is needed, comes from LIKENESS_WHIP_TOKEN. When the line breaks, or the server
is not there yet, it is called again after 1, 2, 4 ... 30 seconds, and a log line tells of changes.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

import aiohttp

from ..errors import ConfigError
from .guard import is_loopback
from .webrtc import Viewer

_FIRST, _MOST = 1.0, 30.0  # seconds between two calls
_ANSWER = 10.0  # seconds that an answer may take
_LONGEST = 256 * 1024  # bytes of an answer
log = logging.getLogger("likeness.deliver")


class Refused(Exception):
    """The server's answer was none, in words."""


class Push:
    """Keeps one connection to `url`; `make` gives a new one's sending end."""

    def __init__(self, url: str, make: Callable[[], Viewer]) -> None:
        """ConfigError where the address is none, or would carry the token in clear."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"deliver.whip: {url} should be the http(s):// address of a server")
        token = os.environ.get("LIKENESS_WHIP_TOKEN", "")
        if token and parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ConfigError(f"deliver.whip: {url} would carry the token in clear: use https")
        self.connected = False
        self._url, self._make = url, make
        self._token = {"Authorization": f"Bearer {token}"} if token else {}
        self._told = ""

    async def run(self) -> None:
        """Until it is cancelled."""
        pause = _FIRST
        limit = aiohttp.ClientTimeout(total=_ANSWER)
        async with aiohttp.ClientSession(timeout=limit) as http:
            while True:
                try:
                    lasted = await self._once(http)
                except (aiohttp.ClientError, TimeoutError, OSError, ValueError, Refused) as e:
                    self._tell(f"{self._where} does not take the session: {e or type(e).__name__}")
                    lasted = False
                pause = _FIRST if lasted else min(2 * pause, _MOST)
                await asyncio.sleep(pause)

    async def _once(self, http: aiohttp.ClientSession) -> bool:
        """One connection, to its end; whether there was one."""
        viewer, place = self._make(), list[str]()

        async def exchange(offer: str) -> str:
            answer, where = await self._post(http, offer)
            place.append(where)
            return answer

        try:
            await viewer.call(exchange)
            await viewer.attend(self._note)
            self._tell(f"{self._where}: the connection ended")
            return viewer.joined
        finally:
            self.connected = False
            await viewer.close("")
            for where in filter(None, place):
                with suppress(aiohttp.ClientError, TimeoutError, OSError):
                    await http.delete(where, headers=self._token_for(where))

    async def _post(self, http: aiohttp.ClientSession, offer: str) -> tuple[str, str]:
        headers = {"Content-Type": "application/sdp"} | self._token
        async with http.post(self._url, data=offer.encode(), headers=headers) as response:
            body = await response.content.read(_LONGEST)
            if response.status != 201:
                raise Refused(f"it answers {response.status} {response.reason}")
            where = response.headers.get("Location", "")
            return body.decode(), urljoin(str(response.url), where) if where else ""

    def _token_for(self, where: str) -> dict[str, str]:
        """The token, unless the server named a place that is not its own."""
        ours, theirs = urlsplit(self._url), urlsplit(where)
        return self._token if ours[:2] == theirs[:2] else {}

    def _note(self) -> None:
        self.connected = True
        self._tell(f"{self._where} takes the session")

    @property
    def _where(self) -> str:
        """Without the path, in which some servers hide a key."""
        return f"WHIP server {urlsplit(self._url).hostname}"

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            log.warning("%s", text) if not self.connected else log.info("%s", text)
