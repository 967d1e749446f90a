"""A bad line made by this program, where the kernel has no netem.

`python -m engine.bench.relay A B LOSS DELAY` makes two network devices, A and B, and carries IP
packets between them: LOSS per cent are lost on the way, the others arrive DELAY milliseconds
later, in order. Says "ready" once both are there, and ends with its input. Needs root.
"""

import fcntl
import os
import random
import selectors
import struct
import sys
import time
from collections import deque

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LARGEST = 65_536  # bytes of a packet
WAITING = 1_000  # packets on their way in one direction; more are lost, as in netem


def device(name: str) -> int:
    """A new TUN device, which lives as long as what is returned is open."""
    made = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(made, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return made


class Way:
    """Packets on their way to `to`."""

    def __init__(self, to: int, loss: float, delay: float) -> None:
        self._to, self._loss, self._delay = to, loss, delay
        self._packets: deque[tuple[float, bytes]] = deque()

    def take(self, packet: bytes, now: float) -> None:
        if random.random() >= self._loss and len(self._packets) < WAITING:
            self._packets.append((now + self._delay, packet))

    def deliver(self, now: float) -> float | None:
        """Sends what is due; seconds until the next one is."""
        while self._packets and self._packets[0][0] <= now:
            try:
                os.write(self._to, self._packets.popleft()[1])
            except OSError:  # a full queue or a device that is down: lost, as on any line
                continue
        return self._packets[0][0] - now if self._packets else None


def carry(a: int, b: int, loss: float, delay: float) -> None:
    """Until the standard input ends."""
    ways = {a: Way(b, loss, delay), b: Way(a, loss, delay)}
    waiting = selectors.DefaultSelector()
    for each in (a, b, 0):
        waiting.register(each, selectors.EVENT_READ)
    while True:
        due = [way.deliver(time.monotonic()) for way in ways.values()]
        soonest = min((s for s in due if s is not None), default=None)
        for key, _ in waiting.select(soonest):
            if key.fd == 0:
                return
            _all_of(key.fd, ways[key.fd])


def _all_of(source: int, way: Way) -> None:
    while True:
        try:
            packet = os.read(source, LARGEST)
        except OSError:  # nothing more, or the device is down
            return
        way.take(packet, time.monotonic())


def main(a: str, b: str, loss: str, delay: str) -> None:
    ends = device(a), device(b)
    print("ready", flush=True)
    carry(*ends, float(loss) / 100, float(delay) / 1e3)


if __name__ == "__main__":
    main(*sys.argv[1:])
