"""What a client asks for when it joins a channel. Pure parsing of the `phx_join` payload."""

from __future__ import annotations

import json
import uuid
import zlib
from dataclasses import dataclass
from typing import Any, Final

from local.realtime.errors import JoinRefusedError

TOPIC_PREFIX: Final = "realtime:"
LONGEST_REPLAY: Final = 25
_TRUTH: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Replay:
    """Old messages the client wants again."""

    since: int
    limit: int


@dataclass(frozen=True, slots=True)
class Binding:
    """One Postgres Changes subscription, as the client wrote it."""

    params: dict[str, Any]

    @property
    def id(self) -> int:
        """A number that is the same for the same parameters, and never zero."""
        return zlib.crc32(json.dumps(self.params, sort_keys=True).encode()) + 1

    def echo(self) -> dict[str, Any]:
        """What the client compares with its own list."""
        return {**self.params, "id": self.id}


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """The parsed payload of `phx_join`."""

    token: str | None
    private: bool
    ack: bool
    echo: bool
    presence_enabled: bool
    presence_key: str
    replay: Replay | None
    replication_ready: bool
    bindings: tuple[Binding, ...]


def sub_topic(topic: str) -> str:
    """The name behind `realtime:`."""
    name = topic.removeprefix(TOPIC_PREFIX)
    if not name:
        raise JoinRefusedError("TopicNameRequired", "You must provide a topic name")
    return name


def parse_join(payload: Any) -> JoinRequest:
    """Read a `phx_join` payload; what has the wrong type counts as absent, as on the platform."""
    body = _mapping(payload)
    config = _mapping(body.get("config"))
    broadcast, presence = _mapping(config.get("broadcast")), _mapping(config.get("presence"))
    token = body.get("access_token") or body.get("user_token")
    return JoinRequest(
        token=token if isinstance(token, str) else None,
        private=_truth(config.get("private")),
        ack=_truth(broadcast.get("ack")),
        echo=_truth(broadcast.get("self")),
        presence_enabled=_truth(presence.get("enabled")),
        presence_key=str(presence.get("key") or uuid.uuid4()),
        replay=_replay(broadcast),
        replication_ready=_truth(broadcast.get("replication_ready")),
        bindings=_bindings(config.get("postgres_changes")),
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _truth(value: Any) -> bool:
    return _TRUTH.get(value.lower(), False) if isinstance(value, str) else value is True


def _replay(broadcast: dict[str, Any]) -> Replay | None:
    if not isinstance(broadcast.get("replay"), dict):
        return None
    since = broadcast["replay"].get("since")
    limit = broadcast["replay"].get("limit") or LONGEST_REPLAY
    if not _is_count(since) or not _is_count(limit):
        raise JoinRefusedError("UnableToReplayMessages", "Replay params are not valid")
    return Replay(since, max(1, min(limit, LONGEST_REPLAY)))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _bindings(value: Any) -> tuple[Binding, ...]:
    entries = value if isinstance(value, list) else []
    return tuple(Binding(entry) for entry in entries if isinstance(entry, dict))
