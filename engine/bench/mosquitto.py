"""A real mosquitto, to be stopped, killed and started again."""

import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from ..errors import DeliveryError

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Mosquitto:
    """One broker with its own folder; `config` are further lines of mosquitto.conf."""

    def __init__(self, folder: Path, *config: str) -> None:
        self.folder, self.port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        lines = [f"listener {self.port} 127.0.0.1", "max_queued_messages 0", *config]
        if not any(line.startswith("password_file") for line in config):
            lines.append("allow_anonymous true")
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        if MOSQUITTO is None:
            raise DeliveryError("mosquitto is not installed: apt install mosquitto")
        log = (self.folder / "mosquitto.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", str(self._config)], stdout=log, stderr=log
            )
        until = time.monotonic() + 10
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.01)
        said = (self.folder / "mosquitto.log").read_text().strip().splitlines()
        raise DeliveryError(f"mosquitto does not start: {said[-1] if said else 'it says nothing'}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """SIGTERM saves what is retained and queued, where persistence is on; SIGKILL does not."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None

    def restart(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.stop(how)
        self.start()

    def __enter__(self) -> "Mosquitto":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def persistent(folder: Path, *more: str) -> tuple[str, ...]:
    """What makes a broker keep its messages over a restart, in `folder`."""
    place = f"persistence_location {folder}/"
    root = ["user root"] if Path("/proc/self").owner() == "root" else []
    return ("persistence true", place, *root, *more)
