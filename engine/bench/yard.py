"""A network of the bench's own: namespaces for viewers, each on a wire that can be made worse.

Needs root and iproute2. The engine stays outside, at `HOST` of each wire.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import DeliveryError


class Wire:
    """A namespace `name`, reached over a pair of interfaces of 10.77.NUMBER.0/30."""

    def __init__(self, number: int) -> None:
        self.name, self.host = f"likeness-{number}", f"10.77.{number}.1"
        self._outer, self._inner = f"lk{number}", f"lk{number}v"
        self.within = ("ip", "netns", "exec", self.name)
        _ip("netns", "add", self.name)
        _ip("link", "add", self._outer, "type", "veth", "peer", self._inner, "netns", self.name)
        _ip("addr", "add", f"{self.host}/30", "dev", self._outer)
        _ip("link", "set", self._outer, "up")
        _ip("-n", self.name, "addr", "add", f"10.77.{number}.2/30", "dev", self._inner)
        for device in ("lo", self._inner):
            _ip("-n", self.name, "link", "set", device, "up")
        _ip("-n", self.name, "route", "add", "default", "via", self.host)

    def cut(self, on: bool = True) -> None:
        """Nothing passes any more, while `on`."""
        _ip("link", "set", self._outer, "down" if on else "up")

    def spoil(self, *how: str) -> None:
        """netem on both ends, as `spoil("loss", "2%", "delay", "40ms")`; DeliveryError where this
        kernel has none."""
        _run("tc", "qdisc", "replace", "dev", self._outer, "root", "netem", *how)
        _run(*self.within, "tc", "qdisc", "replace", "dev", self._inner, "root", "netem", *how)

    def remove(self) -> None:
        subprocess.run(("ip", "netns", "delete", self.name), capture_output=True, check=False)
        subprocess.run(("ip", "link", "delete", self._outer), capture_output=True, check=False)


@contextmanager
def wires(count: int) -> Iterator[list[Wire]]:
    """`count` of them, gone at the end; DeliveryError where this machine does not allow it."""
    if why := why_no_wires():
        raise DeliveryError(f"the bench makes a network of its own: {why}")
    made: list[Wire] = []
    try:
        for number in range(1, count + 1):
            made.append(Wire(number))
        yield made
    finally:
        for wire in made:
            wire.remove()


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
