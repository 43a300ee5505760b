"""The replication stream, byte by byte."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.realtime.errors import MalformedReplicationMessageError
from local.realtime.pgoutput import (
    UNCHANGED,
    Begin,
    Column,
    Commit,
    Delete,
    Ignored,
    Insert,
    Keepalive,
    Relation,
    Truncate,
    Update,
    WalData,
    parse_message,
    parse_stream,
    relation_of_change,
    standby_status,
)

MOMENT = datetime(2026, 11, 21, 1, 2, 3, 456789, tzinfo=UTC)
MICROSECONDS = (MOMENT - datetime(2000, 1, 1, tzinfo=UTC)).days * 86_400_000_000 + 3_723_456_789


def texts(*values: str | None) -> bytes:
    """A row in text format."""
    return struct.pack("!h", len(values)) + b"".join(
        b"n" if value is None else b"t" + struct.pack("!i", len(value.encode())) + value.encode()
        for value in values
    )


def test_wal_data_is_unwrapped() -> None:
    """The message follows two positions and a time."""
    block = b"w" + struct.pack("!qqq", 10, 20, 0) + b"payload"
    assert parse_stream(block) == WalData(10, 20, b"payload")


@pytest.mark.parametrize("wanted", [True, False])
def test_keepalives_may_ask_for_an_answer(wanted: bool) -> None:  # noqa: FBT001
    """The last byte says whether."""
    block = b"k" + struct.pack("!qqB", 20, 0, wanted)
    assert parse_stream(block) == Keepalive(20, reply_requested=wanted)


def test_a_transaction_begins_and_ends() -> None:
    """Times count microseconds since 2000."""
    begin = b"B" + struct.pack("!qqI", 7, MICROSECONDS, 99)
    assert parse_message(begin) == Begin(7, MOMENT, 99)
    commit = b"C" + struct.pack("!Bqqq", 0, 7, 8, MICROSECONDS)
    assert parse_message(commit) == Commit(7, 8, MOMENT)


def test_a_relation_names_its_columns() -> None:
    """Flags mark the replica identity; an empty schema is pg_catalog."""
    columns = b"\x01id\0" + struct.pack("!Ii", 23, -1) + b"\x00body\0" + struct.pack("!Ii", 25, -1)
    message = b"R" + struct.pack("!I", 16384) + b"public\0notes\0d" + struct.pack("!h", 2) + columns
    assert parse_message(message) == Relation(
        16384,
        "public",
        "notes",
        "d",
        (Column("id", 23, is_identity=True), Column("body", 25, is_identity=False)),
    )


def test_an_insert_has_the_new_row() -> None:
    """Null is not the empty text."""
    message = b"I" + struct.pack("!I", 5) + b"N" + texts("1", None, "")
    assert parse_message(message) == Insert(5, ("1", None, ""))


@pytest.mark.parametrize(("kind", "old"), [(b"", None), (b"K", ("1",)), (b"O", ("1",))])
def test_an_update_may_have_the_old_row(kind: bytes, old: tuple[str, ...] | None) -> None:
    """Its key when that changed, all of it with a full replica identity."""
    before = kind + texts(*old) if old else b""
    message = b"U" + struct.pack("!I", 5) + before + b"N" + texts("2")
    assert parse_message(message) == Update(5, old, ("2",))


def test_an_untouched_large_column_is_marked() -> None:
    """It is neither null nor text."""
    message = b"U" + struct.pack("!I", 5) + b"N" + struct.pack("!h", 1) + b"u"
    assert parse_message(message) == Update(5, None, (UNCHANGED,))


def test_a_delete_has_the_old_identity() -> None:
    """The key, or everything."""
    for kind in (b"K", b"O"):
        message = b"D" + struct.pack("!I", 5) + kind + texts("1")
        assert parse_message(message) == Delete(5, ("1",))


def test_a_truncate_names_its_tables() -> None:
    """One message for all of them."""
    message = b"T" + struct.pack("!iBII", 2, 0, 5, 6)
    assert parse_message(message) == Truncate((5, 6))


@pytest.mark.parametrize("kind", ["O", "Y", "M"])
def test_what_carries_no_change_is_ignored(kind: str) -> None:
    """Origins, types and logical messages."""
    assert parse_message(kind.encode() + b"anything") == Ignored(kind)


def test_the_table_of_a_change_is_known_without_parsing_it() -> None:
    """Rows nobody wants cost four bytes."""
    for kind in (b"I", b"U", b"D"):
        assert relation_of_change(kind + struct.pack("!I", 5) + b"garbage") == 5
    assert relation_of_change(b"C" + struct.pack("!I", 5)) is None
    assert relation_of_change(b"") is None


def test_feedback_repeats_the_position() -> None:
    """Written, flushed and applied are one for us."""
    assert standby_status(77, MOMENT.timestamp()) == b"r" + struct.pack(
        "!qqqqB", 77, 77, 77, MICROSECONDS, 0
    )


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"I",
        b"I\0\0\0\5X",
        b"I\0\0\0\5N\0\1t\0\0\0\5ab",
        b"I\0\0\0\5N\0\1t\xff\xff\xff\xffab",
        b"I\0\0\0\5N\0\1b\0\0\0\1a",
        b"U\0\0\0\5X",
        b"R\0\0\0\5public",
    ],
)
def test_a_broken_message_is_malformed(message: bytes) -> None:
    """Only the domain's error leaves the parser."""
    with pytest.raises(MalformedReplicationMessageError):
        parse_message(message)


@given(st.binary(max_size=40), st.sampled_from("BCRIUDT"))
def test_no_bytes_break_the_parser(body: bytes, kind: str) -> None:
    """Whatever arrives, there is a message or an error that says so."""
    try:
        parse_message(kind.encode() + body)
    except MalformedReplicationMessageError:
        return


def test_an_unknown_block_is_malformed() -> None:
    """The stream knows two kinds of blocks."""
    with pytest.raises(MalformedReplicationMessageError):
        parse_stream(b"x")
