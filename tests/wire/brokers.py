"""A line to a broker that can be cut; the broker itself is the one that engine.bench uses."""

import asyncio
from contextlib import asynccontextmanager, suppress

from engine.bench.mosquitto import MOSQUITTO, Mosquitto, free_port

__all__ = ["MOSQUITTO", "Line", "Mosquitto", "free_port"]


class Line:
    """A stretch of wire between a client and a port, which can fall silent or break."""

    def __init__(self, to_port: int) -> None:
        self._to, self.silent = to_port, False
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def laid(self):
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.cut()
            server.close()

    def cut(self) -> None:
        """Breaks all connections at once."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _join(self, reader, writer) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._writers += [writer, there[1]]
        await asyncio.gather(self._pass(reader, there[1]), self._pass(there[0], writer))

    async def _pass(self, reader, writer) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while data := await reader.read(65536):
                if not self.silent:  # a dead line says nothing, not even that it is dead
                    writer.write(data)
                    await writer.drain()
        writer.close()
