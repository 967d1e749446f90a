"""Datagrams to a fixed address. A send never waits: what does not go at once is dropped."""

import errno
import logging
import os
import socket
from typing import Any

from ..errors import ConfigError, DeliveryError
from ..stats import Stats

log = logging.getLogger("likeness.motion")
_FULL = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS)


def parse_address(key: str, text: str, usual: int) -> tuple[str, int]:
    """'HOST' or 'HOST:PORT' ([HOST]:PORT for IPv6); ConfigError where it is neither."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (":" in host and not host.endswith("]")):
        host, port = text, str(usual)
    host = host.strip("[]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"motion.{key} is {text!r}: write it as HOST:PORT")
    return host, int(port)


class Datagrams:
    """A socket for one receiver, who may come and go unnoticed; losses are counted by `name`."""

    def __init__(self, name: str, address: tuple[str, int], stats: Stats) -> None:
        self._name, self._stats = name, stats
        self._trouble = 0  # the error of the last send
        host, port = address
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            family, kind, proto, _, where = found
            self._socket = socket.socket(family, kind, proto)
            self._socket.setblocking(False)
            self._where: Any = where  # as the family has it
        except OSError as e:
            raise DeliveryError(f"motion.{name}: cannot send to {host}:{port}: {e}") from e

    def send(self, packet: bytes) -> None:
        """Counts what cannot be sent; says why when the reason changes."""
        trouble = 0
        try:
            self._socket.sendto(packet, self._where)
        except OSError as e:
            trouble = e.errno or errno.EIO
            self._stats.count(f"dropped from {self._name}")
        if trouble != self._trouble and trouble not in _FULL:
            self._say(trouble)
        self._trouble = trouble

    def _say(self, trouble: int) -> None:
        why = os.strerror(trouble) if trouble else "goes out again"
        log.warning("motion to %s: %s", self._name, why)

    def close(self) -> None:
        self._socket.close()
