"""What a client may do on a private topic, asked of the policies on `realtime.messages` themselves.

A probe message is inserted, looked for in the client's role, and rolled back.
"""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import psycopg
from psycopg_pool import PoolTimeout

from local.realtime.errors import AccessUnknownError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

logger = logging.getLogger(__name__)

BROADCAST: Final = "broadcast"
PRESENCE: Final = "presence"

_PROBE: Final = "insert into realtime.messages (id, topic, extension) values (%s, %s, %s)"
_VISIBLE: Final = "select id::text from realtime.messages where id = any(%s::uuid[])"
_BECOME: Final = """
select
  set_config('role', %(role)s, true),
  set_config('realtime.topic', %(topic)s, true),
  set_config('request.jwt.claims', %(claims)s, true),
  set_config('request.jwt.claim.sub', %(sub)s, true),
  set_config('request.jwt.claim.role', %(role)s, true),
  set_config('request.headers', %(headers)s, true)
"""


@dataclass(frozen=True, slots=True)
class Access:
    """Who wants to use which topic."""

    topic: str
    role: str
    claims: Mapping[str, Any]
    headers: Mapping[str, str]

    def settings(self) -> dict[str, str]:
        """The session settings that policies read."""
        return {
            "role": self.role,
            "topic": self.topic,
            "claims": json.dumps(self.claims),
            "sub": str(self.claims.get("sub") or ""),
            "headers": json.dumps(dict(self.headers)),
        }


class Authorizer(Protocol):
    """Answers which extensions of a topic are granted."""

    async def readable(self, access: Access, extensions: tuple[str, ...]) -> frozenset[str]:
        """The extensions whose messages the client may receive."""

    async def writable(self, access: Access, extensions: tuple[str, ...]) -> frozenset[str]:
        """The extensions whose messages the client may send."""


class PolicyAuthorizer:
    """Asks the database."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

    async def readable(self, access: Access, extensions: tuple[str, ...]) -> frozenset[str]:
        """The extensions whose probe the client's role can see."""
        probes = {str(uuid.uuid4()): extension for extension in extensions}
        try:
            async with self._pool.connection() as connection:
                return await self._probe_read(connection, access, probes)
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise AccessUnknownError from error
        except psycopg.Error as error:
            logger.warning("the policies of %s failed, which refuses: %s", access.topic, error)
            return frozenset()

    async def writable(self, access: Access, extensions: tuple[str, ...]) -> frozenset[str]:
        """The extensions whose probe the client's role can insert."""
        try:
            async with self._pool.connection() as connection:
                return await self._probe_write(connection, access, extensions)
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise AccessUnknownError from error
        except psycopg.Error as error:
            logger.warning("the policies of %s failed, which refuses: %s", access.topic, error)
            return frozenset()

    @staticmethod
    async def _probe_read(
        connection: AsyncConnection, access: Access, probes: dict[str, str]
    ) -> frozenset[str]:
        rows = [(probe, access.topic, extension) for probe, extension in probes.items()]
        async with connection.transaction(force_rollback=True), connection.cursor() as cursor:
            await cursor.executemany(_PROBE, rows)
            await cursor.execute(_BECOME, access.settings())
            await cursor.execute(_VISIBLE, [list(probes)])
            return frozenset(probes[row[0]] for row in await cursor.fetchall())

    @staticmethod
    async def _probe_write(
        connection: AsyncConnection, access: Access, extensions: tuple[str, ...]
    ) -> frozenset[str]:
        granted: set[str] = set()
        async with connection.transaction(force_rollback=True):
            await connection.execute(_BECOME, access.settings())
            for extension in extensions:
                if await _can_insert(connection, access.topic, extension):
                    granted.add(extension)
        return frozenset(granted)


async def _can_insert(connection: AsyncConnection, topic: str, extension: str) -> bool:
    try:
        async with connection.transaction(force_rollback=True):
            await connection.execute(_PROBE, (uuid.uuid4(), topic, extension))
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True
