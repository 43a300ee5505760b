"""Messages sent by the database: rows of `realtime.messages` become broadcasts."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg_pool import PoolTimeout

from local.realtime.errors import JoinRefusedError
from local.realtime.frames import Broadcast
from local.realtime.hub import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from psycopg_pool import AsyncConnectionPool

    from local.realtime.hub import Hub
    from local.realtime.joins import Replay
    from local.realtime.limits import Limits
    from local.realtime.pgoutput import Relation, Row
    from local.realtime.services import Meters

logger = logging.getLogger(__name__)

#: messages of the near future are clock differences, later ones are not looked for
_TOLERATED_DRIFT: Final = timedelta(minutes=1)
_RECENT: Final = """
select id::text, event, payload::text
from realtime.messages
where topic = %(topic)s
  and private
  and extension = 'broadcast'
  and payload is not null
  and event is not null
  and inserted_at >= %(since)s
  and inserted_at < %(until)s
order by inserted_at desc
limit %(limit)s
"""


class DatabaseMessages:
    """Publishes each committed message to the channels of its topic."""

    def __init__(self, hub: Hub, limits: Limits, meters: Meters) -> None:
        self._hub = hub
        self._limits = limits
        self._meters = meters

    def receive(self, relation: Relation, row: Row) -> None:
        """Publish a row; incomplete, too large or too many messages are dropped with a word."""
        names = (column.name for column in relation.columns)
        values = dict(zip(names, row, strict=True))
        broadcast = _broadcast(values)
        topic, private = values.get("topic"), values.get("private")
        if broadcast is None or not isinstance(topic, str) or private is None:
            logger.info("dropped an incomplete message for %s", topic)
        elif broadcast.size > self._limits.broadcast_size:
            logger.warning("dropped a message of %d bytes for %s", broadcast.size, topic)
        elif self._meters.messages.exceeded:
            logger.warning("dropped a message for %s: too many messages per second", topic)
        else:
            self._hub.publish(Topic(topic, private == "t"), broadcast)


class MessageArchive:
    """The messages that a joining client may want again."""

    def __init__(self, pool: AsyncConnectionPool, clock: Callable[[], float]) -> None:
        self._pool = pool
        self._clock = clock

    async def recent(self, topic: str, replay: Replay) -> list[Broadcast]:
        """The messages of a private topic since a moment, oldest first."""
        try:
            rows = await self._fetch(topic, replay)
        except (OverflowError, ValueError, OSError):
            raise JoinRefusedError(
                "UnableToReplayMessages", "Replay params are not valid"
            ) from None
        except (psycopg.Error, PoolTimeout):
            raise JoinRefusedError(
                "UnableToReplayMessages", "Realtime was unable to replay messages"
            ) from None
        return [
            Broadcast(event, payload, {"replayed": True, "id": message_id})
            for message_id, event, payload in reversed(rows)
        ]

    async def _fetch(self, topic: str, replay: Replay) -> list[tuple[str, str, str]]:
        now = datetime.fromtimestamp(self._clock(), UTC) + _TOLERATED_DRIFT
        parameters = {
            "topic": topic,
            "since": datetime.fromtimestamp(replay.since / 1000, UTC).replace(tzinfo=None),
            "until": now.replace(tzinfo=None),
            "limit": replay.limit,
        }
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_RECENT, parameters)
            return await cursor.fetchall()


def _broadcast(values: Mapping[str, object]) -> Broadcast | None:
    event, payload, binary = (values.get(name) for name in ("event", "payload", "binary_payload"))
    meta = {"id": values.get("id")}
    if not isinstance(event, str):
        return None
    if isinstance(binary, str):
        return Broadcast(event, bytes.fromhex(binary.removeprefix("\\x")), meta)
    return Broadcast(event, payload, meta) if isinstance(payload, str) else None
