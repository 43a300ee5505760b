"""A network between one node and its pool that can be cut, and that loses, repeats and delays."""

from __future__ import annotations

import asyncio
import contextlib
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator
    from random import Random

END_OF_HEAD: Final = b"\r\n\r\n"
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
KEPT_ALIVE: Final = re.compile(rb"\r\nconnection: *[^\r]*", re.IGNORECASE)
WEBSOCKET: Final = re.compile(rb"\r\nupgrade: *websocket", re.IGNORECASE)
PIECE: Final = 65_536


@dataclass(frozen=True)
class Weather:
    """How bad the network is: chances of each trouble, and the longest delay in seconds.

    Requests that are delayed differently arrive in another order than they were sent.
    """

    lost_requests: float = 0.0
    lost_answers: float = 0.0
    repeats: float = 0.0
    delay: float = 0.0


@dataclass(frozen=True)
class Request:
    """A whole HTTP request as it came."""

    head: bytes
    body: bytes

    @property
    def opens_websocket(self) -> bool:
        """Whether a WebSocket begins here."""
        return WEBSOCKET.search(self.head) is not None

    def alone(self) -> bytes:
        """The request for a connection of its own."""
        head = KEPT_ALIVE.sub(b"", self.head).removesuffix(END_OF_HEAD)
        return head + b"\r\nconnection: close" + END_OF_HEAD + self.body


class Wire:
    """Carries HTTP and WebSockets to an origin. Everything random comes from the generator."""

    def __init__(self, origin: str, random: Random) -> None:
        self.weather = Weather()
        self.carried = 0
        self._address = urlsplit(origin)
        self._random = random
        self._is_cut = False
        self._server: asyncio.Server
        self._writers: set[StreamWriter] = set()

    @property
    def url(self) -> str:
        """The origin to use in place of the real one."""
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[Wire]:
        """Listen until the context ends."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        try:
            yield self
        finally:
            self.cut()
            self._server.close()

    def cut(self) -> None:
        """Break what is connected and let nothing through."""
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        """Let everything through again."""
        self._is_cut = False

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._writers.add(writer)
        try:
            # no answer at all is what a broken network looks like
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if not self._is_cut:
                    await self._carry(await _read(reader), reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _carry(self, request: Request, reader: StreamReader, writer: StreamWriter) -> None:
        if request.opens_websocket:
            await self._tunnel(request, reader, writer)
            return
        await asyncio.sleep(self._random.uniform(0, self.weather.delay))
        if self._strikes(self.weather.lost_requests):
            return
        answer = await self._ask(request)
        if self._strikes(self.weather.repeats):
            answer = await self._ask(request)
        if not self._strikes(self.weather.lost_answers):
            writer.write(answer)
            await writer.drain()

    def _strikes(self, chance: float) -> bool:
        return self._random.random() < chance

    async def _ask(self, request: Request) -> bytes:
        self.carried += 1
        async with self._upstream() as (reader, writer):
            writer.write(request.alone())
            return await reader.read()

    async def _tunnel(self, request: Request, reader: StreamReader, writer: StreamWriter) -> None:
        async with self._upstream() as (upstream_reader, upstream_writer):
            upstream_writer.write(request.head)
            ways = {
                asyncio.create_task(_pour(reader, upstream_writer), name="wire up"),
                asyncio.create_task(_pour(upstream_reader, writer), name="wire down"),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)

    @asynccontextmanager
    async def _upstream(self) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
        host, port = self._address.hostname, self._address.port
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
        self._writers.add(writer)
        try:
            yield reader, writer
        finally:
            self._writers.discard(writer)
            writer.close()


async def _read(reader: StreamReader) -> Request:
    head = await reader.readuntil(END_OF_HEAD)
    found = LENGTH.search(head)
    body = await reader.readexactly(int(found[1])) if found else b""
    return Request(head, body)


async def _pour(reader: StreamReader, writer: StreamWriter) -> None:
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()
