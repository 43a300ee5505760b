"""POST node-register."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.functions.support import NODE_ID, NODE_KEY

if TYPE_CHECKING:
    from tests.unit.functions.support import Pool

PATH = "/functions/v1/node-register"
BODY: dict[str, Any] = {
    "hostname": "atlas",
    "totalCores": 8,
    "enabledCores": 4,
    "version": "0.1.0",
    "platform": "linux-x86_64",
    "hardware": {"cpus": [{"name": "fast"}]},
}
PENDING = {
    "id": NODE_ID,
    "claim_code": "K7M2QX",
    "claim_code_expires_at": "2027-01-15T08:15:00+00:00",
    "required_version": None,
}


async def test_new_key_is_created(pool: Pool) -> None:
    """A new key is answered with 201, an id, a code and its expiry."""
    pool.database.answers["private.register_node"] = {"outcome": "created", **PENDING}
    response = await pool.signed(PATH, BODY)
    assert response.status_code == 201
    assert response.json() == {
        "id": NODE_ID,
        "claimCode": "K7M2QX",
        "claimCodeExpiresAt": "2027-01-15T08:15:00Z",
        "requiredVersion": None,
    }


async def test_registration_reaches_the_database_in_its_words(pool: Pool) -> None:
    """The database gets the signing key and the registration in snake_case, as service_role."""
    pool.database.answers["private.register_node"] = {"outcome": "created", **PENDING}
    await pool.signed(PATH, BODY)
    role, name, arguments = pool.database.committed[-1]
    assert (role, name) == ("service_role", "private.register_node")
    assert arguments == {
        "public_key": NODE_KEY,
        "registration": {
            "hostname": "atlas",
            "total_cores": 8,
            "enabled_cores": 4,
            "version": "0.1.0",
            "platform": "linux-x86_64",
            "hardware": {"cpus": [{"name": "fast"}]},
        },
    }


async def test_known_key_is_renewed(pool: Pool) -> None:
    """A known, unclaimed key is answered with 200 and a fresh code."""
    pool.database.answers["private.register_node"] = {"outcome": "renewed", **PENDING}
    response = await pool.signed(PATH, BODY)
    assert (response.status_code, response.json()["claimCode"]) == (200, "K7M2QX")


async def test_claimed_key_is_told_so(pool: Pool) -> None:
    """A claimed key is answered with its name and settings, and what to update to, and no code."""
    pool.database.answers["private.register_node"] = {
        "outcome": "claimed",
        "id": NODE_ID,
        "name": "Atlas",
        "max_parallel": 4,
        "required_version": "0.2.0",
    }
    response = await pool.signed(PATH, BODY)
    assert response.status_code == 200
    assert response.json() == {
        "id": NODE_ID,
        "claimed": True,
        "name": "Atlas",
        "maxParallel": 4,
        "requiredVersion": "0.2.0",
    }


async def test_too_many_from_one_address(pool: Pool) -> None:
    """An address over its rate gets 429 and the seconds to wait; nothing is registered."""
    pool.database.answers["private.take_token"] = 17
    response = await pool.signed(PATH, BODY)
    assert response.status_code == 429
    assert response.headers["retry-after"] == "17"
    assert response.json()["code"] == "RATE_LIMITED"
    assert pool.database.committed == [
        ("service_role", "private.take_token", {"bucket": "node_register", "subject": "192.0.2.7"})
    ]


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"hostname": 7}, {"hostname": "input should be a valid string"}),
        ({"hostname": ""}, {"hostname": "string should have at least 1 character"}),
        ({"hostname": "a\x1b[2J"}, {"hostname": "must not contain control characters"}),
        ({"hostname": "x" * 256}, {"hostname": "string should have at most 255 characters"}),
        ({"totalCores": "8"}, {"totalCores": "input should be a valid integer"}),
        ({"totalCores": True}, {"totalCores": "input should be a valid integer"}),
        ({"totalCores": 8.0}, {"totalCores": "input should be a valid integer"}),
        ({"totalCores": 0}, {"totalCores": "input should be greater than or equal to 1"}),
        ({"enabledCores": -1}, {"enabledCores": "input should be greater than or equal to 0"}),
        ({"enabledCores": 9}, {"enabledCores": "must not be more than totalCores"}),
        ({"hardware": []}, {"hardware": "input should be a valid dictionary"}),
        ({"platform": 1}, {"platform": "input should be a valid string"}),
        ({"version": None}, {"version": "input should be a valid string"}),
        ({"total_cores": 8}, {"total_cores": "is not known"}),
        ({"userId": "me"}, {"userId": "is not known"}),
        (
            {"hostname": 1, "extra": 2},
            {"hostname": "input should be a valid string", "extra": "is not known"},
        ),
    ],
)
async def test_wrong_field_is_named(
    pool: Pool, change: dict[str, Any], details: dict[str, str]
) -> None:
    """Each wrong field is answered with 400, its name and what is expected of it."""
    response = await pool.signed(PATH, BODY | change)
    assert response.status_code == 400
    assert response.json() == {
        "success": False,
        "error": "The request is not valid; details name each wrong field.",
        "code": "INVALID_REQUEST",
        "details": details,
    }
    assert pool.database.committed == []


@pytest.mark.parametrize("name", ["hostname", "totalCores", "enabledCores", "version"])
async def test_missing_field_is_named(pool: Pool, name: str) -> None:
    """A missing field is answered with 400 and its name."""
    response = await pool.signed(PATH, {k: v for k, v in BODY.items() if k != name})
    assert response.status_code == 400
    assert response.json()["details"] == {name: "is missing"}
