"""Machines: registered with and without an agent, again, under another owner, and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

from tests.db.schema.machines import (
    GPU,
    HARDWARE,
    SHARED_CPU,
    SHARED_GPU,
    allocate,
    digest,
    register_machine,
)
from tests.db.schema.pool import call, detail

if TYPE_CHECKING:
    from tests.db.schema.pool import Json, Pool, User

NOON: Final = "2026-11-21 12:00:00+00"


def refused(status: str, act: Any, *arguments: Any, **options: Any) -> Json:
    """What a call is refused with."""
    with pytest.raises(psycopg.Error) as caught:
        act(*arguments, **options)
    assert caught.value.sqlstate == f"PT{status}"
    return detail(caught.value)


def test_a_registered_machine_is_a_node_with_units(pool: Pool) -> None:
    """Its units wait to be heard of; defaults are filled in; it is a compute device too."""
    machine = register_machine(pool.user())
    assert machine.states() == {"cpu-0": "registering", "gpu-0": "registering"}
    assert pool.rows(
        "select device_id, allocation ->> 'priority',"
        " coalesce(allocation -> 'cores_reserved', allocation -> 'vram_reserved_mb'), quantity"
        " from public.compute_units order by 1"
    ) == [("cpu-0", "normal", 2, 8), ("gpu-0", "normal", 2048, 22)]
    assert pool.rows("select status, public_key, total_cores from public.nodes") == [
        ("offline", None, 16)
    ]
    assert pool.rows("select ram_gb, storage_gb from public.compute_devices") == [(64, 1000)]
    machine.beat()
    assert machine.states() == {"cpu-0": "active", "gpu-0": "active"}
    assert pool.scalar("select status from public.nodes") == "online"


#: what is asked of a machine of 16 cores and 24576 MB, and the field that is wrong
WRONG_ALLOCATIONS: Final[tuple[tuple[Json, Json, str], ...]] = (
    (SHARED_CPU, {"cores_allocated": 15}, "cores_allocated"),
    (SHARED_CPU, {"cores_allocated": 16, "cores_reserved": 1}, "cores_allocated"),
    (SHARED_CPU, {"cores_allocated": 0}, "cores_allocated"),
    (SHARED_CPU, {}, "cores_allocated"),
    (SHARED_CPU, {"cores_allocated": 1.5}, "cores_allocated"),
    (SHARED_CPU, {"cores_allocated": "1"}, "cores_allocated"),
    (SHARED_CPU, {"cores_allocated": 1, "vram_allocated_mb": 1}, "vram_allocated_mb"),
    (SHARED_CPU, {"cores_allocated": 1, "priority": "highest"}, "priority"),
    (SHARED_CPU, {"cores_allocated": 1, "max_power_percent": 101}, "max_power_percent"),
    (SHARED_CPU, {"cores_allocated": 1, "overnight_only": "no"}, "overnight_only"),
    (
        SHARED_CPU,
        {"cores_allocated": 1, "temperature_limit_celsius": 200},
        "temperature_limit_celsius",
    ),
    (SHARED_GPU, {"vram_allocated_mb": 22529}, "vram_allocated_mb"),
    (SHARED_GPU, {"vram_allocated_mb": 1, "vram_reserved_mb": 24576}, "vram_allocated_mb"),
    (SHARED_GPU, {"cores_allocated": 1}, "cores_allocated"),
)


def test_an_allocation_above_the_hardware_is_refused(pool: Pool) -> None:
    """The refusal names the field and what there is, and nothing is registered."""
    user = pool.user()
    for shared, allocation, field in WRONG_ALLOCATIONS:
        unit = {**shared, "allocation": allocation}
        problem = refused("422", register_machine, user, unit)
        assert problem["code"] == "INVALID_ALLOCATION"
        assert f"compute_units.0.allocation.{field}" in problem, (allocation, problem)
    unit = {**SHARED_CPU, "allocation": {"cores_allocated": 15}}
    problem = refused("422", register_machine, user, SHARED_GPU, unit)
    assert (problem["allocated"], problem["reserved"], problem["available"]) == (15, 2, 16)
    unit = {**SHARED_GPU, "device_id": "gpu-9"}
    assert "compute_units.0.device_id" in refused("422", register_machine, user, unit)
    assert pool.scalar("select count(*) from public.nodes") == 0


def test_two_machines_of_one_user(pool: Pool) -> None:
    """Each has its node, its units and its key."""
    user = pool.user()
    first = register_machine(user)
    second = register_machine(user, machine_id="machine-2", api_key="key 2")
    assert first.id != second.id
    assert first.unit() != second.unit()
    first.beat()
    second.beat()
    assert pool.scalar("select count(*) from public.compute_units where status = 'active'") == 4
    problem = refused("404", first.heartbeat, {"unit_id": second.unit()})
    assert problem["compute_units.0.unit_id"] == second.unit()


def test_a_machine_that_was_installed_anew_is_the_same_one(pool: Pool) -> None:
    """Node and units stay, what is not listed is withheld, and the old key is void."""
    user = pool.user()
    old = register_machine(user)
    old.beat()
    new = register_machine(user, SHARED_CPU, api_key="key 2", hostname="tower-2")
    assert (new.id, new.unit()) == (old.id, old.unit())
    assert new.states() == {"cpu-0": "active", "gpu-0": "not_shared"}
    assert refused("401", old.beat)["code"] == "UNAUTHORIZED"
    new.beat()
    assert pool.rows("select hostname from public.nodes") == [("tower-2",)]


def test_a_key_is_kept_as_its_hash_rotated_and_revoked(pool: Pool) -> None:
    """One is good at a time."""
    machine = register_machine(pool.user())
    assert pool.rows("select key_hash from private.api_keys") == [(digest("key 1"),)]
    owner = machine.owner.connection
    call(owner, "private.rotate_api_key", {"id": machine.id, "key_hash": digest("key 2")})
    refused("401", machine.beat)
    machine.api_key = "key 2"
    machine.beat()
    assert call(owner, "private.revoke_api_key", {"id": "machine-1"})["keys_revoked"] == 1
    refused("401", machine.beat)
    assert call(owner, "private.revoke_api_key", {"id": "machine-1"})["keys_revoked"] == 0


def test_a_machine_of_another_user_is_not_there(pool: Pool) -> None:
    """Nothing about it can be asked or changed."""
    machine, stranger = register_machine(pool.user()), pool.user().connection
    for function, arguments in (
        ("read_machine", {}),
        ("unregister_machine", {}),
        ("revoke_api_key", {}),
        ("rotate_api_key", {"key_hash": digest("x")}),
    ):
        for name in (machine.id, "machine-1"):
            refused("404", call, stranger, f"private.{function}", {"id": name, **arguments})
    refused("404", call, stranger, "private.read_unit", {"unit_id": machine.unit()})


def test_a_machine_moves_to_another_owner_when_it_was_silent_for_long(pool: Pool) -> None:
    """Until then it is a conflict; afterwards the old key is void and what was earned stays."""
    pool.set_clock(NOON)
    seller, buyer = pool.user(), pool.user()
    old = register_machine(seller)
    old.beat()
    pool.advance("15 seconds")
    old.beat()
    assert refused("409", register_machine, buyer, api_key="key 2")["code"] == "CONFLICT"
    pool.advance("61 minutes")
    new = register_machine(buyer, api_key="key 2")
    assert new.id != old.id
    refused("401", old.beat)
    assert pool.scalar("select count(*) from public.nodes") == 1
    earned = seller.call("my_earnings")
    assert earned["total_earnings"] > 0
    assert buyer.call("my_earnings")["total_earnings"] == 0


def test_an_agent_on_a_machine_that_moved_takes_its_units(pool: Pool) -> None:
    """Claiming is as good as registering."""
    pool.set_clock(NOON)
    old = register_machine(pool.user())
    old.beat()
    pool.advance("61 minutes")
    node = pool.node(machine_id="machine-1", hardware=HARDWARE)
    assert pool.rows(
        "select node_id::text, device_id, status from public.compute_units order by device_id"
    ) == [
        (node.id, "cpu-0", "active"),
        (node.id, "gpu-0", "not_shared"),
    ]


def test_unregistering_releases_leases_and_keeps_credits(pool: Pool) -> None:
    """By its owner, of a node that runs: another node takes its work, its uptime stays paid."""
    pool.set_clock(NOON)
    user = pool.user()
    user.submit(10)
    leaving, other = pool.node(user, machine_id="m-1"), pool.node(user)
    assert len(leaving.take()) == 1
    pool.advance("10 seconds")
    answer = call(user.connection, "private.unregister_machine", {"id": "m-1"})
    assert (answer["machine_id"], answer["compute_units_removed"]) == ("m-1", 1)
    assert len(other.take()) == 1
    assert pool.scalar("select count(*) from public.nodes where machine_id = 'm-1'") == 0
    # 8 cores for 10 seconds at 0.01 an hour, also of the interval that had not been paid yet
    assert user.call("my_earnings")["total_earnings"] == pytest.approx(0.000222)
    refused("404", call, user.connection, "private.unregister_machine", {"id": "m-1"})


def test_an_agent_that_leaves_is_paid_until_then(pool: Pool) -> None:
    """Its units go with it, the credits of its owner do not."""
    pool.set_clock(NOON)
    node = pool.node()
    key = pool.scalar("select public_key from public.nodes")
    pool.advance("10 seconds")
    call(pool.admin, "private.unregister_node", {"public_key": key})
    assert pool.scalar("select count(*) from public.compute_units") == 0
    pool.scalar("select private.post_earnings()")
    earned = node.owner.call("my_earnings")
    assert earned["ledger"] == earned["total_earnings"] == pytest.approx(0.000222)
    assert [record["machine"] for record in earned["days"]] == [None]


def test_an_agent_shares_its_processor_when_it_is_claimed(pool: Pool) -> None:
    """As many cores as it has workers; a GPU waits for a decision."""
    node = pool.node(total_cores=16, enabled_cores=6, hardware=HARDWARE)
    units = node.heartbeat()["settings"]["units"]
    assert [(unit["device_id"], unit["status"]) for unit in units] == [
        ("cpu-0", "active"),
        ("gpu-0", "not_shared"),
    ]
    assert units[0]["allocation"]["cores_allocated"] == 6


def test_an_agent_and_the_api_are_one_machine(pool: Pool) -> None:
    """Whichever comes first, the machine has one node with the agent's key, and its units."""
    user = pool.user()
    machine = register_machine(user)
    machine.beat()
    node = pool.node(user, machine_id="machine-1", total_cores=16, hardware=HARDWARE)
    assert pool.rows("select id::text from public.nodes") == [(node.id,)]
    assert pool.scalar("select count(*) from public.compute_units where node_id = %s", node.id) == 2
    machine.beat()  # its key is that of the node now
    again = register_machine(user, SHARED_CPU, api_key="key 2")
    assert (again.id, again.unit()) == (node.id, machine.unit())


def test_an_agent_that_was_installed_anew_keeps_the_units_of_its_machine(pool: Pool) -> None:
    """It has a new key and is a new node, which takes the units of the old one that is offline."""
    pool.set_clock(NOON)
    user = pool.user()
    old = pool.node(user, machine_id="m-1")
    unit = pool.scalar("select id::text from public.compute_units")
    pool.advance("2 minutes")
    pool.scalar("select private.mark_stale_nodes_offline()")
    new = pool.node(user, machine_id="m-1")
    assert old.id != new.id
    assert pool.rows("select id::text, node_id::text from public.compute_units") == [(unit, new.id)]


def test_two_agents_of_one_machine_share_it_once(pool: Pool) -> None:
    """The second has no units, and works all the same; no device is paid for twice."""
    user = pool.user()
    first = pool.node(user, machine_id="m-1")
    second = pool.node(user, machine_id="m-1")
    third = pool.node(machine_id="m-1")
    assert pool.rows("select node_id::text from public.compute_units") == [(first.id,)]
    assert second.heartbeat()["settings"]["units"] == []
    user.submit(10)
    assert len(second.take()) == 1
    assert third.heartbeat()["settings"]["units"] == []
    refused("409", register_machine, third.owner, machine_id="m-1")


def test_hardware_that_changed_shrinks_what_is_shared(pool: Pool) -> None:
    """And a device that is gone is withheld."""
    user = pool.user()
    node = pool.node(user, total_cores=16, enabled_cores=16, hardware=HARDWARE)
    key = pool.scalar("select public_key from public.nodes")
    smaller = {**HARDWARE, "cpus": [{**HARDWARE["cpus"][0], "cores": 4}], "gpus": []}
    gpu = pool.scalar("select id::text from public.compute_units where device_type = 'gpu'")
    allocate(user, node.id, {"unit_id": gpu, "is_shared": True})
    pool.register(key, total_cores=4, enabled_cores=4, hardware=smaller)
    units = node.heartbeat()["settings"]["units"]
    assert [(u["device_id"], u["status"]) for u in units] == [
        ("cpu-0", "active"),
        ("gpu-0", "not_shared"),
    ]
    assert (units[0]["allocation"]["cores_allocated"], GPU["vram_mb"]) == (4, 24576)


def test_hardware_that_makes_no_sense_is_a_processor_of_all_cores(pool: Pool) -> None:
    """Whatever an agent says, its owner gets to share it."""
    strange: tuple[Any, ...] = (
        {},
        {"cpus": 7},
        {"cpus": [1, {"device_id": 5, "cores": "x"}, {}]},
        {"cpus": [{"device_id": ""}], "gpus": {}},
    )
    for hardware in strange:
        user: User = pool.user()
        pool.node(user, hardware=hardware)
        devices = pool.rows(
            "select device_id, capacity from public.compute_units where user_id = %s", user.id
        )
        assert ("cpu-0", 8) in devices or ("5", 0) in devices, hardware
