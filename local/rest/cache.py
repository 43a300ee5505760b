"""Keeps the schema: read when it is needed first, and again when it has changed."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import psycopg

from local.rest.catalog import read_fingerprint, read_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg_pool import AsyncConnectionPool

    from local.rest.schema import Schema

CHANNEL = "pgrst"
RECONNECT_SECONDS = 1.0

logger = logging.getLogger(__name__)


class SchemaCache:
    """The schema as of its last change that we know of."""

    def __init__(self, pool: AsyncConnectionPool, schemas: Sequence[str]) -> None:
        self._pool = pool
        self._schemas = tuple(schemas)
        self._schema: Schema | None = None
        self._reading = asyncio.Lock()

    async def current(self) -> Schema:
        """The schema to plan the next request with."""
        return self._schema or await self._read()

    def invalidate(self) -> None:
        """Read the schema again before the next request."""
        self._schema = None

    async def changed_since(self, schema: Schema) -> bool:
        """Whether the database offers something else than this schema says."""
        if self._schema is not None and self._schema is not schema:
            return True
        async with self._pool.connection() as connection:
            changed = await read_fingerprint(connection, self._schemas) != schema.fingerprint
        if changed:
            self.invalidate()
        return changed

    async def listen(self, dsn: str) -> None:
        """Invalidate on every notification of the channel, for as long as this runs."""
        while True:
            try:
                await self._listen_once(dsn)
            except psycopg.OperationalError as error:
                logger.warning("lost the channel of schema changes: %s", error)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen_once(self, dsn: str) -> None:
        connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        async with connection:
            await connection.execute(f"listen {CHANNEL}")
            # What changed while nobody listened was not announced.
            self.invalidate()
            async for _ in connection.notifies():
                self.invalidate()

    async def _read(self) -> Schema:
        async with self._reading:
            schema = self._schema
            if schema is None:
                async with self._pool.connection() as connection:
                    schema = await read_schema(connection, self._schemas)
                self._schema = schema
            return schema
