"""Questions to PostgREST, against a scripted server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from node.errors import MissingError, PoolRefusalError, ProtocolError, UnauthorizedError
from node.model import Finished, NodeSettings, Outcome
from node.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = {
    "chunk_id": "c",
    "job_id": "j",
    "config_hash": "h",
    "engine": "combat",
    "seed": -9_223_372_036_854_775_808,
    "seed_offset": 5,
    "iterations": 10,
    "lease_token": "l",
    "lease_expires_at": "2026-01-01T00:00:00+00:00",
}


class Server:
    """Answers with `body` and remembers what it was asked."""

    def __init__(self, body: Any, status: int = 200) -> None:
        self.body, self.status = body, status
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        return httpx.Response(self.status, json=self.body)

    @property
    def asked(self) -> Any:
        """The JSON of the last request."""
        return json.loads(self.requests[-1].content)

    def queries(self) -> Queries:
        """A client of this server that has a token."""
        client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        queries = Queries(client, "http://pool.example", "sb_publishable_x")
        queries.use_token("jwt")
        return queries


async def test_an_exchange_hands_in_and_takes_in_one_call() -> None:
    """Absent fields stay away; big integers stay exact."""
    server = Server(
        {
            "outcomes": [{"chunk_id": "a", "outcome": "rejected", "reason": "range"}],
            "chunks": [CHUNK],
            "cancelled": ["x"],
            "next_poll_ms": 1500,
        }
    )
    finished = Finished("a", "t", "completed", {"iterations": 2**70})
    answer = await server.queries().exchange_chunks([finished], 3, ["r"])
    request = server.requests[0]
    assert request.url == "http://pool.example/rest/v1/rpc/exchange_chunks"
    assert request.headers["authorization"] == "Bearer jwt"
    assert request.headers["apikey"] == "sb_publishable_x"
    assert server.asked == {
        "finished": [
            {
                "chunk_id": "a",
                "lease_token": "t",
                "status": "completed",
                "result": {"iterations": 2**70},
            }
        ],
        "slots": 3,
        "running": ["r"],
    }
    assert answer.outcomes == (Outcome("a", "rejected", "range"),)
    assert answer.chunks[0].seed == -9_223_372_036_854_775_808
    assert answer.chunks[0].lease_expires_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (answer.cancelled, answer.next_poll_ms) == (("x",), 1500)


async def test_an_answer_with_nothing_in_it_is_enough() -> None:
    """Nothing to do costs a few bytes."""
    answer = await Server({}).queries().exchange_chunks([], 1, [])
    assert (answer.outcomes, answer.chunks, answer.cancelled) == ((), (), ())


async def test_a_heartbeat_brings_the_owners_settings() -> None:
    """Unknown fields are left for later versions."""
    server = Server(
        {
            "settings": {"name": "atlas", "max_parallel": 4, "paused": True, "schedule": None},
            "cancelled": [],
            "commands": [{"name": "update"}],
            "lease_expires_at": "2026-01-01T00:00:00Z",
            "server_time": "2026-01-01T00:00:00Z",
        }
    )
    answer = await server.queries().node_heartbeat({"version": "1"})
    assert server.asked == {"status": {"version": "1"}}
    assert answer.settings == NodeSettings(4, "atlas", paused=True)
    assert answer.commands == ({"name": "update"},)


@pytest.mark.parametrize(
    ("rows", "claimed"), [([{"user_id": "u"}], True), ([{"user_id": None}], False), ([], False)]
)
async def test_a_node_with_an_owner_is_claimed(rows: list[dict[str, Any]], claimed: bool) -> None:  # noqa: FBT001
    """The node reads its own row."""
    server = Server(rows)
    assert await server.queries().is_claimed("n") is claimed
    assert dict(server.requests[0].url.params) == {"id": "eq.n", "select": "user_id"}


@pytest.mark.parametrize(
    ("ask", "table", "key", "column"),
    [
        (Queries.config, "sim_configs", "hash", "config_json"),
        (Queries.rotation, "rotation_versions", "checksum", "script"),
    ],
)
async def test_documents_are_read_by_their_hash(
    ask: Callable[[Queries, str], Any], table: str, key: str, column: str
) -> None:
    """One row, one column."""
    server = Server([{column: "text"}])
    assert await ask(server.queries(), "abc") == "text"
    url = server.requests[0].url
    assert url.path == f"/rest/v1/{table}"
    assert dict(url.params) == {key: "eq.abc", "select": column, "limit": "1"}


async def test_a_document_that_is_not_shown_is_missing() -> None:
    """Row level security hides what is not leased to the node."""
    with pytest.raises(MissingError, match="sim_configs with hash abc"):
        await Server([]).queries().config("abc")


@pytest.mark.parametrize("rows", [[{}], [{"config_json": 7}], {"a": 1}, None, "text"])
async def test_an_answer_that_is_no_row_is_a_protocol_error(rows: Any) -> None:
    """Whatever the JSON."""
    with pytest.raises(ProtocolError):
        await Server(rows).queries().config("abc")


@pytest.mark.parametrize(
    "damage",
    [
        {"chunk_id": None},
        {"seed": "x"},
        {"iterations": 1.5},
        {"lease_expires_at": "soon"},
        {"lease_token": 7},
    ],
)
async def test_a_malformed_chunk_is_a_protocol_error(damage: dict[str, Any]) -> None:
    """The message names the field."""
    server = Server({"chunks": [{**CHUNK, **damage}]})
    with pytest.raises(ProtocolError, match=rf"chunks\.0\.{next(iter(damage))}"):
        await server.queries().exchange_chunks([], 1, [])


async def test_an_unknown_outcome_is_a_protocol_error() -> None:
    """A newer server must not be misread."""
    server = Server({"outcomes": [{"chunk_id": "a", "outcome": "maybe"}]})
    with pytest.raises(ProtocolError, match="outcome"):
        await server.queries().exchange_chunks([], 1, [])


async def test_postgrests_errors_keep_message_and_code() -> None:
    """`details` is text there, and an object in the handlers' envelope."""
    body = {"code": "PT409", "message": "not claimed", "details": "x", "hint": None}
    with pytest.raises(PoolRefusalError, match="not claimed") as caught:
        await Server(body, 409).queries().node_heartbeat({})
    assert (caught.value.status, caught.value.code) == (409, "PT409")


async def test_an_expired_token_is_unauthorized() -> None:
    """The state machine then fetches a new one."""
    body = {"code": "PGRST303", "message": "JWT expired", "details": None, "hint": None}
    with pytest.raises(UnauthorizedError, match="JWT expired"):
        await Server(body, 401).queries().node_heartbeat({})


async def test_the_devices_of_the_node_are_rows() -> None:
    """Whose moments stay as the pool writes them: they are compared, not understood."""
    row = {
        "id": "u",
        "device_type": "cpu",
        "device_id": "cpu-0",
        "capacity": 8,
        "status": "not_shared",
        "allocation": {"cores_allocated": 4},
        "allocated_at": "2026-01-01T00:00:00.123456+00:00",
    }
    server = Server([row])
    (unit,) = await server.queries().units()
    assert unit.allocated_at == row["allocated_at"]
    assert not unit.is_shared
    assert server.requests[0].url.path == "/rest/v1/compute_units"
