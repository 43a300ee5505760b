"""An owner's calls: look at a node, claim it, and be refused with the attempt counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.db.functions.test_node import register, rows

if TYPE_CHECKING:
    import httpx

    from tests.databases import TestDatabase
    from tests.unit.functions.support import Handlers

PATH = "/functions/v1/claim"


@pytest.fixture
def owner(database: TestDatabase) -> str:
    """Return a user who wants a node."""
    return database.create_user("ada@example.com")


async def look(handlers: Handlers, user: str, code: str) -> httpx.Response:
    """Look at the node behind a code."""
    return await handlers.as_user("GET", PATH, params={"code": code}, user=user)


async def claim(handlers: Handlers, user: str, code: str, **more: Any) -> httpx.Response:
    """Claim the node behind a code."""
    return await handlers.as_user("POST", PATH, json={"code": code, **more}, user=user)


async def test_look_then_claim(handlers: Handlers, database: TestDatabase, owner: str) -> None:
    """A user sees the machine behind a code and makes it their own, with the first grant."""
    registered = (await register(handlers)).json()
    seen = await look(handlers, owner, registered["claimCode"].lower())
    assert seen.status_code == 200
    assert seen.json()["totalCores"] == 8
    claimed = await claim(handlers, owner, registered["claimCode"], name="Atlas", maxParallel=3)
    assert claimed.status_code == 200
    body = claimed.json()
    assert (body["id"], body["name"], body["maxParallel"]) == (registered["id"], "Atlas", 3)
    assert body["claimedAt"] is not None
    assert rows(database, "select user_id::text, claim_code from public.nodes") == [(owner, None)]
    assert rows(database, "select access_type from public.node_access") == [("owner",)]


async def test_code_works_once(handlers: Handlers, database: TestDatabase, owner: str) -> None:
    """A code that was used is not found by others; its owner's second request is answered alike."""
    code = (await register(handlers)).json()["claimCode"]
    first = await claim(handlers, owner, code)
    other = await claim(handlers, database.create_user("eve@example.com"), code)
    assert (other.status_code, other.json()["code"]) == (404, "NOT_FOUND")
    again = await claim(handlers, owner, code)
    assert (again.status_code, again.json()) == (200, first.json())
    assert rows(database, "select user_id::text from public.nodes") == [(owner,)]


@pytest.mark.parametrize("call", [look, claim])
async def test_expired_code(
    handlers: Handlers, database: TestDatabase, owner: str, call: Any
) -> None:
    """A code past its time is 410, and the node stays nobody's."""
    code = (await register(handlers)).json()["claimCode"]
    database.connect_as_admin().execute(
        "update public.nodes set claim_code_expires_at = now() - interval '1 second'"
    )
    response = await call(handlers, owner, code)
    assert (response.status_code, response.json()["code"]) == (410, "GONE")
    assert rows(database, "select user_id from public.nodes") == [(None,)]


async def test_wrong_codes_are_counted(
    handlers: Handlers, database: TestDatabase, owner: str
) -> None:
    """After too many wrong codes a user must wait, even with the right one; others need not."""
    code = (await register(handlers)).json()["claimCode"]
    database.connect_as_admin().execute(
        "update private.rate_limits set allowed = 3, period = '1 hour' where bucket = 'claim'"
    )
    wrong = [await look(handlers, owner, f"AAAAA{n}") for n in (2, 3, 4)]
    assert [answer.status_code for answer in wrong] == [404, 404, 404]
    refused = await claim(handlers, owner, code)
    assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMITED")
    assert 0 < int(refused.headers["retry-after"]) <= 1200
    other = database.create_user("eve@example.com")
    assert (await claim(handlers, other, code)).status_code == 200


async def test_too_many_workers(handlers: Handlers, database: TestDatabase, owner: str) -> None:
    """More workers than the machine has cores is 400 by the field's own name."""
    code = (await register(handlers)).json()["claimCode"]
    response = await claim(handlers, owner, code, maxParallel=9)
    assert response.status_code == 400
    assert response.json()["details"] == {"maxParallel": "must be from 0 to 8"}
    assert rows(database, "select user_id from public.nodes") == [(None,)]


async def test_node_claims_nothing(handlers: Handlers, database: TestDatabase) -> None:
    """A node's own token is no user's: it is refused, and nothing changes."""
    code = (await register(handlers)).json()["claimCode"]
    token = (await handlers.signed("/functions/v1/node-token")).json()["accessToken"]
    headers = {"authorization": f"Bearer {token}"}
    response = await handlers.client.post(PATH, json={"code": code}, headers=headers)
    assert response.status_code == 403
    assert rows(database, "select user_id from public.nodes") == [(None,)]
