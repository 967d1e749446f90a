"""A network of the bench's own: namespaces for viewers, each on a wire that can be made worse.

Needs root and iproute2. The engine stays outside, at `HOST` of each wire. What a bench that was
killed left behind goes when the next one begins: a dead wire's address would be a candidate of
every WebRTC connection from here.
"""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import DeliveryError

LOCK = Path("/run/likeness-bench.lock")  # held as long as the wires are somebody's


class Wire:
    """A namespace `name`, reached over a pair of interfaces of 10.77.NUMBER.0/30."""

    def __init__(self, number: int) -> None:
        self.name, self.host = f"likeness-{number}", f"10.77.{number}.1"
        self._outer, self._inner = f"lk{number}", f"lk{number}v"
        self._guest = f"10.77.{number}.2"
        self._relay: subprocess.Popen[str] | None = None
        self.within = ("ip", "netns", "exec", self.name)
        _ip("netns", "add", self.name)
        _ip("link", "add", self._outer, "type", "veth", "peer", self._inner, "netns", self.name)
        _ip("addr", "add", f"{self.host}/30", "dev", self._outer)
        _ip("link", "set", self._outer, "up")
        _ip("-n", self.name, "addr", "add", f"{self._guest}/30", "dev", self._inner)
        for device in ("lo", self._inner):
            _ip("-n", self.name, "link", "set", device, "up")
        _ip("-n", self.name, "route", "add", "default", "via", self.host)

    def cut(self, on: bool = True) -> None:
        """Nothing passes any more, while `on`."""
        _ip("link", "set", self._outer, "down" if on else "up")

    def spoil(self, loss: float, delay: float) -> str:
        """Loses `loss` per cent of the packets and delays the others by `delay` milliseconds, each
        way; by what. Where the kernel has no netem a program of this bench carries them."""
        how = ("loss", f"{loss:g}%", "delay", f"{delay:g}ms")
        try:
            _run("tc", "qdisc", "replace", "dev", self._outer, "root", "netem", *how)
            _run(*self.within, "tc", "qdisc", "replace", "dev", self._inner, "root", "netem", *how)
        except DeliveryError:
            self._carried(loss, delay)
            return "relay"
        return "netem"

    def heal(self) -> None:
        """As good as it was."""
        if self._relay is not None:
            self._relay.communicate()  # its devices go with it, and so do the routes
            self._relay = None
            _ip("-n", self.name, "route", "add", "default", "via", self.host)
        else:
            _run("tc", "qdisc", "delete", "dev", self._outer, "root")
            _run(*self.within, "tc", "qdisc", "delete", "dev", self._inner, "root")

    def _carried(self, loss: float, delay: float) -> None:
        outer, inner = f"{self._outer}t", f"{self._inner}t"
        self._relay = subprocess.Popen(
            [sys.executable, "-m", "engine.bench.relay", outer, inner, str(loss), str(delay)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._relay.stdout is not None
        if self._relay.stdout.readline().strip() != "ready":
            raise DeliveryError("no bad line can be made here: neither netem nor /dev/net/tun")
        _ip("link", "set", inner, "netns", self.name)
        _ip("link", "set", outer, "up")
        _ip("-n", self.name, "link", "set", inner, "up")
        _ip("route", "add", self._guest, "dev", outer, "src", self.host)
        _ip("-n", self.name, "route", "replace", "default", "dev", inner, "src", self._guest)
        _ip("-n", self.name, "route", "add", self.host, "dev", inner, "src", self._guest)

    def remove(self) -> None:
        if self._relay is not None:
            self.heal()


@contextmanager
def wires(count: int) -> Iterator[list[Wire]]:
    """`count` of them, gone at the end; DeliveryError where this machine does not allow it."""
    if why := why_no_wires():
        raise DeliveryError(f"the bench makes a network of its own: {why}")
    made: list[Wire] = []
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            raise DeliveryError("another bench has this machine's wires: wait for its end") from e
        clear()
        try:
            for number in range(1, count + 1):
                made.append(Wire(number))
            yield made
        finally:
            for wire in made:
                wire.remove()
            clear()


def clear() -> None:
    """Takes away all wires that are there, and ends what runs behind them."""
    for space in Path("/run/netns").glob("likeness-*"):
        if not re.fullmatch(r"likeness-\d+", space.name):
            continue
        for pid in _said("ip", "netns", "pids", space.name).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        _said("ip", "netns", "delete", space.name)
    for link in Path("/sys/class/net").glob("lk*"):
        if re.fullmatch(r"lk\d+", link.name):
            _said("ip", "link", "delete", link.name)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def why_no_wires() -> str:
    """What is missing, or ""."""
    if os.geteuid():
        return "run it as root"
    if not (shutil.which("ip") and shutil.which("tc")):
        return "install iproute2"
    return ""


def _ip(*args: str) -> None:
    _run("ip", *args)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().partition("\n")[0]
        raise DeliveryError(f"{' '.join(command)}: {said}")
