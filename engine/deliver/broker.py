"""The [mqtt] section, and a broker inside the process for whoever has none."""

import logging
import os
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from ..errors import ConfigError, DeliveryError
from .commands import Name
from .guard import keyed

EMBEDDED = "embedded"
USER, PASSWORD = "LIKENESS_MQTT_USER", "LIKENESS_MQTT_PASSWORD"
PSEUDONYM_KEY = "LIKENESS_PSEUDONYM_KEY"
_PLAIN, _SECURE = 1883, 8883  # the ports that IANA gives MQTT
_LEAST_KEPT = 100
_FORBIDDEN = set("+#\0 ")


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """Where events go, and what may be asked from there."""

    broker: str = ""  # a host's name; "embedded": a broker in this process; "": none
    port: int = 0  # 0: 1883, or 8883 with tls
    tls: str = ""  # "system": the machine's authorities; or a file of certificates to trust
    prefix: str = "likeness"  # all topics begin with it
    discovery: str = "homeassistant"  # Home Assistant's discovery prefix; "": announce nothing
    pseudonyms: bool = False  # people's names leave as words that only the key's owner can tell
    commands: tuple[Name, ...] = ("scene", "mute")  # what PREFIX/command may ask
    buffer: int = 10_000  # events kept while there is no connection
    keepalive: int = 15  # seconds without a word after which a line counts as cut
    stats: float = 10.0  # seconds between two PREFIX/stats; 0: none

    def __post_init__(self) -> None:
        for name, topic in (("prefix", self.prefix), ("discovery", self.discovery)):
            if set(topic) & _FORBIDDEN or topic.startswith(("/", "$")) or topic.endswith("/"):
                raise ConfigError(f"mqtt.{name} is {topic!r}: give a topic such as home/likeness")
        if not self.prefix:
            raise ConfigError("mqtt.prefix is empty: give a topic such as likeness")
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"mqtt.port is {self.port}: choose one from 0 to 65535")
        if self.buffer < _LEAST_KEPT:
            raise ConfigError(f"mqtt.buffer is {self.buffer}: at least {_LEAST_KEPT} are kept")
        if not 1 <= self.keepalive <= 65535:
            raise ConfigError(f"mqtt.keepalive is {self.keepalive}: give seconds from 1 to 65535")
        if not 0 <= self.stats < 1e6:
            raise ConfigError(f"mqtt.stats is {self.stats}: give seconds, or 0 for none")
        if self.broker == EMBEDDED and self.tls:
            raise ConfigError("mqtt.tls: the embedded broker serves this machine alone, without")

    @property
    def host(self) -> str:
        return "127.0.0.1" if self.broker == EMBEDDED else self.broker

    @property
    def port_used(self) -> int:
        return self.port or (_SECURE if self.tls else _PLAIN)

    def secure(self) -> ssl.SSLContext | None:
        """What to trust; DeliveryError where the file is no certificate."""
        if not self.tls:
            return None
        try:
            return ssl.create_default_context(cafile=None if self.tls == "system" else self.tls)
        except OSError as e:  # which SSLError is too
            raise DeliveryError(f"mqtt.tls: {self.tls} holds no certificate to trust: {e}") from e

    def pseudonym_key(self) -> bytes:
        """From the environment, else one kept for this user between runs."""
        return keyed(PSEUDONYM_KEY, "pseudonym").encode()


def credentials() -> tuple[str | None, str | None]:
    """User and password for the broker, from the environment alone."""
    return os.environ.get(USER) or None, os.environ.get(PASSWORD) or None


@dataclass
class EmbeddedBroker:
    """amqtt on the loopback: enough for a demo, and gone with the session.

    DeliveryError where amqtt is not installed or the port is taken.
    """

    port: int
    _closing: AsyncExitStack = field(default_factory=AsyncExitStack, init=False)

    async def __aenter__(self) -> Self:
        try:
            from amqtt.broker import Broker  # optional: only the extra `broker` brings it
            from amqtt.errors import BrokerError
        except ImportError as e:
            raise DeliveryError(
                'mqtt.broker is "embedded" and amqtt is not installed: '
                "pip install 'likeness[broker]', or name a broker"
            ) from e
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.CRITICAL)
        broker = Broker(_plan(self.port))
        try:
            await broker.start()
        except (BrokerError, OSError) as e:
            raise DeliveryError(
                f"cannot serve MQTT on 127.0.0.1 port {self.port}: end what uses it, or choose "
                "another with mqtt.port"
            ) from e
        self._closing.push_async_callback(broker.shutdown)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()


def _plan(port: int) -> dict[str, Any]:
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
