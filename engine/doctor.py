"""`python -m engine.doctor`: what is wrong with this machine for Likeness, and what to do."""

import argparse
import asyncio
import ipaddress
import shutil
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import psutil

from . import config as configuration
from . import head as heads
from .capture import list_devices
from .deliver import DeliverConfig, MqttConfig, reach
from .deliver.broker import EMBEDDED
from .errors import EngineError
from .head.avatar import avatar_names, load_appearance
from .model import MODELS, open_model, open_session
from .parts import LiveConfig
from .render import RenderConfig, Renderer
from .speech import MeshTalk, SpeechConfig
from .types import AudioChunk, FaceMesh, Floats, Motion, World

Verdict = Literal["good", "note", "bad"]
SIGNS = {"good": ("\033[32m", "ok"), "note": ("\033[33m", "note"), "bad": ("\033[31m", "BAD")}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `todo` says what to do about it."""

    about: str
    verdict: Verdict
    found: str
    todo: str = ""


def python() -> Finding:
    return Finding("python", "good", sys.version.split()[0])


def provider() -> Finding:
    """Where the nets run, as the session itself reports it."""
    model = open_model(MODELS / "meshtalk")
    _, used = open_session(model.file("model.onnx"), "auto")
    idle = used == "cpu" and shutil.which("nvidia-smi") is not None
    todo = "a GPU is here: LIKENESS_EXTRA=gpu ./run live would use it" if idle else ""
    return Finding("provider", "note" if idle else "good", used, todo)


def models() -> Finding:
    names = [open_model(file.parent).name for file in sorted(MODELS.glob("*/about.json"))]
    return Finding("models", "good", f"{', '.join(names)}: every file is the one described")


def drawing() -> Finding:
    """Draws one picture as a session would."""
    head = heads.Head.load()
    appearance = load_appearance(avatar_names()[0], head)
    with Renderer(RenderConfig(), appearance, len(head.neutral)) as renderer:
        name = renderer.wait_ready()
        still = Motion(0.0, np.zeros(52, np.float32), np.zeros(3, np.float32))
        world = World(0.0, FaceMesh(0.0, head.person(appearance.identity)), still)
        renderer.draw(world)
        taken = statistics.median(_milliseconds(renderer, world) for _ in range(9))
    slow = taken > 33
    todo = "use --quality low or a smaller --size" if slow else ""
    return Finding("drawing", "note" if slow else "good", f"{name}, {taken:.0f} ms a frame", todo)


def _milliseconds(renderer: Renderer, world: World) -> float:
    began = time.perf_counter()
    renderer.draw(world)
    return (time.perf_counter() - began) * 1e3


def speech() -> Finding:
    """Half a second through the speech net, which also fills numba's cache."""
    head = heads.Head.load()
    net = MeshTalk(SpeechConfig(), head, head.neutral, 30, 0, "auto")
    quiet: Floats = np.zeros(net.rate // 2, np.float32)
    frames = net.push(AudioChunk(0.0, quiet, net.rate)) + net.finish()
    heads.Solver(head, head.neutral).weights(frames[0].vertices)
    return Finding("speech", "good", f"{len(frames)} faces from half a second of sound")


def microphones() -> Finding:
    devices = list_devices()
    if not devices:
        todo = "a bundled recording will speak; --audio FILE takes any other"
        return Finding("microphone", "note", "none", todo)
    names = ", ".join(d.name for d in devices[:3])
    return Finding("microphone", "good", f"{len(devices)} found: {names}")


def port(number: int = DeliverConfig().port) -> Finding:
    """Whether the page's usual port can be had."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((DeliverConfig().host, number))
        except OSError as e:
            return Finding("port", "bad", f"{number}: {e.strerror}", "use --port with another one")
    return Finding("port", "good", f"{number} is free")


def network() -> Finding:
    """WebRTC skips loopback addresses, in browsers as here: some other interface must be up."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = [
        a.address
        for name in up
        for a in psutil.net_if_addrs().get(name, [])
        if a.family == socket.AF_INET and not ipaddress.ip_address(a.address).is_loopback
    ]
    if not found:
        todo = "connect any network: browsers do no WebRTC over loopback alone"
        return Finding("network", "bad", "only loopback is up", todo)
    return Finding("network", "good", ", ".join(found))


def ice() -> Finding:
    """Two peers of this machine, connected as a viewer would be."""
    return Finding("ice", "good", f"two peers met in {asyncio.run(reach.connect_to_self()):.1f} s")


def broker(config: MqttConfig) -> Finding:
    """A message to the configured broker and back."""
    if not config.broker:
        return Finding("broker", "good", "none is configured (mqtt.broker)")
    if config.broker == EMBEDDED:
        return Finding("broker", "good", f"embedded, on 127.0.0.1 port {config.port_used}")
    taken = asyncio.run(reach.echo(config)) * 1e3
    return Finding("broker", "good", f"{config.host}:{config.port_used} echoes in {taken:.0f} ms")


def turn(url: str) -> Finding:
    """An allocation on the TURN server."""
    return Finding("turn", "good", f"{url} relays from {asyncio.run(reach.allocate(url))}")


def room() -> Finding:
    free = psutil.virtual_memory().available / 2**30
    tight = free < 1
    todo = "close something: the engine takes up to 600 MB" if tight else ""
    return Finding("memory", "note" if tight else "good", f"{free:.1f} GiB free", todo)


CHECKS: tuple[Callable[[], Finding], ...] = (
    python, provider, models, speech, drawing, microphones, port, network, ice, room,
)  # fmt: skip


def examine(checks: tuple[Callable[[], Finding], ...] = CHECKS) -> Iterator[Finding]:
    """Each check's finding; an EngineError is one, and its text says what to do."""
    for check in checks:
        try:
            yield check()
        except EngineError as e:
            verdict: Verdict = "note" if check is microphones else "bad"
            yield Finding(_name(check), verdict, "not usable", str(e))


def _name(check: Callable[[], Finding]) -> str:
    made = check.func if isinstance(check, partial) else check
    return made.__name__


def checks_of(config: LiveConfig, server: str) -> tuple[Callable[[], Finding], ...]:
    """CHECKS for what `config` asks for, and of the TURN `server` where one is named."""
    usual = tuple(partial(port, config.deliver.port) if c is port else c for c in CHECKS)
    more = (partial(turn, server),) if server else ()
    return (*usual, partial(broker, config.mqtt), *more)


def report(finding: Finding, colour: bool) -> str:
    on, sign = SIGNS[finding.verdict]
    mark = f"{on}{sign:>4}\033[0m" if colour else f"{sign:>4}"
    arrow = f"\n                   → {finding.todo}" if finding.todo else ""
    return f"{mark}  {finding.about:<11}  {finding.found}{arrow}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m engine.doctor", description=__doc__)
    parser.add_argument(
        "--prepare",
        action="store_true",
        help="only fill the caches: speech and drawing once, in silence",
    )
    parser.add_argument("--config", type=Path, help="the session's TOML: its port and its broker")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any key")
    parser.add_argument("--turn", default="", metavar="turn:HOST:PORT", help="a TURN server to try")
    args = parser.parse_args()
    if args.prepare:
        for finding in examine((drawing, speech)):
            if finding.verdict == "bad":
                print(report(finding, colour=False), file=sys.stderr)
        return 0
    try:
        config = configuration.load(LiveConfig, args.config, args.set)
    except EngineError as e:
        print(f"likeness: {e}", file=sys.stderr)
        return e.exit_code
    worst = 0
    for finding in examine(checks_of(config, args.turn)):
        print(report(finding, sys.stdout.isatty()), flush=True)
        worst = max(worst, finding.verdict == "bad")
    return worst


if __name__ == "__main__":
    sys.exit(main())
