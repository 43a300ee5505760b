"""POST node-token and POST node-unregister."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest

from _shared.errors import UnauthorizedError
from tests.unit.functions.support import (
    NODE_ID,
    NODE_KEY,
    ORIGIN,
    PUBLIC_KEY,
    SECRET,
    SIGNING_KEY,
    make_settings,
    running_pool,
)

if TYPE_CHECKING:
    from jwt.types import Options

    from tests.unit.functions.support import Pool

TOKEN = "/functions/v1/node-token"
UNREGISTER = "/functions/v1/node-unregister"
KNOWN = {"id": NODE_ID, "topic": f"node:{NODE_ID}", "user_id": None, "status": "pending"}
UNCHECKED: Options = {"verify_exp": False, "verify_iat": False}


async def test_token_is_the_node_s(pool: Pool) -> None:
    """The answer has the node's id, topic and a token that expires within the hour."""
    pool.database.answers["private.node_token"] = KNOWN
    response = await pool.signed(TOKEN)
    assert response.status_code == 200
    body = response.json()
    assert body["nodeId"] == NODE_ID
    assert body["topic"] == f"node:{NODE_ID}"
    assert body["expiresAt"] == "2027-01-15T09:00:00Z"
    assert set(body) == {"accessToken", "expiresAt", "nodeId", "topic"}
    assert response.headers["cache-control"] == "no-store"


async def test_claims_make_the_node_a_principal(pool: Pool) -> None:
    """The token names the node as subject and in its own claim, in the role `authenticated`."""
    pool.database.answers["private.node_token"] = KNOWN
    token = (await pool.signed(TOKEN)).json()["accessToken"]
    assert jwt.get_unverified_header(token) == {
        "alg": "ES256",
        "kid": SIGNING_KEY["kid"],
        "typ": "JWT",
    }
    key = jwt.PyJWK.from_dict(PUBLIC_KEY)
    claims = jwt.decode(token, key, ["ES256"], audience="authenticated", options=UNCHECKED)
    assert claims == {
        "iss": f"{ORIGIN}/functions/v1/node-token",
        "sub": NODE_ID,
        "aud": "authenticated",
        "role": "authenticated",
        "node_id": NODE_ID,
        "iat": 1_800_000_000,
        "exp": 1_800_003_600,
    }


async def test_token_of_the_older_secret() -> None:
    """Without a signing key the shared secret signs."""
    async with running_pool(make_settings(signing_key=None)) as pool:
        pool.database.answers["private.node_token"] = KNOWN
        token = (await pool.signed(TOKEN)).json()["accessToken"]
    claims = jwt.decode(token, SECRET, ["HS256"], audience="authenticated", options=UNCHECKED)
    assert claims["node_id"] == NODE_ID


async def test_lifetime_and_issuer_are_settings() -> None:
    """The operator may shorten the life of tokens and name their issuer."""
    async with running_pool(make_settings(token_lifetime=60, issuer="https://me")) as pool:
        pool.database.answers["private.node_token"] = KNOWN
        token = (await pool.signed(TOKEN)).json()["accessToken"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["exp"] - claims["iat"], claims["iss"]) == (60, "https://me")


async def test_unknown_key_gets_no_token(pool: Pool) -> None:
    """A key that never registered is 401, as the database says."""
    pool.database.answers["private.node_token"] = UnauthorizedError("This node is not known.")
    response = await pool.signed(TOKEN)
    assert response.status_code == 401
    assert response.json()["error"] == "This node is not known."
    assert pool.database.rolled_back == 1


async def test_unregister(pool: Pool) -> None:
    """A node that leaves is told the id it had."""
    pool.database.answers["private.unregister_node"] = {"id": NODE_ID}
    response = await pool.signed(UNREGISTER)
    assert (response.status_code, response.json()) == (200, {"id": NODE_ID})
    assert pool.database.committed[-1] == (
        "service_role",
        "private.unregister_node",
        {"public_key": NODE_KEY},
    )


@pytest.mark.parametrize("path", [TOKEN, UNREGISTER])
@pytest.mark.parametrize("body", [{"nodeId": NODE_ID}, {"": 1}])
async def test_nothing_else_may_be_sent(pool: Pool, path: str, body: dict[str, Any]) -> None:
    """The signature says who the node is; a body that says more is 400."""
    response = await pool.signed(path, body)
    assert response.status_code == 400
    assert response.json()["details"] == dict.fromkeys(body, "is not known")
    assert pool.database.committed == []
