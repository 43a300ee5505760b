"""Machines and their units, as far as the handlers themselves decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from _shared.identity import hash_api_key
from tests.unit.functions.support import NODE_ID, USER_ID

if TYPE_CHECKING:
    from tests.unit.functions.support import Pool

NODES: Final = "/functions/v1/nodes"
UNIT: Final = "33333333-3333-4333-8333-333333333333"
MACHINE: Final[dict[str, Any]] = {
    "machine_id": "m-1",
    "hostname": "tower",
    "os": "linux-x86_64",
    "hardware": {"cpus": [], "gpus": [], "ram_total_gb": 64, "storage_total_gb": 1000},
    "compute_units": [],
}
HEARTBEAT: Final = {"timestamp": "2027-01-15T08:00:00Z", "compute_units": []}


@pytest.fixture
def machines(pool: Pool) -> Pool:
    """Return handlers whose database knows a machine."""
    pool.database.answers |= {
        "private.register_machine": {
            "success": True,
            "machine_id": "m-1",
            "node_id": NODE_ID,
            "compute_units": [],
        },
        "private.rotate_api_key": {"success": True, "node_id": NODE_ID},
        "private.api_key_node": NODE_ID,
        "private.node_token": {"id": NODE_ID, "topic": f"node:{NODE_ID}"},
        "private.machine_heartbeat": {"success": True, "commands": []},
    }
    return pool


async def test_the_database_gets_the_hash_of_a_key(machines: Pool) -> None:
    """The key itself is in the answer and nowhere else; every one is another."""
    keys = set()
    for path, body in (("/register", MACHINE), (f"/{NODE_ID}/keys", None)):
        answer = await machines.as_user("POST", f"{NODES}{path}", json=body)
        key = answer.json()["api_key"]
        assert machines.database.committed[-1][2]["key_hash"] == hash_api_key(key)
        assert key not in str(machines.database.committed)
        keys.add(key)
    assert len(keys) == 2
    assert all(len(key) > 40 for key in keys)


async def test_a_user_who_registers_too_often_waits(machines: Pool) -> None:
    """Counted per user, before anything else is done."""
    machines.database.answers["private.take_token"] = 17
    response = await machines.as_user("POST", f"{NODES}/register", json=MACHINE)
    assert (response.status_code, response.headers["retry-after"]) == (429, "17")
    assert machines.database.committed == [
        ("service_role", "private.take_token", {"bucket": "machine_register", "subject": USER_ID})
    ]


@pytest.mark.parametrize("signs", [False, True])
async def test_a_machine_acts_as_its_node(machines: Pool, *, signs: bool) -> None:
    """Whoever shows a key or signs becomes the node, in one transaction."""
    path = f"{NODES}/{NODE_ID}/heartbeat"
    if signs:
        response = await machines.signed(path, HEARTBEAT)
    else:
        headers = {"x-api-key": "spk_secret"}
        response = await machines.client.post(path, json=HEARTBEAT, headers=headers)
    assert response.status_code == 200, response.text
    role, function, _ = machines.database.committed[-1]
    assert (role, function) == ("authenticated", "private.machine_heartbeat")
    assert len(machines.database.actors) == 1
    assert "spk_secret" not in str(machines.database.committed)


async def test_a_machine_speaks_for_no_other(machines: Pool) -> None:
    """The node in the path is the one whose key it is; what is refused leaves no trace."""
    response = await machines.client.post(
        f"{NODES}/{UNIT}/heartbeat", json=HEARTBEAT, headers={"x-api-key": "spk_secret"}
    )
    assert (response.status_code, response.json()["code"]) == (403, "FORBIDDEN")
    assert machines.database.committed == []


@pytest.mark.parametrize("body", [None, b"", b"{}", b'{"reason": "maintenance"}'])
async def test_a_pause_needs_no_body(machines: Pool, body: bytes | None) -> None:
    """Where a reason is left out, it is its owner's wish."""
    machines.database.answers["public.pause_unit"] = lambda unit_id, reason: {
        "success": True,
        "unit_id": str(unit_id),
        "status": "paused",
        "reason": reason,
        "paused_at": "2027-01-15T08:00:00Z",
    }
    response = await machines.client.post(
        f"/api/compute-units/{UNIT}/pause",
        content=body,
        headers={"x-api-key": "spk_secret", "content-type": "application/json"},
    )
    assert response.status_code == 200, response.text
    expected = "maintenance" if body and b"reason" in body else "user_requested"
    assert response.json()["reason"] == expected


@pytest.mark.parametrize("body", [b"[]", b'{"reason": "bored"}', b'{"why": 1}', b"{"])
async def test_a_pause_for_no_known_reason_is_refused(machines: Pool, body: bytes) -> None:
    """A body that is there must be one."""
    response = await machines.client.post(
        f"/api/compute-units/{UNIT}/pause",
        content=body,
        headers={"x-api-key": "spk_secret", "content-type": "application/json"},
    )
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")


async def test_other_methods_are_told_which_there_are(pool: Pool) -> None:
    """The Allow header lists them, at the path and at its alias."""
    for base in (NODES, "/api/nodes"):
        response = await pool.client.patch(f"{base}/{NODE_ID}")
        assert response.status_code == 405
        assert response.headers["allow"] == "DELETE, GET"
