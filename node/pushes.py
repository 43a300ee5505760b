"""What the messages of a node's Realtime topic mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node import stimuli as on
from node.errors import ProtocolError
from node.model import Chunk, NodeSettings
from node.wire import decode

if TYPE_CHECKING:
    from collections.abc import Mapping


def stimulus_of(event: str, payload: Mapping[str, Any], at: float) -> on.Stimulus | None:
    """The stimulus a message stands for; None for an event that this version does not know."""
    match event:
        case "chunks":
            return on.ChunksPushed(at=at, chunks=decode(tuple[Chunk, ...], payload.get("chunks")))
        case "cancel":
            chunk_ids = decode(tuple[str, ...], payload.get("chunk_ids"))
            return on.ChunksCancelled(at=at, chunk_ids=chunk_ids)
        case "claimed":
            return on.Claimed(at=at)
        case "settings":
            return on.SettingsPushed(at=at, settings=_settings(payload))
        case "command":
            return on.CommandPushed(at=at, command=payload)
    return None


def _settings(payload: Mapping[str, Any]) -> NodeSettings | None:
    try:
        return decode(NodeSettings, payload)
    except ProtocolError:
        # the message is a hint: the next heartbeat brings the settings themselves
        return None
