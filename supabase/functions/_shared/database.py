"""The database as the handlers see it: a few SQL functions, called as a role, in transactions."""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Protocol

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from pydantic.alias_generators import to_camel

from _shared.errors import HandlerError, ServerError, UnavailableError, refusal, status_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from contextlib import AbstractAsyncContextManager

STATEMENT_TIMEOUT_MS: Final = 8000
CONNECT_TIMEOUT_SECONDS: Final = 3
WAIT_SECONDS: Final = 3.0
# Classes of SQLSTATE: connection, resources, operator intervention, lock conflict, serialization.
_PASSING: Final = ("08", "53", "57", "55P03", "40")


@dataclass(frozen=True, slots=True)
class Actor:
    """Whom a transaction acts for: a role, and the claims that policies read."""

    role: str
    claims: Mapping[str, Any]


SERVICE: Final = Actor("service_role", {"role": "service_role"})


class Transaction(Protocol):
    """What a handler can do inside one transaction."""

    async def call(self, function: str, /, **arguments: Any) -> Any:
        """Return the answer of a SQL function as JSON; arguments go by name."""

    async def become(self, actor: Actor) -> None:
        """Make what follows in this transaction act for somebody else."""


class Database(Protocol):
    """The seam between the handlers and Postgres."""

    def transaction(self, actor: Actor) -> AbstractAsyncContextManager[Transaction]:
        """Run calls as this actor; commits on success, rolls back when anything is raised."""

    async def ping(self) -> float:
        """Return how many milliseconds an answer takes; raises UnavailableError."""

    async def open(self) -> None:
        """Start connecting; does not wait for the database."""

    async def close(self) -> None:
        """Return every connection."""


class PostgresTransaction:
    """One open transaction of a pooled connection."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def call(self, function: str, /, **arguments: Any) -> Any:
        """Return the answer of a SQL function as JSON; a row becomes an object."""
        named = [
            sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
            for name in arguments
        ]
        query = sql.SQL("select to_jsonb(answer) from {}({}) as answer").format(
            sql.Identifier(*function.split(".")), sql.SQL(", ").join(named)
        )
        values = {name: _adapt(value) for name, value in arguments.items()}
        cursor = await self._connection.execute(query, values)
        row = await cursor.fetchone()
        return row[0] if row else None

    async def become(self, actor: Actor) -> None:
        """Make what follows in this transaction act for somebody else."""
        await _become(self._connection, actor)


class PostgresDatabase:
    """A pool of connections that survives a database which comes and goes."""

    def __init__(self, dsn: str, *, size: int = 8) -> None:
        self._pool = AsyncConnectionPool(
            dsn,
            kwargs={
                "autocommit": True,
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                # A transaction pooler between us and Postgres does not know our statements.
                "prepare_threshold": None,
                "application_name": "simpool-functions",
            },
            min_size=1,
            max_size=size,
            open=False,
            name="functions",
            timeout=WAIT_SECONDS,
            # Give up soon: the next request tries again at once, and not after a long back-off.
            reconnect_timeout=WAIT_SECONDS,
            check=AsyncConnectionPool.check_connection,
        )

    async def open(self) -> None:
        """Start connecting; does not wait for the database."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Return every connection."""
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self, actor: Actor) -> AsyncIterator[Transaction]:
        """Run calls as this actor, in the shape in which PostgREST runs them."""
        with _translated():
            async with self._pool.connection() as connection, connection.transaction():
                await _become(connection, actor)
                yield PostgresTransaction(connection)

    async def ping(self) -> float:
        """Return how many milliseconds `select 1` takes."""
        with _translated():
            async with self._pool.connection() as connection:
                started = time.perf_counter()
                await connection.execute("select 1")
                return (time.perf_counter() - started) * 1000


async def _become(connection: psycopg.AsyncConnection[Any], actor: Actor) -> None:
    await connection.execute(
        "select set_config('statement_timeout', %s, true),"
        " set_config('role', %s, true),"
        " set_config('request.jwt.claims', %s, true)",
        (str(STATEMENT_TIMEOUT_MS), actor.role, json.dumps(dict(actor.claims))),
    )


def _adapt(value: Any) -> Any:
    if isinstance(value, dict | list):
        return Jsonb(value)
    # Postgres takes a numeric for any number, but a double precision for no numeric.
    return Decimal(repr(value)) if isinstance(value, float) else value


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error


def translate(error: psycopg.Error) -> HandlerError:
    """Return the answer for an error of the database."""
    state = error.sqlstate or ""
    if state.startswith("PT") and state[2:].isdecimal():
        return _raised(int(state[2:]), error)
    if isinstance(error, psycopg.OperationalError) and not state:
        return UnavailableError("The database does not answer.")
    if state.startswith(_PASSING):
        return UnavailableError("The database is busy; try again shortly.")
    return ServerError()


def _raised(status: int, error: psycopg.Error) -> HandlerError:
    details = _details(error.diag.message_detail)
    if error.diag.message_hint:
        details.setdefault("hint", error.diag.message_hint)
    return refusal(status, error.diag.message_primary, details)


def _details(text: str | None) -> dict[str, Any]:
    try:
        details = json.loads(text or "{}")
    except ValueError:
        return {"reason": text}
    if not isinstance(details, dict):
        return {"reason": details}
    fields = details.pop("fields", {})
    named = {to_camel(name): problem for name, problem in fields.items()}
    return {key: value for key, value in details.items() if key != "code"} | named


def unwrap(answer: Any) -> Any:
    """Return a function's answer; raises when the answer is itself an error envelope.

    A function that must remember a refusal (a counted attempt) cannot raise it, because raising
    rolls back. Call this after the transaction has committed.
    """
    if not isinstance(answer, dict) or answer.get("success") is not False:
        return answer
    raise refusal(status_of(answer.get("code")), answer.get("error"), answer.get("details"))
