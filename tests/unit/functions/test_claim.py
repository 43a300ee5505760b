"""GET and POST claim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from _shared.errors import GoneError, NotFoundError
from tests.unit.functions.support import NODE_ID

if TYPE_CHECKING:
    from tests.unit.functions.support import Pool

PATH = "/functions/v1/claim"
NODE: dict[str, Any] = {
    "id": NODE_ID,
    "user_id": "11111111-1111-4111-8111-111111111111",
    "name": "Atlas",
    "public_key": "secret enough",
    "claim_code": None,
    "machine_id": "m",
    "hostname": "atlas",
    "platform": "linux-x86_64",
    "version": "0.1.0",
    "status": "pending",
    "total_cores": 8,
    "max_parallel": 4,
    "hardware": {"cpus": [{"base_clock_mhz": 3000}]},
    "iterations_per_second": None,
    "paused_at": None,
    "last_seen_at": None,
    "claimed_at": "2027-01-15T08:00:00+00:00",
    "created_at": "2027-01-15T07:59:00+00:00",
}


async def test_look_before_claiming(pool: Pool) -> None:
    """The user sees what machine stands behind a code; its own words stay as they are."""
    pool.database.answers["public.verify_claim_code"] = NODE
    response = await pool.as_user("GET", f"{PATH}?code=K7M2QX")
    assert response.status_code == 200
    assert response.json() == {
        "id": NODE_ID,
        "name": "Atlas",
        "platform": "linux-x86_64",
        "totalCores": 8,
        "maxParallel": 4,
        "hardware": {"cpus": [{"base_clock_mhz": 3000}]},
    }


async def test_claim(pool: Pool) -> None:
    """The claimed node is answered as its owner may see it."""
    pool.database.answers["public.claim_node"] = NODE
    body = {"code": " k7m2qx ", "name": "Atlas", "maxParallel": 4}
    response = await pool.as_user("POST", PATH, json=body)
    assert response.status_code == 200
    assert response.json()["claimedAt"] == "2027-01-15T08:00:00Z"
    assert not {"publicKey", "claimCode", "machineId"} & set(response.json())
    assert pool.database.committed == [
        (
            "authenticated",
            "public.claim_node",
            {"code": "K7M2QX", "name": "Atlas", "max_parallel": 4},
        )
    ]


async def test_what_is_not_given_is_left_to_the_database(pool: Pool) -> None:
    """Name and workers have defaults in the database, so they are not sent when absent."""
    pool.database.answers["public.claim_node"] = NODE
    await pool.as_user("POST", PATH, json={"code": "K7M2QX"})
    assert pool.database.committed[0][2] == {"code": "K7M2QX"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "code"),
        ({"code": None}, "code"),
        ({"code": 123456}, "code"),
        ({"code": "K7M2Q"}, "code"),
        ({"code": "K7M2QXX"}, "code"),
        ({"code": "K7M2Q0"}, "code"),
        ({"code": "K7M2QI"}, "code"),
        ({"code": "K7M2QO"}, "code"),
        ({"code": "K7M2Q\n"}, "code"),
        ({"code": "K7M2QX", "name": ""}, "name"),
        ({"code": "K7M2QX", "name": "a\nb"}, "name"),
        ({"code": "K7M2QX", "maxParallel": -1}, "maxParallel"),
        ({"code": "K7M2QX", "maxParallel": 1.5}, "maxParallel"),
        ({"code": "K7M2QX", "maxParallel": "4"}, "maxParallel"),
        ({"code": "K7M2QX", "max_parallel": 4}, "max_parallel"),
    ],
)
async def test_wrong_field_is_named(pool: Pool, body: dict[str, Any], field: str) -> None:
    """A wrong field is 400 and named; no attempt is counted."""
    response = await pool.as_user("POST", PATH, json=body)
    assert response.status_code == 400
    assert list(response.json()["details"]) == [field]
    assert pool.database.actors == []


@pytest.mark.parametrize(
    ("query", "field"),
    [("", "query.code"), ("?code=abc", "query.code"), ("?code=K7M2QX&id=1", "query.id")],
)
async def test_wrong_query_is_named(pool: Pool, query: str, field: str) -> None:
    """A wrong query is 400 and named."""
    response = await pool.as_user("GET", f"{PATH}{query}")
    assert response.status_code == 400
    assert list(response.json()["details"]) == [field]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("NOT_FOUND", 404),
        ("GONE", 410),
        ("CONFLICT", 409),
        ("INVALID_REQUEST", 400),
        ("FORBIDDEN", 403),
        ("SOMETHING", 500),
    ],
)
async def test_counted_refusal_keeps_its_count(pool: Pool, code: str, status: int) -> None:
    """A refusal that the database answers (not raises) is committed, and then becomes an error."""
    pool.database.answers["public.claim_node"] = {
        "success": False,
        "error": "No.",
        "code": code,
        "details": {"attempts_left": 3},
    }
    response = await pool.as_user("POST", PATH, json={"code": "K7M2QX"})
    assert response.status_code == status
    assert pool.database.names() == ["public.claim_node"]
    if status != 500:
        assert response.json() == {
            "success": False,
            "error": "No.",
            "code": code,
            "details": {"attempts_left": 3},
        }


async def test_too_many_attempts(pool: Pool) -> None:
    """A user over their rate is told how long to wait."""
    pool.database.answers["public.verify_claim_code"] = {
        "success": False,
        "error": "Too many attempts.",
        "code": "RATE_LIMITED",
        "details": {"retry_after": 42},
    }
    response = await pool.as_user("GET", f"{PATH}?code=K7M2QX")
    assert response.status_code == 429
    assert response.headers["retry-after"] == "42"


@pytest.mark.parametrize(
    ("raised", "status"), [(NotFoundError("No such code."), 404), (GoneError("Expired."), 410)]
)
async def test_raised_refusal(pool: Pool, raised: Exception, status: int) -> None:
    """A refusal that the database raises changes nothing and is answered."""
    pool.database.answers["public.claim_node"] = raised
    response = await pool.as_user("POST", PATH, json={"code": "K7M2QX"})
    assert response.status_code == status
    assert pool.database.committed == []
