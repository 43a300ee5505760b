"""Devices without a node: registering, being heard of, stopping."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

from tests.db.schema.pool import detail

if TYPE_CHECKING:
    from tests.db.schema.pool import Json, Pool, User

NOON: Final = "2026-11-21 12:00:00+00"
PHONE: Final[Json] = {
    "device_name": "Phone",
    "device_type": "phone",
    "ram_gb": 4,
    "cpu_cores": 8,
    "storage_gb": 100,
}


def register(user: User, **figures: Any) -> Json:
    """A device of the user: a phone, but for what is given."""
    device: Json = user.call("register_device", **{**PHONE, **figures})
    return device


def active_nodes(pool: Pool) -> int:
    """How many devices the network has right now."""
    count: int = pool.scalar("select active_nodes from public.get_network_stats()")
    return count


def test_a_new_device_counts_at_once(pool: Pool) -> None:
    """The answer is its row, and how often it is to be heard of."""
    pool.set_clock(NOON)
    user = pool.user()
    device = register(user)
    assert {key: device[key] for key in PHONE} == PHONE
    assert (device["user_id"], device["node_id"]) == (user.id, None)
    assert (device["compute_score"], device["is_active"]) == (53, True)
    assert device["last_seen"] == "2026-11-21T12:00:00+00:00"
    assert device["heartbeat_seconds"] == 90
    assert active_nodes(pool) == 1


def test_registering_a_name_again_updates_that_device(pool: Pool) -> None:
    """A name is one device of a user, and another one of another user."""
    user = pool.user()
    first, again = register(user), register(user, device_name=" Phone ", ram_gb=6)
    assert (again["id"], again["ram_gb"], again["compute_score"]) == (first["id"], 6, 57)
    assert register(user, device_name="Other")["id"] != first["id"]
    assert register(pool.user())["id"] != first["id"]
    assert active_nodes(pool) == 3


def test_a_device_that_keeps_its_id_is_never_taken_for_another(pool: Pool) -> None:
    """Two phones of one model have one name; their ids tell them apart."""
    user = pool.user()
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    assert register(user, device_id=one)["id"] == one
    assert register(user, device_id=two)["id"] == two
    assert register(user, device_id=one, device_name="Renamed")["id"] == one
    assert active_nodes(pool) == 2


def test_a_heartbeat_keeps_a_device_in_the_network(pool: Pool) -> None:
    """Silence of five minutes ends it, the next heartbeat brings it back."""
    pool.set_clock(NOON)
    user = pool.user()
    device = register(user)
    for _ in range(4):
        pool.advance("90 seconds")
        user.call("device_heartbeat", device_id=device["id"])
    pool.advance("299 seconds")
    assert active_nodes(pool) == 1
    pool.advance("1 second")
    assert active_nodes(pool) == 0
    assert pool.scalar("select private.deactivate_stale_devices()") == 1
    assert user.call("device_heartbeat", device_id=device["id"])["is_active"] is True
    assert active_nodes(pool) == 1


def test_a_deactivated_device_is_not_counted(pool: Pool) -> None:
    """At once, and until it is heard of again."""
    user = pool.user()
    device = register(user)
    assert user.call("deactivate_device", device_id=device["id"])["is_active"] is False
    assert active_nodes(pool) == 0
    user.call("device_heartbeat", device_id=device["id"])
    assert active_nodes(pool) == 1


@pytest.mark.parametrize("function", ["device_heartbeat", "deactivate_device"])
def test_nobody_speaks_for_devices_of_others_or_of_nodes(pool: Pool, function: str) -> None:
    """Another's device is not there; a node's own says that the node keeps it."""
    node = pool.node()
    foreign = register(pool.user())["id"]
    kept = pool.scalar("select id from public.compute_devices where node_id is not null")
    for device_id, expected in ((foreign, "NOT_FOUND"), (uuid.uuid4(), "NOT_FOUND")):
        with pytest.raises(psycopg.Error, match="no such device") as caught:
            node.owner.call(function, device_id=device_id)
        assert (caught.value.sqlstate, detail(caught.value)["code"]) == ("PT404", expected)
    with pytest.raises(psycopg.Error, match="A node keeps this device") as caught:
        node.owner.call(function, device_id=kept)
    assert caught.value.sqlstate == "PT409"
    assert active_nodes(pool) == 2


def test_nobody_takes_the_id_of_a_device_of_others_or_of_nodes(pool: Pool) -> None:
    """An id is one device's for good."""
    node = pool.node()
    foreign = register(pool.user())["id"]
    kept = pool.scalar("select id from public.compute_devices where node_id is not null")
    for device_id, sqlstate in ((foreign, "PT404"), (kept, "PT409")):
        with pytest.raises(psycopg.Error) as caught:
            register(node.owner, device_id=device_id)
        assert caught.value.sqlstate == sqlstate
    assert active_nodes(pool) == 2


def test_nodes_and_the_signed_out_have_no_devices(pool: Pool) -> None:
    """Devices are users'."""
    node = pool.node()
    for role, claims in (("authenticated", {"sub": node.id, "node_id": node.id}), ("anon", {})):
        connection = pool.database.connect(role, claims)
        with pytest.raises(psycopg.Error) as caught:
            connection.execute("select public.device_heartbeat(gen_random_uuid())")
        assert caught.value.sqlstate in {"PT403", "42501"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device_name", " "),
        ("device_name", "x" * 256),
        ("device_name", None),
        ("device_type", "toaster"),
        ("ram_gb", -1),
        ("ram_gb", "NaN"),
        ("cpu_cores", 4097),
        ("storage_gb", 10_000_001),
        ("storage_gb", None),
    ],
)
def test_a_device_that_is_not_believable_is_refused(pool: Pool, field: str, value: object) -> None:
    """The error names the field."""
    with pytest.raises(psycopg.Error, match=field) as caught:
        register(pool.user(), **{field: value})
    assert caught.value.sqlstate == "PT400"
    assert list(detail(caught.value)["fields"]) == [field]
