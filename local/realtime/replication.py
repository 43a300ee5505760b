"""A logical replication stream over the low-level protocol API of psycopg.

The slot is temporary: it holds back the log of the database only while this connection lives.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final, Self

import psycopg
from psycopg import generators
from psycopg.pq import ExecStatus
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier, Literal

from local.realtime.errors import ReplicationLostError
from local.realtime.pgoutput import Keepalive, parse_stream, standby_status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from psycopg import AsyncConnection
    from psycopg.sql import Composable

logger = logging.getLogger(__name__)

#: text output must not depend on the settings of the server
SESSION_OPTIONS: Final = "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres"
#: seconds
CONNECT_TIMEOUT: Final = 5
#: seconds an orderly end may take
CLOSE_TIMEOUT: Final = 2.0
#: seconds between two confirmations of what has been read
CONFIRM_INTERVAL: Final = 5.0
_WOULD_BLOCK: Final = 0


class ReplicationStream:
    """The changes of some publications from now on, in commit order."""

    def __init__(self, connection: AsyncConnection, slot: str, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._slot = Identifier(slot)
        self._clock = clock
        self._blocks: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._failure: ReplicationLostError | None = None
        self._socket: int | None = None
        self._position = 0
        self._confirmed_at = clock()

    @classmethod
    async def open(
        cls, dsn: str, publications: Sequence[str], slot: str, clock: Callable[[], float]
    ) -> Self:
        """Connect, create a temporary slot, and start to stream."""
        connection = await psycopg.AsyncConnection.connect(
            dsn,
            autocommit=True,
            row_factory=tuple_row,
            connect_timeout=CONNECT_TIMEOUT,
            replication="database",
            application_name="realtime_replication",
            options=SESSION_OPTIONS,
        )
        stream = cls(connection, slot, clock)
        try:
            await stream._start(publications)
        except BaseException:
            await connection.close()
            raise
        return stream

    async def close(self) -> None:
        """End the stream; on return its slot is gone."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._drop_slot()
        except (psycopg.Error, TimeoutError) as error:
            logger.info("the replication slot goes with its connection: %s", error)
        finally:
            self._stop_reading()
            await self._connection.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the plugin's messages; raises ReplicationLostError when the server goes away."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._blocks:
                message = self._unwrap(self._blocks.popleft())
                if message is not None:
                    yield message
            self._confirm_sometimes()
            if self._failure is not None:
                raise self._failure

    async def _start(self, publications: Sequence[str]) -> None:
        await self._connection.execute(
            SQL("CREATE_REPLICATION_SLOT {} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT").format(
                self._slot
            )
        )
        names = ",".join(f'"{publication}"' for publication in publications)
        await self._start_copying(
            SQL(
                "START_REPLICATION SLOT {} LOGICAL 0/0 (proto_version '1', publication_names {})"
            ).format(self._slot, Literal(names))
        )
        # kept, because a connection that is lost no longer tells its socket
        self._socket = self._connection.fileno()
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    async def _drop_slot(self) -> None:
        """Leave the copy mode in order; a slot that is just abandoned outlives us for a moment."""
        self._connection.pgconn.put_copy_end()
        while self._failure is None:
            await self._arrived.wait()
            self._arrived.clear()
            self._blocks.clear()
        await self._connection.wait(generators.fetch_many(self._connection.pgconn))
        await self._connection.execute(SQL("DROP_REPLICATION_SLOT {}").format(self._slot))

    async def _start_copying(self, command: Composable) -> None:
        pgconn = self._connection.pgconn
        pgconn.send_query(command.as_bytes(self._connection))
        (result,) = await self._connection.wait(generators.execute(pgconn))
        if result.status != ExecStatus.COPY_BOTH:
            raise ReplicationLostError(result.get_error_message())

    def _read(self) -> None:
        """Take what the socket holds; called by the loop."""
        try:
            self._connection.pgconn.consume_input()
            ended = self._take_blocks()
        except psycopg.Error as error:
            self._fail(str(error))
        else:
            if ended:
                self._fail("the server ended the stream")
        self._arrived.set()

    def _take_blocks(self) -> bool:
        """Collect complete blocks; whether the stream has ended."""
        while True:
            status, block = self._connection.pgconn.get_copy_data(1)
            if status <= 0:
                return status != _WOULD_BLOCK
            self._blocks.append(bytes(block))

    def _fail(self, reason: str) -> None:
        self._stop_reading()
        self._failure = ReplicationLostError(reason)

    def _stop_reading(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket = None

    def _unwrap(self, block: bytes) -> bytes | None:
        parsed = parse_stream(block)
        self._position = max(self._position, parsed.wal_end)
        if isinstance(parsed, Keepalive):
            if parsed.reply_requested:
                self._confirm()
            return None
        return parsed.message

    def _confirm_sometimes(self) -> None:
        if self._clock() - self._confirmed_at >= CONFIRM_INTERVAL:
            self._confirm()

    def _confirm(self) -> None:
        self._confirmed_at = self._clock()
        pgconn = self._connection.pgconn
        pgconn.put_copy_data(standby_status(self._position, self._confirmed_at))
        pgconn.flush()
