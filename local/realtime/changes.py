"""Postgres Changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from local.realtime.channel import Channel
    from local.realtime.feed import Transaction
    from local.realtime.limits import Limits
    from local.realtime.pgoutput import Relation


class PostgresChanges:
    """Serves no table yet."""

    def __init__(self, pool: AsyncConnectionPool, limits: Limits) -> None:
        self._pool = pool
        self._limits = limits

    async def run(self) -> None:
        """Wait."""
        await asyncio.Event().wait()

    async def subscribe(self, channel: Channel) -> None:
        """Say that no table is served."""
        channel.system("postgres_changes", "error", "Postgres Changes are not available")

    def unsubscribe(self, channel: Channel) -> None:
        """Forget the channel."""

    def wants(self, relation: Relation) -> bool:
        """Want nothing."""
        return relation.oid == 0

    def describe(self, relation: Relation) -> None:
        """Take the shape of a table."""

    def receive(self, transaction: Transaction) -> None:
        """Take a transaction."""
