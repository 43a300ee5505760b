"""The way of one committed transaction to its subscribers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.realtime import conditions, rows
from local.realtime.visibility import await_transaction, visible_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import AsyncConnection

    from local.realtime.channel import Channel
    from local.realtime.conditions import Condition
    from local.realtime.feed import Transaction
    from local.realtime.rows import RowChange
    from local.realtime.subscriptions import Subscription, Subscriptions, Viewer
    from local.realtime.tables import Table, Tables


@dataclass(frozen=True, slots=True)
class _Event:
    """One change of a transaction and those who may hear of it if policies agree."""

    table: Table
    change: RowChange
    audience: list[Subscription]


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
        await await_transaction(self._connection, self._transaction.xid)
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
        ids: dict[tuple[Channel, str, frozenset[str] | None], list[int]] = defaultdict(list)
        for entry in audience:
            ids[entry.channel, entry.viewer.role, entry.select].append(entry.binding_id)
        data: dict[tuple[str, frozenset[str] | None], dict[str, Any]] = {}
        for (channel, role, select), numbers in ids.items():
            key = (role, select)
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
