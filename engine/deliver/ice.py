"""ICE servers: where browsers and this machine learn their outer addresses, or are relayed.

TURN's credentials come from the environment alone: LIKENESS_TURN_SECRET, a secret shared with the
server (coturn's `use-auth-secret`), from which names are made that expire; or
LIKENESS_TURN_USER and LIKENESS_TURN_PASSWORD, which do not.
"""

import base64
import hashlib
import hmac
import os
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiortc import RTCIceServer

from ..errors import ConfigError

LASTS = 3600  # seconds for which a TURN credential is good: those of a call are renewed by no one
_URL = re.compile(r"(stuns?:[^\s?]+|turns?:[^\s?]+(\?transport=(udp|tcp))?)")


class Ice:
    """`ice()` -> the servers of this moment, as dictionaries in the browsers' own form."""

    def __init__(self, urls: Sequence[str], now: Callable[[], float] = time.time) -> None:
        """ConfigError for an address that is none, or TURN without credentials."""
        for url in urls:
            if not _URL.fullmatch(url):
                raise ConfigError(
                    f"deliver.ice: {url} should be stun:HOST, turn:HOST or turns:HOST?transport=tcp"
                )
        self._urls, self._now = tuple(urls), now
        self._secret = os.environ.get("LIKENESS_TURN_SECRET", "")
        self._user = os.environ.get("LIKENESS_TURN_USER", "")
        self._password = os.environ.get("LIKENESS_TURN_PASSWORD", "")
        if any(_relays(u) for u in urls) and not (self._secret or (self._user and self._password)):
            raise ConfigError(
                "deliver.ice names a TURN server: set LIKENESS_TURN_SECRET, or "
                "LIKENESS_TURN_USER and LIKENESS_TURN_PASSWORD"
            )

    def __call__(self) -> list[dict[str, str]]:
        return [{"urls": u} | (self._credentials() if _relays(u) else {}) for u in self._urls]

    def own(self) -> list[RTCIceServer]:
        """The same for this end of a connection."""
        return [RTCIceServer(**server) for server in self()]

    def links(self) -> list[str]:
        """The same as Link headers (RFC 9725, section 4.4)."""
        return [_link(server) for server in self()]

    def _credentials(self) -> dict[str, str]:
        if not self._secret:
            return {"username": self._user, "credential": self._password}
        name = f"{int(self._now()) + LASTS}:likeness"
        digest = hmac.new(self._secret.encode(), name.encode(), hashlib.sha1).digest()
        return {"username": name, "credential": base64.b64encode(digest).decode()}


def _relays(url: str) -> bool:
    return url.startswith("turn")


def _link(server: dict[str, Any]) -> str:
    parts = [f"<{server['urls']}>", 'rel="ice-server"']
    if "username" in server:
        parts += [f'{k}="{_quoted(server[k])}"' for k in ("username", "credential")]
        parts.append('credential-type="password"')
    return "; ".join(parts)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
