"""Postgres Changes: committed rows for those who subscribed to them and may see them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg_pool import PoolTimeout

from local.realtime import conditions
from local.realtime.delivery import Delivery
from local.realtime.errors import SubscriptionError
from local.realtime.subscriptions import Subscription, Subscriptions, Viewer, parse_wish
from local.realtime.tables import Tables

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from local.realtime.channel import Channel
    from local.realtime.feed import Transaction
    from local.realtime.joins import Binding
    from local.realtime.limits import Limits
    from local.realtime.pgoutput import Relation
    from local.realtime.subscriptions import Wish
    from local.realtime.tables import Table

logger = logging.getLogger(__name__)

EXTENSION: Final = "postgres_changes"
_UNABLE: Final = "Unable to subscribe to changes with given parameters."


class PostgresChanges:
    """Takes transactions from the feed and passes them to subscribed channels."""

    def __init__(self, pool: AsyncConnectionPool, limits: Limits) -> None:
        self._pool = pool
        self._limits = limits
        self._tables = Tables()
        self._subscriptions = Subscriptions()
        self._transactions: asyncio.Queue[Transaction] = asyncio.Queue()

    def wants(self, relation: Relation) -> bool:
        """Whether anybody listens to the table."""
        return relation.oid in self._subscriptions

    def describe(self, relation: Relation) -> None:
        """Forget what was known about a table whose shape has changed."""
        self._tables.forget(relation.oid)

    def receive(self, transaction: Transaction) -> None:
        """Queue a committed transaction."""
        self._transactions.put_nowait(transaction)

    async def run(self) -> None:
        """Pass transactions on, in commit order, until cancelled."""
        while True:
            transaction = await self._transactions.get()
            try:
                await self._dispatch(transaction)
            except (psycopg.Error, PoolTimeout) as error:
                logger.warning("lost the changes of a transaction: %s", error)
            except Exception:
                logger.exception("lost the changes of a transaction")

    async def subscribe(self, channel: Channel) -> None:
        """Serve the channel's bindings with its claims, and say so or why not."""
        while channel.is_open:
            try:
                subscriptions = await self._bind_all(channel)
            except SubscriptionError as error:
                channel.system(EXTENSION, "error", str(error))
                return
            except (psycopg.OperationalError, PoolTimeout) as error:
                channel.system(EXTENSION, "error", f"{_UNABLE} {error}")
                await asyncio.sleep(self._limits.resubscribe_after)
            except psycopg.Error as error:
                channel.system(EXTENSION, "error", f"{_UNABLE} {error}")
                return
            else:
                self._start(channel, subscriptions)
                return

    def unsubscribe(self, channel: Channel) -> None:
        """Stop serving the channel."""
        self._subscriptions.remove(channel)

    def _start(self, channel: Channel, subscriptions: list[Subscription]) -> None:
        if channel.is_open:
            self._subscriptions.replace(channel, subscriptions)
            channel.system(EXTENSION, "ok", "Subscribed to PostgreSQL")

    async def _bind_all(self, channel: Channel) -> list[Subscription]:
        bindings = channel.request.bindings
        wishes = [(binding, parse_wish(binding)) for binding in bindings]
        async with self._pool.connection() as connection:
            return [
                subscription
                for binding, wish in wishes
                for subscription in await self._bind(connection, channel, binding, wish)
            ]

    async def _bind(
        self, connection: AsyncConnection, channel: Channel, binding: Binding, wish: Wish
    ) -> list[Subscription]:
        tables = await self._tables.published(connection, wish.schema, wish.table)
        if not tables:
            raise SubscriptionError(
                f"{_UNABLE} Please check Realtime is enabled for the given connect parameters: "
                f"[{wish}]"
            )
        try:
            return [
                await self._bind_table(connection, channel, binding, wish, table)
                for table in tables
            ]
        except SubscriptionError as error:
            raise SubscriptionError(
                f"{_UNABLE} An exception happened so please check your connect parameters: "
                f"[{wish}]. Exception: {error}"
            ) from None

    async def _bind_table(
        self,
        connection: AsyncConnection,
        channel: Channel,
        binding: Binding,
        wish: Wish,
        table: Table,
    ) -> Subscription:
        readable = await self._tables.readable(connection, table, channel.credentials.role)
        for name in sorted((wish.select or frozenset()) - readable):
            raise SubscriptionError(f"invalid column for select {name}")
        bound = await conditions.bind(connection, table, wish.filters, readable)
        viewer = Viewer.of(channel.credentials)
        return Subscription(binding.id, channel, viewer, table.oid, wish.event, bound, wish.select)

    async def _dispatch(self, transaction: Transaction) -> None:
        async with self._pool.connection() as connection:
            delivery = Delivery(connection, self._tables, transaction, self._limits.change_size)
            await delivery.run(self._subscriptions)
