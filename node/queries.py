"""Typed questions to the database through PostgREST, asked with the node's token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from node.errors import MissingError, ProtocolError
from node.http import read_json, send
from node.model import ExchangeAnswer, Finished, HeartbeatAnswer, Unit
from node.wire import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import httpx

UNIT_COLUMNS: Final = "id,device_type,device_id,capacity,status,allocation,allocated_at"


class Queries:
    """What a node asks Postgres. `use_token` must come first."""

    def __init__(self, client: httpx.AsyncClient, url: str, publishable_key: str) -> None:
        self._client = client
        self._url = f"{url}/rest/v1"
        self._headers = {"apikey": publishable_key}

    def use_token(self, token: str) -> None:
        """Ask as the node of this token from now on."""
        self._headers["authorization"] = f"Bearer {token}"

    async def exchange_chunks(
        self, finished: Iterable[Finished], slots: int, running: Sequence[str]
    ) -> ExchangeAnswer:
        """Hand in what ended, take what is next: the hot call."""
        arguments = {
            "finished": [item.to_json() for item in finished],
            "slots": slots,
            "running": running,
        }
        return decode(ExchangeAnswer, await self._call("exchange_chunks", arguments))

    async def node_heartbeat(self, status: Mapping[str, Any]) -> HeartbeatAnswer:
        """Say that the node lives; hear what its owner has set."""
        return decode(HeartbeatAnswer, await self._call("node_heartbeat", {"status": status}))

    async def is_claimed(self, node_id: str) -> bool:
        """Whether the node has an owner."""
        rows = await self._select("nodes", {"id": f"eq.{node_id}", "select": "user_id"})
        return bool(rows) and rows[0].get("user_id") is not None

    async def units(self) -> tuple[Unit, ...]:
        """The devices of this node as its owner shares them."""
        query = {"select": UNIT_COLUMNS, "order": "device_type,device_id"}
        return decode(tuple[Unit, ...], await self._select("compute_units", query))

    async def config(self, config_hash: str) -> str:
        """The text of a config by its hash."""
        return await self._text("sim_configs", "hash", config_hash, "config_json")

    async def rotation(self, checksum: str) -> str:
        """The script of a rotation by its checksum."""
        return await self._text("rotation_versions", "checksum", checksum, "script")

    async def _text(self, table: str, key: str, value: str, column: str) -> str:
        rows = await self._select(table, {key: f"eq.{value}", "select": column, "limit": "1"})
        if not rows:
            raise MissingError(f"the pool shows no {table} with {key} {value}")
        text = rows[0].get(column)
        if not isinstance(text, str):
            raise ProtocolError(f"the pool's {table} have no {column}")
        return text

    async def _select(self, table: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        request = self._client.build_request(
            "GET", f"{self._url}/{table}", params=query, headers=self._headers
        )
        return decode(list[dict[str, Any]], read_json(await send(self._client, request)))

    async def _call(self, function: str, arguments: Mapping[str, Any]) -> Any:
        request = self._client.build_request(
            "POST",
            f"{self._url}/rpc/{function}",
            content=json.dumps(arguments, separators=(",", ":")).encode(),
            headers={**self._headers, "content-type": "application/json"},
        )
        return read_json(await send(self._client, request))
