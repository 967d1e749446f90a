"""The [motion] section: the face's motion to other programs, each way on its own switch."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConfigError
from ..head.arkit import ARKIT
from ..stats import Stats
from ..types import World
from . import livelink, shaping, vmc
from .udp import Datagrams, parse_address
from .visemes import visemes
from .vmc import Case, packets


@dataclass(frozen=True, slots=True)
class MotionConfig:
    """Where motion goes while it is made; nothing by default."""

    vmc: str = ""  # HOST:PORT (usually 39539): VMC over OSC, for VTuber tools
    vmc_names: Case = "lowerCamel"  # how the receiver writes ARKit's names: or UpperCamel
    livelink: str = ""  # HOST:PORT (usually 11111): Live Link Face, for Unreal
    subject: str = "Likeness"  # the name by which Unreal knows the face
    websocket: bool = False  # JSON at /motion of the page's server
    channel: bool = False  # the same on a viewer's data channel, where it asks for it
    gain: dict[str, float] = field(default_factory=dict)  # ARKit name: factor
    offset: dict[str, float] = field(default_factory=dict)  # ARKit name: added after the factor
    clamp: dict[str, Any] = field(default_factory=dict)  # ARKit name: [least, most], else [0, 1]

    def __post_init__(self) -> None:
        shaping.check("gain", self.gain, 1)
        shaping.check("offset", self.offset, 1)
        shaping.check("clamp", self.clamp, 2)
        for key, text, usual in self._receivers:
            parse_address(key, text, usual)
        if not 1 <= len(self.subject.encode()) <= 255:
            raise ConfigError("motion.subject should have from 1 to 255 bytes")

    @property
    def _receivers(self) -> list[tuple[str, str, int]]:
        every = (("vmc", self.vmc, vmc.PORT), ("livelink", self.livelink, livelink.PORT))
        return [one for one in every if one[1]]

    @property
    def any(self) -> bool:
        return bool(self._receivers) or self.has_listeners

    @property
    def has_listeners(self) -> bool:
        """Whether pages and programs may listen through the page's server."""
        return self.websocket or self.channel

    @property
    def shaping(self) -> shaping.Shaping:
        return shaping.Shaping.of(self.gain, self.offset, self.clamp)


class MotionOut:
    """Stage World -> JSON texts; on the way each frame is sent to the receivers.

    Sending never waits. Without listeners no text is made.
    """

    name = "send motion"
    lookahead = 0.0

    def __init__(self, config: MotionConfig, fps: int, stats: Stats) -> None:
        self._config, self._shape = config, config.shaping
        self._sockets = {
            key: Datagrams(key, parse_address(key, text, usual), stats)
            for key, text, usual in config._receivers
        }
        self._link = livelink.LiveLink(config.subject, fps)

    def push(self, world: World) -> list[dict[str, Any]]:
        motion = self._shape(world.motion)
        if socket := self._sockets.get("vmc"):
            for packet in packets(motion, self._config.vmc_names):
                socket.send(packet)
        if socket := self._sockets.get("livelink"):
            socket.send(self._link.packet(motion))
        if not self._config.has_listeners:
            return []
        return [as_json(motion.t, motion.weights.tolist(), motion.head.tolist())
                | {"visemes": _kept(visemes(motion.weights))}]  # fmt: skip

    def finish(self) -> list[dict[str, Any]]:
        return []

    def close(self) -> None:
        with ExitStack() as closing:
            for socket in self._sockets.values():
                closing.callback(socket.close)


def as_json(t: float, weights: list[float], head: list[float]) -> dict[str, Any]:
    """A frame by names, as listeners get it; what is not named is 0."""
    return {
        "t": round(t, 4),
        "weights": _kept(dict(zip(ARKIT, weights, strict=True))),
        "head": dict(zip(("yaw", "pitch", "roll"), [round(a, 4) for a in head], strict=True)),
    }


def _kept(values: dict[str, float]) -> dict[str, float]:
    return {name: round(v, 3) for name, v in values.items() if abs(v) >= 0.0005}
