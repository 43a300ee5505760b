"""Runs an operation as the caller: role, claims and settings hold for one transaction only."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import AsyncRawCursor

from local.rest.errors import max_affected_exceeded, not_single
from local.rest.operation import MAX_ROWS, Command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from psycopg import AsyncConnection

    from local.context import Identity
    from local.rest.operation import Operation
    from local.rest.request import Request
    from local.rest.schema import Schema

    Connection = AsyncConnection[Any]

_COMMIT = Command(b"commit", ())
_LIMITED = frozenset({"update", "delete", "call"})
_ISOLATION = "default_transaction_isolation"
_ISOLATION_LEVELS = frozenset({"read committed", "repeatable read", "serializable"})


@dataclass(frozen=True, slots=True)
class Result:
    """The row that an operation answers with."""

    total: int | None
    rows: int
    body: bytes
    headers: bytes | None
    status: bytes | None
    inserted: int | None
    location: bytes | None


@dataclass(frozen=True, slots=True)
class Transaction:
    """How a transaction begins, before its statement."""

    begin: bytes
    settings: Command


def transaction_for(
    schema: Schema,
    request: Request,
    identity: Identity,
    operation: Operation,
    search_path: str,
) -> Transaction:
    """The transaction that an operation needs to run as its caller.

    The settings of the role come before the role: the login role may set more than the other.
    """
    role_settings = schema.role_settings.get(identity.role, ())
    claims = {**identity.claims, "role": identity.role}
    headers = {name: value for name, value in request.headers.items() if name != "cookie"}
    settings = [
        ("search_path", search_path),
        *role_settings,
        ("role", identity.role),
        ("request.jwt.claims", _json(claims)),
        ("request.method", request.method),
        ("request.path", request.path),
        ("request.headers", _json(headers)),
        ("request.cookies", _json(_cookies(request.headers.get("cookie", "")))),
    ]
    if operation.preferences.timezone is not None:
        settings.append(("timezone", operation.preferences.timezone))
    settings += operation.settings
    isolation = dict([*role_settings, *operation.settings]).get(_ISOLATION, "")
    return Transaction(_begin(isolation, read_only=operation.read_only), _set_config(settings))


async def run(connection: Connection, transaction: Transaction, operation: Operation) -> Result:
    """Run an operation, in one round trip if nothing but its success decides on the commit."""
    commands = [Command(transaction.begin, ()), transaction.settings, operation.command]
    if operation.explain is not None:
        commands.append(operation.explain)
    if not operation.checks_result:
        commands.append(_COMMIT)
    async with _rolled_back_on_error(connection):
        cursors = [AsyncRawCursor(connection) for _ in commands]
        async with connection.pipeline():
            for cursor, command in zip(cursors, commands, strict=True):
                await cursor.execute(command.text, command.parameters)
        result = _result(cursors[2])
        if operation.explain is not None:
            result = _with_estimate(result, operation, _rows_expected(cursors[3]))
        if operation.checks_result:
            _check(operation, result)
            await _finish(connection, operation)
    return result


@contextlib.asynccontextmanager
async def _rolled_back_on_error(connection: Connection) -> AsyncIterator[None]:
    """Begin and commit are ours to say, and what fails leaves nothing open."""
    await connection.set_autocommit(True)
    try:
        yield
    except BaseException:
        # A connection that is lost has nothing open; what is told is how it was lost.
        with contextlib.suppress(psycopg.Error):
            await connection.rollback()
        raise


def _result(cursor: AsyncRawCursor[Any]) -> Result:
    answer = cursor.pgresult
    if answer is None or answer.ntuples != 1:
        raise psycopg.InterfaceError("the answer has to be one row")
    total, rows, body, headers, status, inserted, location = (
        answer.get_value(0, column) for column in range(7)
    )
    return Result(
        total=None if total is None else int(total),
        rows=int(rows or 0),
        body=body or b"",
        headers=headers,
        status=status,
        inserted=None if inserted is None else int(inserted),
        location=location,
    )


def _rows_expected(cursor: AsyncRawCursor[Any]) -> int:
    plan = b"[]" if cursor.pgresult is None else cursor.pgresult.get_value(0, 0)
    return int(json.loads(plan or b"[]")[0]["Plan"]["Plan Rows"])


def _with_estimate(result: Result, operation: Operation, expected: int) -> Result:
    """What the planner expects; an estimate is exact as long as there are few rows."""
    if operation.preferences.count == "planned" or result.total is None:
        return replace(result, total=expected)
    if result.total <= MAX_ROWS:
        return result
    return replace(result, total=max(result.total, expected))


def _check(operation: Operation, result: Result) -> None:
    if operation.media.single and result.rows != 1:
        raise not_single(result.rows)
    limit = operation.preferences.strict_limit
    if limit is not None and operation.kind in _LIMITED and result.rows > limit:
        raise max_affected_exceeded(result.rows)


async def _finish(connection: Connection, operation: Operation) -> None:
    if operation.preferences.transaction == "rollback":
        await connection.execute("set constraints all immediate")
        await connection.execute("rollback")
    else:
        await connection.execute("commit")


def _begin(isolation: str, *, read_only: bool) -> bytes:
    level = isolation if isolation in _ISOLATION_LEVELS else "read committed"
    mode = "read only" if read_only else "read write"
    return f"begin isolation level {level} {mode}".encode()


def _set_config(settings: Iterable[tuple[str, str]]) -> Command:
    parameters = tuple(text for setting in settings for text in setting)
    return Command(_set_config_text(len(parameters) // 2), parameters)


@lru_cache(maxsize=64)
def _set_config_text(count: int) -> bytes:
    calls = (f"set_config(${2 * n + 1}, ${2 * n + 2}, true)" for n in range(count))
    return f"select {', '.join(calls)}".encode()


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _cookies(header: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return {name: value for name, _, value in pairs if name}
