"""Who listens to which changes of which table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from local.realtime.errors import FilterError, SubscriptionError
from local.realtime.filters import parse_filters

if TYPE_CHECKING:
    from local.realtime.channel import Channel
    from local.realtime.conditions import Condition
    from local.realtime.filters import Filter
    from local.realtime.joins import Binding
    from local.realtime.tokens import Credentials

EVENTS: Final = frozenset({"INSERT", "UPDATE", "DELETE"})
ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Wish:
    """The parsed parameters of one binding."""

    event: str
    schema: str
    table: str
    filters: tuple[Filter, ...]
    select: frozenset[str] | None

    def __str__(self) -> str:
        filters = ", ".join(map(str, self.filters))
        return (
            f"event: {self.event}, schema: {self.schema}, table: {self.table}, "
            f"filters: [{filters}], select: {sorted(self.select) if self.select else None}"
        )


@dataclass(frozen=True, slots=True)
class Viewer:
    """A role with its claims; policies treat all its subscriptions alike."""

    role: str
    #: as JSON
    claims: str

    @classmethod
    def of(cls, credentials: Credentials) -> Self:
        """The viewer behind a token."""
        return cls(credentials.role, json.dumps(credentials.claims, sort_keys=True))


@dataclass(frozen=True, slots=True, eq=False)
class Subscription:
    """One binding of a channel on one table."""

    binding_id: int
    channel: Channel
    viewer: Viewer
    table_oid: int
    event: str
    conditions: tuple[Condition, ...]
    select: frozenset[str] | None


class Subscriptions:
    """All subscriptions, by table and by channel."""

    def __init__(self) -> None:
        self._by_table: dict[int, dict[Subscription, None]] = {}
        self._by_channel: dict[Channel, list[Subscription]] = {}

    def __contains__(self, table_oid: int) -> bool:
        return table_oid in self._by_table

    def replace(self, channel: Channel, subscriptions: list[Subscription]) -> None:
        """Serve these subscriptions of a channel instead of its former ones."""
        self.remove(channel)
        self._by_channel[channel] = subscriptions
        for entry in subscriptions:
            self._by_table.setdefault(entry.table_oid, {})[entry] = None

    def remove(self, channel: Channel) -> None:
        """Forget a channel."""
        for entry in self._by_channel.pop(channel, ()):
            del self._by_table[entry.table_oid][entry]
            if not self._by_table[entry.table_oid]:
                del self._by_table[entry.table_oid]

    def interested(self, table_oid: int, event: str) -> list[Subscription]:
        """The subscriptions to an event of a table."""
        return [entry for entry in self._by_table.get(table_oid, ()) if entry.event in {ANY, event}]


def parse_wish(binding: Binding) -> Wish:
    """Read the parameters of a binding."""
    params = binding.params
    schema, table = _tables(params)
    event = str(params.get("event", ANY)).upper()
    select = _select(params.get("select"))
    if select is not None and ANY in {schema, table}:
        raise SubscriptionError(
            "Column selection is not supported for wildcard subscriptions. "
            "Provide an explicit schema and table name."
        )
    try:
        filters = parse_filters(_filter_text(params))
    except FilterError as error:
        raise SubscriptionError(f"Error parsing `filter` params: {error}") from None
    return Wish(event if event in EVENTS else ANY, schema, table, filters, select)


def _tables(params: dict[str, Any]) -> tuple[str, str]:
    schema, table = params.get("schema"), params.get("table")
    named = [name for name in (schema, table) if name is not None]
    if not named or not all(isinstance(name, str) for name in named):
        raise SubscriptionError(
            "No subscription params provided. Please provide at least a `schema` or `table` "
            f"to subscribe to: {json.dumps(params)}"
        )
    return schema or "public", table or ANY


def _filter_text(params: dict[str, Any]) -> str:
    text = params.get("filter", "")
    if not isinstance(text, str):
        raise SubscriptionError(f"Error parsing `filter` params: {json.dumps(text)}")
    return text


def _select(value: Any) -> frozenset[str] | None:
    if isinstance(value, str):
        raise SubscriptionError(
            "Error parsing `select` params: expected a list of column name strings, "
            'e.g. select: ["col1", "col2"]'
        )
    names = [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
    return frozenset(names) or None
