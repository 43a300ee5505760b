"""A node's calls: register, get a token, leave; and all that is refused without a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.unit.functions.support import NODE_KEY

if TYPE_CHECKING:
    import httpx

    from tests.databases import TestDatabase
    from tests.unit.functions.support import Handlers

REGISTER = "/functions/v1/node-register"
TOKEN = "/functions/v1/node-token"
UNREGISTER = "/functions/v1/node-unregister"
MACHINE: dict[str, Any] = {
    "hostname": "atlas",
    "totalCores": 8,
    "enabledCores": 4,
    "version": "0.1.0",
    "platform": "linux-x86_64",
    "machineId": "m-1",
    "hardware": {"cpus": [{"name": "fast", "cores": 8}]},
}
ALPHABET = set("ABCDEFGHJKLMNPQRSTUVWXYZ23456789")


def rows(database: TestDatabase, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return what the database holds."""
    return database.connect_as_admin().execute(query.encode(), values).fetchall()


def trace(database: TestDatabase) -> list[tuple[Any, ...]]:
    """Return all that a node's call can change, but for counted requests."""
    return rows(
        database,
        "select (select jsonb_agg(to_jsonb(n) order by n.id) from public.nodes n),"
        " (select jsonb_agg(to_jsonb(n) order by n.nonce) from private.nonces n)",
    )


async def register(handlers: Handlers, **changes: Any) -> httpx.Response:
    """Register the node."""
    response = await handlers.signed(REGISTER, MACHINE | changes)
    assert response.is_success, response.text
    return response


async def test_first_registration(handlers: Handlers, database: TestDatabase) -> None:
    """A new key becomes a pending node with a claim code, and the machine is kept."""
    response = await register(handlers)
    assert response.status_code == 201
    body = response.json()
    assert len(body["claimCode"]) == 6
    assert set(body["claimCode"]) <= ALPHABET
    [kept] = rows(
        database,
        "select id::text, public_key, status, user_id, hostname, total_cores, max_parallel,"
        " claim_code, hardware, extract(epoch from claim_code_expires_at - now())"
        " from public.nodes",
    )
    assert kept[:8] == (body["id"], NODE_KEY, "pending", None, "atlas", 8, 4, body["claimCode"])
    assert kept[8] == MACHINE["hardware"]
    assert 890 <= kept[9] <= 900


async def test_second_registration_renews_the_code(handlers: Handlers) -> None:
    """A known, unclaimed key keeps its id and gets a fresh code."""
    first = await register(handlers)
    second = await register(handlers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    assert second.json()["claimCode"] != first.json()["claimCode"]


async def test_registration_of_a_claimed_node(handlers: Handlers, database: TestDatabase) -> None:
    """A claimed key learns its name and settings, and gets no code."""
    code = (await register(handlers)).json()["claimCode"]
    user = database.create_user("ada@example.com")
    body = {"code": code, "name": "Atlas", "maxParallel": 2}
    await handlers.as_user("POST", "/functions/v1/claim", json=body, user=user)
    response = await register(handlers)
    assert response.status_code == 200
    assert response.json() == {
        "id": response.json()["id"],
        "claimed": True,
        "name": "Atlas",
        "maxParallel": 2,
        "requiredVersion": None,
    }


async def test_token(handlers: Handlers) -> None:
    """A pending node gets a token that names it."""
    node_id = (await register(handlers)).json()["id"]
    response = await handlers.signed(TOKEN)
    assert response.status_code == 200
    body = response.json()
    assert (body["nodeId"], body["topic"]) == (node_id, f"node:{node_id}")
    claims = jwt.decode(body["accessToken"], options={"verify_signature": False})
    assert (claims["sub"], claims["node_id"]) == (node_id, node_id)


@pytest.mark.parametrize("path", [TOKEN, UNREGISTER])
async def test_unknown_key(handlers: Handlers, database: TestDatabase, path: str) -> None:
    """A key that never registered is 401, and leaves no trace."""
    before = trace(database)
    response = await handlers.signed(path)
    assert (response.status_code, response.json()["code"]) == (401, "UNAUTHORIZED")
    assert response.json()["details"] == {"hint": "Register it first."}
    assert trace(database) == before


async def test_unregister(handlers: Handlers, database: TestDatabase) -> None:
    """A node that leaves is gone, and its key can register anew."""
    node_id = (await register(handlers)).json()["id"]
    response = await handlers.signed(UNREGISTER)
    assert (response.status_code, response.json()) == (200, {"id": node_id})
    assert rows(database, "select count(*) from public.nodes") == [(0,)]
    assert (await register(handlers)).status_code == 201


async def test_replay(handlers: Handlers, database: TestDatabase) -> None:
    """A request sent twice counts once: the second is 401 and changes nothing."""
    nonce = "AAECAwQFBgcICQoLDA0ODw"
    first = await handlers.signed(REGISTER, MACHINE, nonce=nonce)
    before = trace(database)
    second = await handlers.signed(REGISTER, MACHINE, nonce=nonce)
    assert (first.status_code, second.status_code) == (201, 401)
    assert second.json()["error"] == "This request was already sent: its nonce is spent."
    assert trace(database) == before


async def test_nonces_belong_to_their_key(handlers: Handlers) -> None:
    """Two nodes may happen to draw the same nonce."""
    nonce = "AAECAwQFBgcICQoLDA0ODw"
    await handlers.signed(REGISTER, MACHINE, nonce=nonce)
    response = await handlers.signed(REGISTER, MACHINE, nonce=nonce, seed="08" * 32)
    assert response.status_code == 201


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"enabledCores": 9}, {"enabledCores": "must not be more than totalCores"}),
        ({"totalCores": 4097}, {"totalCores": "input should be less than or equal to 4096"}),
        ({"hardware": {"x": "y" * 70000}}, {"hardware": "must be an object of at most 64 KiB"}),
        ({"version": "v" * 101}, {"version": "string should have at most 100 characters"}),
        ({"owner": "me"}, {"owner": "is not known"}),
    ],
)
async def test_bad_registration(
    handlers: Handlers, database: TestDatabase, change: dict[str, Any], details: dict[str, str]
) -> None:
    """A wrong field is 400 by name, whoever finds it, and nothing is kept, not even the nonce."""
    before = trace(database)
    response = await handlers.signed(REGISTER, MACHINE | change)
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")
    assert response.json()["details"] == details
    assert trace(database) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"content": '{"hostname": "other"}'},
        {"created": 1_700_000_000},
        {"created": 4_000_000_000},
        {"sign_url": "http://other.example/functions/v1/node-register"},
        {"headers": {"signature": "node=:AAAA:"}},
    ],
    ids=str,
)
async def test_bad_signature(
    handlers: Handlers, database: TestDatabase, changes: dict[str, Any]
) -> None:
    """A tampered or skewed request is 401, and leaves no trace."""
    before = trace(database)
    response = await handlers.signed(REGISTER, MACHINE, **changes)
    assert (response.status_code, response.json()["code"]) == (401, "UNAUTHORIZED")
    assert trace(database) == before


async def test_rate_of_an_address(handlers: Handlers, database: TestDatabase) -> None:
    """An address over its rate is 429 with the wait, and registers nothing more."""
    database.connect_as_admin().execute(
        "update private.rate_limits set allowed = 2, period = '1 hour'"
        " where bucket = 'node_register'"
    )
    answers = [await handlers.signed(REGISTER, MACHINE, seed=f"{n:02x}" * 32) for n in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert 0 < int(answers[2].headers["retry-after"]) <= 1800
    assert rows(database, "select count(*) from public.nodes") == [(2,)]
