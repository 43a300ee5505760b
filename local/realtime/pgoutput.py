"""The messages of Postgres' logical replication stream (plugin pgoutput, protocol version 1).

Pure functions from bytes to dataclasses: reading the socket is the business of `replication`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

from local.realtime.errors import MalformedReplicationMessageError

if TYPE_CHECKING:
    from collections.abc import Callable

POSTGRES_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_UNIX_SECONDS_OF_EPOCH: Final = int(POSTGRES_EPOCH.timestamp())
_ROW_MESSAGES: Final = b"IUD"


class Unchanged(Enum):
    """The value of a large column that an update did not touch and Postgres did not send."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
Value = str | None | Unchanged
Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The server's heartbeat; it may ask for an answer at once."""

    wal_end: int
    reply_requested: bool


@dataclass(frozen=True, slots=True)
class WalData:
    """One message of the plugin, wrapped in its position."""

    wal_start: int
    wal_end: int
    message: bytes


@dataclass(frozen=True, slots=True)
class Begin:
    """A committed transaction follows."""

    final_lsn: int
    committed_at: datetime
    xid: int


@dataclass(frozen=True, slots=True)
class Commit:
    """The transaction is complete."""

    commit_lsn: int
    end_lsn: int
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a published table."""

    name: str
    type_oid: int
    is_identity: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A published table, sent before its first change and after each change of its shape."""

    oid: int
    schema: str
    name: str
    replica_identity: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Insert:
    """A new row."""

    relation_oid: int
    new: Row


@dataclass(frozen=True, slots=True)
class Update:
    """A changed row; `old` holds the previous identity where Postgres logged it."""

    relation_oid: int
    old: Row | None
    new: Row


@dataclass(frozen=True, slots=True)
class Delete:
    """A deleted row, known by its replica identity."""

    relation_oid: int
    old: Row


@dataclass(frozen=True, slots=True)
class Truncate:
    """Tables that were emptied."""

    relation_oids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that carries nothing for subscribers (origins, types, logical messages)."""

    kind: str


Message = Begin | Commit | Relation | Insert | Update | Delete | Truncate | Ignored


class _Reader:
    """A cursor over one message."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self._position = position

    def unpack(self, layout: str) -> tuple[int, ...]:
        """Read the integers of a struct layout."""
        try:
            values = struct.unpack_from("!" + layout, self._data, self._position)
        except struct.error as error:
            raise MalformedReplicationMessageError from error
        self._position += struct.calcsize("!" + layout)
        return values

    def take(self, size: int) -> bytes:
        """Read exactly that many bytes."""
        end = self._position + size
        if size < 0 or end > len(self._data):
            raise MalformedReplicationMessageError
        chunk = self._data[self._position : end]
        self._position = end
        return chunk

    def character(self) -> str:
        """Read one ASCII character."""
        return self.take(1).decode("latin-1")

    def string(self) -> str:
        """Read a zero-terminated string."""
        end = self._data.find(b"\0", self._position)
        if end < 0:
            raise MalformedReplicationMessageError
        text = self.take(end - self._position).decode()
        self._position += 1
        return text

    def row(self) -> Row:
        """Read the values of one row in text format."""
        (count,) = self.unpack("h")
        return tuple(self._value() for _ in range(count))

    def _value(self) -> Value:
        kind = self.character()
        if kind == "t":
            (size,) = self.unpack("i")
            return self.take(size).decode()
        if kind == "n":
            return None
        if kind == "u":
            return UNCHANGED
        raise MalformedReplicationMessageError


def parse_stream(data: bytes) -> Keepalive | WalData:
    """Parse one CopyData block of the replication stream."""
    reader = _Reader(data)
    kind = reader.character()
    if kind == "k":
        wal_end, _, reply = reader.unpack("qqB")
        return Keepalive(wal_end, reply_requested=bool(reply))
    if kind == "w":
        wal_start, wal_end, _ = reader.unpack("qqq")
        return WalData(wal_start, wal_end, data[25:])
    raise MalformedReplicationMessageError


def relation_of_change(message: bytes) -> int | None:
    """Return the table of a row message without parsing the row, None for other messages."""
    if not message or message[:1] not in _ROW_MESSAGES:
        return None
    (oid,) = _Reader(message, 1).unpack("I")
    return oid


def parse_message(message: bytes) -> Message:
    """Parse one message of the plugin."""
    reader = _Reader(message)
    kind = reader.character()
    parser = _PARSERS.get(kind)
    try:
        return Ignored(kind) if parser is None else parser(reader)
    except (UnicodeDecodeError, OverflowError) as error:
        raise MalformedReplicationMessageError from error


def standby_status(position: int, now: float) -> bytes:
    """Build the feedback that lets the server forget its log up to a position."""
    microseconds = int((now - _UNIX_SECONDS_OF_EPOCH) * 1_000_000)
    return struct.pack("!cqqqqB", b"r", position, position, position, microseconds, 0)


def _moment(microseconds: int) -> datetime:
    return POSTGRES_EPOCH + timedelta(microseconds=microseconds)


def _begin(reader: _Reader) -> Begin:
    final_lsn, committed_at, xid = reader.unpack("qqI")
    return Begin(final_lsn, _moment(committed_at), xid)


def _commit(reader: _Reader) -> Commit:
    _, commit_lsn, end_lsn, committed_at = reader.unpack("Bqqq")
    return Commit(commit_lsn, end_lsn, _moment(committed_at))


def _relation(reader: _Reader) -> Relation:
    (oid,) = reader.unpack("I")
    schema, name, identity = reader.string(), reader.string(), reader.character()
    (count,) = reader.unpack("h")
    columns = tuple(_column(reader) for _ in range(count))
    return Relation(oid, schema or "pg_catalog", name, identity, columns)


def _column(reader: _Reader) -> Column:
    (flags,) = reader.unpack("B")
    name = reader.string()
    type_oid, _ = reader.unpack("Ii")
    return Column(name, type_oid, is_identity=bool(flags & 1))


def _insert(reader: _Reader) -> Insert:
    (oid,) = reader.unpack("I")
    _expect(reader, "N")
    return Insert(oid, reader.row())


def _update(reader: _Reader) -> Update:
    (oid,) = reader.unpack("I")
    kind = reader.character()
    old = None
    if kind in {"K", "O"}:
        old = reader.row()
        kind = reader.character()
    if kind != "N":
        raise MalformedReplicationMessageError
    return Update(oid, old, reader.row())


def _delete(reader: _Reader) -> Delete:
    (oid,) = reader.unpack("I")
    _expect(reader, "KO")
    return Delete(oid, reader.row())


def _truncate(reader: _Reader) -> Truncate:
    count, _ = reader.unpack("iB")
    return Truncate(reader.unpack(f"{count}I"))


def _expect(reader: _Reader, kinds: str) -> None:
    if reader.character() not in kinds:
        raise MalformedReplicationMessageError


_PARSERS: Final[dict[str, Callable[[_Reader], Message]]] = {
    "B": _begin,
    "C": _commit,
    "R": _relation,
    "I": _insert,
    "U": _update,
    "D": _delete,
    "T": _truncate,
}
