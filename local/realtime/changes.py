"""Postgres Changes: committed rows for those who subscribed to them and may see them."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg_pool import PoolTimeout

from local.realtime import conditions, rows
from local.realtime.errors import SubscriptionError
from local.realtime.subscriptions import Subscription, Subscriptions, parse_wish
from local.realtime.tables import Tables
from local.realtime.visibility import visible_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from local.realtime.channel import Channel
    from local.realtime.conditions import Condition
    from local.realtime.feed import Transaction
    from local.realtime.joins import Binding
    from local.realtime.limits import Limits
    from local.realtime.pgoutput import Relation
    from local.realtime.rows import RowChange
    from local.realtime.subscriptions import Viewer, Wish
    from local.realtime.tables import Table

logger = logging.getLogger(__name__)

EXTENSION: Final = "postgres_changes"
_UNABLE: Final = "Unable to subscribe to changes with given parameters."


@dataclass(frozen=True, slots=True)
class _Event:
    """One change of a transaction and those who may hear of it if policies agree."""

    table: Table
    change: RowChange
    audience: list[Subscription]


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
        return Subscription(binding.id, channel, table.oid, wish.event, bound, wish.select)

    async def _dispatch(self, transaction: Transaction) -> None:
        async with self._pool.connection() as connection:
            delivery = Delivery(connection, self._tables, transaction, self._limits.change_size)
            await delivery.run(self._subscriptions)


class Delivery:
    """The way of one transaction to its subscribers."""

    def __init__(
        self,
        connection: AsyncConnection,
        tables: Tables,
        transaction: Transaction,
        largest: int,
    ) -> None:
        self._connection = connection
        self._tables = tables
        self._transaction = transaction
        self._largest = largest

    async def run(self, subscriptions: Subscriptions) -> None:
        """Filter, ask the policies, and deliver, in the order of the changes."""
        events = await self._events(subscriptions)
        events = await self._filtered(events)
        visible = await self._visible(events)
        for number, event in enumerate(events):
            audience = [entry for entry in event.audience if (number, entry.viewer) in visible]
            await self._deliver(event, audience)

    async def _events(self, subscriptions: Subscriptions) -> list[_Event]:
        events = []
        for relation, change in self._transaction.changes:
            table = await self._tables.get(self._connection, relation.oid)
            if table is not None:
                named = rows.row_change(relation, table, change)
                audience = subscriptions.interested(table.oid, named.type)
                events.append(_Event(table, named, audience))
        return events

    async def _filtered(self, events: list[_Event]) -> list[_Event]:
        open_questions = [
            (condition, value)
            for event in events
            for condition, value in _tests(event)
            if condition.decide(value) is None
        ]
        answers = await conditions.ask(self._connection, open_questions)

        def passes(subscription: Subscription, change: RowChange) -> bool:
            return all(
                _holds(condition, change.visible, answers) for condition in subscription.conditions
            )

        return [
            _Event(
                event.table,
                event.change,
                [entry for entry in event.audience if passes(entry, event.change)],
            )
            for event in events
        ]

    async def _visible(self, events: list[_Event]) -> set[tuple[int, Viewer]]:
        """The changes each viewer may see; only these are asked of the policies."""
        visible: set[tuple[int, Viewer]] = set()
        asked: dict[tuple[int, Viewer], dict[int, rows.Texts]] = defaultdict(dict)
        for number, event in enumerate(events):
            for viewer in {entry.viewer for entry in event.audience}:
                if await self._is_for_policies(event, viewer):
                    asked[event.table.oid, viewer][number] = event.change.new
                else:
                    visible.add((number, viewer))
        tables = {event.table.oid: event.table for event in events}
        for (oid, viewer), numbers in asked.items():
            seen = await visible_rows(self._connection, tables[oid], viewer, numbers)
            visible.update((number, viewer) for number in seen)
        return visible

    async def _is_for_policies(self, event: _Event, viewer: Viewer) -> bool:
        """Whether policies decide; deleted rows are past them, errors are for everybody."""
        if not event.table.has_policies or event.change.type == "DELETE":
            return False
        readable = await self._tables.readable(self._connection, event.table, viewer.role)
        return _error(event, readable) is None

    async def _deliver(self, event: _Event, audience: Iterable[Subscription]) -> None:
        ids: dict[tuple[Channel, frozenset[str] | None], list[int]] = defaultdict(list)
        for entry in audience:
            ids[entry.channel, entry.select].append(entry.binding_id)
        data: dict[tuple[str, frozenset[str] | None], dict[str, Any]] = {}
        for (channel, select), numbers in ids.items():
            key = (channel.credentials.role, select)
            if key not in data:
                data[key] = await self._data(event, *key)
            channel.deliver_change(numbers, data[key])

    async def _data(
        self, event: _Event, role: str, select: frozenset[str] | None
    ) -> dict[str, Any]:
        table, committed_at = event.table, self._transaction.committed_at
        readable = await self._tables.readable(self._connection, table, role)
        error = _error(event, readable)
        if error is not None:
            return rows.refusal(event.change, table, committed_at, error)
        return rows.payload(
            event.change,
            table,
            committed_at,
            lambda column: (
                column.name in readable
                and (select is None or column.name in select or column.is_key)
            ),
            self._largest,
        )


def _tests(event: _Event) -> list[tuple[Condition, str | None]]:
    """The conditions on the values of a change."""
    values = event.change.visible
    return [
        (condition, values[condition.column.name])
        for entry in event.audience
        for condition in entry.conditions
        if condition.column.name in values
    ]


def _holds(
    condition: Condition,
    values: rows.Texts,
    answers: dict[tuple[Condition, str | None], bool],
) -> bool:
    """Whether a condition holds; one on a value that was not logged does not."""
    name = condition.column.name
    if name not in values:
        return False
    decision = condition.decide(values[name])
    return answers[condition, values[name]] if decision is None else decision


def _error(event: _Event, readable: frozenset[str]) -> str | None:
    if event.change.type == "DELETE":
        return None
    if not event.table.key:
        return rows.NO_KEY
    if not all(column.name in readable for column in event.table.key):
        return rows.UNAUTHORIZED
    return None
