"""A link with delay and limited bandwidth in front of a server: `python benchmarks/delayed_link.py --to 104`.

Listens on a free port of the loopback interface, prints it as one line, and carries every connection to the
server until it is ended. All connections share the bandwidth, one for each direction, and every byte arrives
so much later as it would over the link. TCP itself sees no delay: neither its handshake nor its slow start
is simulated, so that a new connection costs less than on a real link.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time

_CHUNK_BYTES = 1 << 15
_QUEUED_S = 0.01  # what a router holds: further bytes are not taken yet
_MOST_WAITING = 1024


class Direction:
    """One direction of the link, for all connections: bytes leave one after the other."""

    def __init__(self, delay_s: float, bytes_per_s: float) -> None:
        self._delay_s = delay_s
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0

    async def room(self) -> None:
        """Wait until the link takes more."""
        while (wait_s := self._free_at - _QUEUED_S - time.monotonic()) > 0:
            await asyncio.sleep(wait_s)

    def arrival(self, count: int) -> float:
        """Put so many bytes on the link; return when the last of them arrives."""
        start = max(time.monotonic(), self._free_at)
        self._free_at = start + (count / self._bytes_per_s if self._bytes_per_s else 0.0)
        return self._free_at + self._delay_s


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, link: Direction) -> None:
    """Carry what comes from one side to the other until it ends."""
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_MOST_WAITING)
    delivering = asyncio.create_task(_deliver(waiting, sink))
    try:
        data = b"-"
        while data and not delivering.done():
            await link.room()
            data = await source.read(_CHUNK_BYTES)
            await waiting.put((link.arrival(len(data)), data))
    except OSError:
        await waiting.put((link.arrival(0), b""))
    await delivering


async def _deliver(waiting: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if not data:
                break
            sink.write(data)
            await sink.drain()
    with contextlib.suppress(OSError):
        sink.write_eof()


async def _run(port: int, delay_s: float, bytes_per_s: float) -> None:
    there, back = Direction(delay_s, bytes_per_s), Direction(delay_s, bytes_per_s)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_carry(reader, to_server, there), _carry(from_server, writer, back))
        to_server.close()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Carry connections until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=int, required=True, help="port of the server on this machine")
    parser.add_argument("--delay", type=float, default=10.0, help="milliseconds in each direction")
    parser.add_argument("--mbit", type=float, default=100.0, help="bandwidth, Mbit/s; 0: no limit")
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(given.to, given.delay / 1000, given.mbit * 1e6 / 8))


if __name__ == "__main__":
    main()
