"""A TCP proxy for network trouble: connections are cut, nothing passes for a while, or what is sent is lost."""

import asyncio
import contextlib


class Proxy:
    """Passes a loopback port on to another; `port` is where clients come."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._passing = asyncio.Event()
        self._passing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._swallowed: set[asyncio.StreamWriter] = set()
        self._swallows = self._refuses = False
        self.port = 0

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        self._server.close()
        self._passing.set()
        self.cut()

    def cut(self) -> None:
        """Close all connections; new ones are passed on."""
        for writer in self._writers:
            writer.transport.abort()

    def refuse(self) -> None:
        """Close all connections, and every new one at once."""
        self._refuses = True
        self.cut()

    def hold(self) -> None:
        """Pass nothing on; connections stay open."""
        self._passing.clear()

    def swallow(self) -> None:
        """Lose all that is sent; connections of this time stay open, and are dead for ever."""
        self._swallows = True
        self._swallowed |= self._writers

    def release(self) -> None:
        """Pass on again, with all that came while it was held; new connections are good."""
        self._passing.set()
        self._swallows = self._refuses = False

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        try:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, other_writer}
        if self._swallows:
            self._swallowed |= {writer, other_writer}
        try:
            await asyncio.gather(self._pipe(reader, other_writer), self._pipe(other_reader, writer))
        finally:
            self._writers -= {writer, other_writer}
            self._swallowed -= {writer, other_writer}

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._passing.wait()
                if writer not in self._swallowed:
                    writer.write(data)
                    await writer.drain()
        writer.close()
