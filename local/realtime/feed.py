"""The change feed: follows the log of the database and hands on what subscribers may want."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import psycopg

from local.realtime.errors import RealtimeError
from local.realtime.pgoutput import (
    Begin,
    Commit,
    Delete,
    Insert,
    Relation,
    Update,
    parse_message,
    relation_of_change,
)
from local.realtime.replication import ReplicationStream

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from local.realtime.pgoutput import Row

logger = logging.getLogger(__name__)

MESSAGES_PUBLICATION: Final = "supabase_realtime_messages_publication"
CHANGES_PUBLICATION: Final = "supabase_realtime"
FIRST_RETRY: Final = 0.1
LAST_RETRY: Final = 2.0

Change = Insert | Update | Delete


@dataclass(frozen=True, slots=True)
class Transaction:
    """The changes of one commit that somebody subscribed to."""

    xid: int
    committed_at: datetime
    changes: tuple[tuple[Relation, Change], ...]


class MessageSink(Protocol):
    """Takes the rows of `realtime.messages`."""

    def receive(self, relation: Relation, row: Row) -> None:
        """Take a row as it was committed."""


class ChangeSink(Protocol):
    """Takes the changes of the published tables."""

    def wants(self, relation: Relation) -> bool:
        """Whether anybody listens to the table."""

    def describe(self, relation: Relation) -> None:
        """Take the shape of a table, new or changed."""

    def receive(self, transaction: Transaction) -> None:
        """Take a committed transaction."""


class ChangeFeed:
    """Streams while it runs, and reconnects when Postgres comes back.

    As on the platform, what is committed while there is no stream is never delivered.
    """

    def __init__(
        self, dsn: str, messages: MessageSink, changes: ChangeSink, clock: Callable[[], float]
    ) -> None:
        self._dsn = dsn
        self._messages = messages
        self._changes = changes
        self._clock = clock
        self._connected = asyncio.Event()
        self._lost = asyncio.Event()
        self._lost.set()
        self._relations: dict[int, Relation] = {}
        self._begin: Begin | None = None
        self._pending: list[tuple[Relation, Change]] = []

    async def wait_connected(self) -> None:
        """Return once the stream flows."""
        await self._connected.wait()

    async def wait_lost(self) -> None:
        """Return once there is no stream."""
        await self._lost.wait()

    async def run(self) -> None:
        """Follow the log until cancelled."""
        delay = FIRST_RETRY
        while True:
            try:
                await self._follow()
            except (psycopg.Error, RealtimeError) as error:
                log = logger.warning if self._connected.is_set() else logger.info
                log("the change feed lost the database, trying again: %s", error)
                delay = FIRST_RETRY if self._connected.is_set() else min(2 * delay, LAST_RETRY)
            except Exception:
                logger.exception("the change feed failed, trying again")
            self._connected.clear()
            self._lost.set()
            await asyncio.sleep(delay)

    async def _follow(self) -> None:
        slot = f"supabase_realtime_{secrets.token_hex(6)}"
        publications = (MESSAGES_PUBLICATION, CHANGES_PUBLICATION)
        stream = await ReplicationStream.open(self._dsn, publications, slot, self._clock)
        try:
            self._connected.set()
            self._lost.clear()
            self._relations.clear()
            self._pending.clear()
            async for message in stream:
                self._handle(message)
        finally:
            await stream.close()

    def _handle(self, message: bytes) -> None:
        oid = relation_of_change(message)
        if oid is not None and not self._is_wanted(self._relations[oid]):
            return
        match parse_message(message):
            case Begin() as begin:
                self._begin = begin
            case Relation() as relation:
                self._relations[relation.oid] = relation
                self._changes.describe(relation)
            case Insert(relation_oid=oid, new=row) if _holds_messages(self._relations[oid]):
                self._messages.receive(self._relations[oid], row)
            case Insert() | Update() | Delete() as change:
                self._pending.append((self._relations[change.relation_oid], change))
            case Commit():
                self._commit()

    def _is_wanted(self, relation: Relation) -> bool:
        return _holds_messages(relation) or self._changes.wants(relation)

    def _commit(self) -> None:
        if self._pending and self._begin is not None:
            xid, committed_at = self._begin.xid, self._begin.committed_at
            self._changes.receive(Transaction(xid, committed_at, tuple(self._pending)))
            self._pending.clear()


def _holds_messages(relation: Relation) -> bool:
    return relation.schema == "realtime" and (
        relation.name == "messages" or relation.name.startswith("messages_")
    )
