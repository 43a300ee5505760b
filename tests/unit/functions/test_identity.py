"""Who is calling: signed requests and users' tokens, as the handlers answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from _shared.identity import network
from tests.unit.functions.support import (
    NODE_ID,
    NODE_KEY,
    NODE_SEED,
    ORIGIN,
    SECRET,
    USER_ID,
    make_settings,
    make_signing_key,
    running_pool,
    user_token,
)
from tests.vectors.make_signatures import Request, vector

if TYPE_CHECKING:
    from tests.unit.functions.support import Pool

PATH = "/functions/v1/node-token"
CLAIM = "/functions/v1/claim?code=K7M2QX"


@pytest.fixture
def token_pool(pool: Pool) -> Pool:
    """Return handlers whose database knows the node, so that only the signature decides."""
    pool.database.answers["private.node_token"] = {"id": NODE_ID, "topic": f"node:{NODE_ID}"}
    return pool


async def test_signed_request_passes(token_pool: Pool) -> None:
    """A signed request reaches the database after its nonce was spent, in one transaction."""
    assert (await token_pool.signed(PATH)).status_code == 200
    assert token_pool.database.names() == ["private.use_nonce", "private.node_token"]
    assert token_pool.database.committed[0][2]["public_key"] == NODE_KEY


@pytest.mark.parametrize(
    "changes",
    [
        {"content": b'{"a": 1}'},
        {"sign_url": f"{ORIGIN}/functions/v1/node-register"},
        {"sign_url": f"{ORIGIN}{PATH}?a=1"},
        {"sign_url": f"https://other.example{PATH}"},
        {"created": 1_800_000_301},
        {"created": 1_799_999_699},
        {"headers": {"signature": "node=:AAAA:"}},
        {"headers": {"signature-input": 'node=("@method");alg="hmac-sha256"'}},
        {"headers": {"content-digest": "sha-256=:AAAA:"}},
        {"nonce": "short"},
    ],
    ids=lambda changes: str(next(iter(changes.items())))[:40],
)
async def test_bad_signature_is_refused(token_pool: Pool, changes: dict[str, Any]) -> None:
    """A tampered, skewed or malformed signed request is 401; the database is not even asked."""
    response = await token_pool.signed(PATH, **changes)
    assert response.status_code == 401
    assert response.json()["code"] == "UNAUTHORIZED"
    assert response.headers["www-authenticate"] == "Signature"
    assert '"content-digest"' in response.headers["accept-signature"]
    assert token_pool.database.committed == []
    assert token_pool.database.rolled_back == 0


async def test_unsigned_request_is_refused(token_pool: Pool) -> None:
    """A request without a signature is 401 and says what is missing."""
    response = await token_pool.client.post(PATH, json={})
    assert response.status_code == 401
    assert response.json()["error"] == "The request is not signed: signature-input is missing."


async def test_refused_before_fields_are_judged(pool: Pool) -> None:
    """Who does not sign learns nothing of what a body should hold."""
    response = await pool.client.post("/functions/v1/node-register", json={"wrong": 1})
    assert response.status_code == 401


async def test_replay_is_refused(token_pool: Pool) -> None:
    """A request sent a second time, byte for byte, is 401, and does nothing."""
    nonce = "AAECAwQFBgcICQoLDA0ODw"
    assert (await token_pool.signed(PATH, nonce=nonce)).status_code == 200
    committed = list(token_pool.database.committed)
    response = await token_pool.signed(PATH, nonce=nonce)
    assert response.status_code == 401
    assert response.json()["error"] == "This request was already sent: its nonce is spent."
    assert token_pool.database.committed == committed


async def test_skewed_clock_learns_the_time(token_pool: Pool) -> None:
    """A node whose clock is off is told the server's time, to correct itself by."""
    response = await token_pool.signed(PATH, created=1_700_000_000)
    assert response.json()["details"] == {"created": 1_700_000_000, "server_time": 1_800_000_000}


async def test_wrong_name_of_the_pool_is_explained(token_pool: Pool) -> None:
    """Who signs for another name of this server is told which name to use."""
    url = f"http://localhost:1234{PATH}"
    response = await token_pool.signed(PATH, sign_url=url, url=url)
    assert response.status_code == 401
    assert response.json()["details"]["authority"] == {
        "expected": "pool.example",
        "received": "localhost:1234",
    }


async def test_several_values_of_a_header_are_one(token_pool: Pool) -> None:
    """A signature may stand in one of several header lines of the same name."""
    request = Request("", "POST", ORIGIN + PATH, "{}", 1_800_000_000, "n" * 22, NODE_SEED)
    signed = vector(request)["headers"]
    headers = [
        ("content-type", "application/json"),
        ("signature-input", 'other=("@method");created=1'),
        ("signature", "other=:AAAA:"),
        *signed.items(),
    ]
    response = await token_pool.client.post(PATH, content="{}", headers=headers)
    assert response.status_code == 200


async def test_user_token_passes(pool: Pool) -> None:
    """A user's call runs in the database as that user."""
    pool.database.answers["public.verify_claim_code"] = {
        "id": NODE_ID,
        "name": None,
        "platform": "linux",
        "total_cores": 8,
        "max_parallel": 4,
        "hardware": {},
    }
    assert (await pool.as_user("GET", CLAIM)).status_code == 200
    [actor] = pool.database.actors
    assert (actor.role, actor.claims["sub"]) == ("authenticated", USER_ID)


def bad_tokens() -> dict[str, str]:
    """Return tokens that must not pass, by what is wrong with them."""
    now = 1_800_000_000
    return {
        "no token": "sb_publishable_abc",
        "expired": user_token(now, exp=now - 31),
        "no expiry": user_token(now, exp=None),
        "expiry is text": user_token(now, exp="soon"),
        "no subject": user_token(now, sub=None),
        "subject is no id": user_token(now, sub="me"),
        "anonymous role": user_token(now, role="anon"),
        "service role": user_token(now, role="service_role"),
        "no role": user_token(now, role=None),
        "other audience": user_token(now, aud="else"),
        "unknown key": user_token(now, key=make_signing_key("key-9")),
        "another key of the same id": user_token(now, key=make_signing_key("key-1")),
        "another secret": user_token(now, key="x" * 32),
        "unsigned": "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
        "no id of a key": user_token(now, key=make_signing_key("")),
    }


@pytest.mark.parametrize("name", bad_tokens())
async def test_bad_user_token_is_refused(pool: Pool, name: str) -> None:
    """A token that is not one of a signed-in user is 401, and the database is not asked."""
    headers = {"authorization": f"Bearer {bad_tokens()[name]}"}
    response = await pool.client.get(CLAIM, headers=headers)
    assert response.status_code == 401
    assert response.json()["code"] == "UNAUTHORIZED"
    assert response.headers["www-authenticate"] == "Bearer"
    assert pool.database.actors == []


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer"])
async def test_missing_user_token_is_refused(pool: Pool, header: str) -> None:
    """Without a token the answer is 401 and says to sign in."""
    response = await pool.client.get(CLAIM, headers={"authorization": header})
    assert response.status_code == 401
    assert response.json()["error"].startswith("Sign in")


async def test_node_is_no_user(pool: Pool) -> None:
    """A node's token does not make it a user: 403."""
    token = user_token(pool.clock(), node_id=NODE_ID)
    response = await pool.client.get(CLAIM, headers={"authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["code"]) == (403, "FORBIDDEN")


async def test_token_of_the_older_secret_passes(pool: Pool) -> None:
    """A token signed with the shared secret passes while that is configured."""
    pool.database.answers["public.verify_claim_code"] = RuntimeError
    token = user_token(pool.clock(), key=SECRET)
    await pool.client.get(CLAIM, headers={"authorization": f"Bearer {token}"})
    assert len(pool.database.actors) == 1


async def test_secret_is_off_where_none_is_set() -> None:
    """Without a configured secret no HS256 token passes, not even one signed with nothing."""
    async with running_pool(make_settings(jwt_secret=None)) as pool:
        token = user_token(pool.clock(), key=SECRET)
        response = await pool.client.get(CLAIM, headers={"authorization": f"Bearer {token}"})
        assert response.status_code == 401


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_one_host_is_one_subject(address: str, subject: str) -> None:
    """A host with a whole IPv6 network counts as one."""
    assert network(address) == subject
