"""Compute units: states, heartbeats, commands, allocations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

from tests.db.schema.machines import HARDWARE, SHARED_CPU, allocate, register_machine
from tests.db.schema.pool import call, detail

if TYPE_CHECKING:
    from tests.db.schema.pool import Json, Pool

NOON: Final = "2026-11-21 12:00:00+00"


def test_a_unit_that_misses_three_heartbeats_is_offline_until_the_next(pool: Pool) -> None:
    """Not before; and one that rests is not asked."""
    pool.set_clock(NOON)
    machine = register_machine(pool.user())
    machine.beat()
    machine.owner.call("pause_unit", unit_id=machine.unit("gpu"))
    pool.advance("45 seconds")
    assert pool.scalar("select private.mark_silent_units_offline()") == 0
    pool.advance("1 second")
    assert pool.scalar("select private.mark_silent_units_offline()") == 1
    assert machine.states() == {"cpu-0": "offline", "gpu-0": "paused"}
    machine.beat()
    assert machine.states() == {"cpu-0": "active", "gpu-0": "paused"}


def test_a_unit_that_fails_tries_again(pool: Pool) -> None:
    """It is broken for as long as its machine says so."""
    machine = register_machine(pool.user(), SHARED_CPU)
    for said, state in (("error", "error"), ("error", "error"), ("active", "active")):
        machine.beat(said)
        assert machine.states() == {"cpu-0": state}


def test_what_a_unit_does_is_its_owners_to_read(pool: Pool) -> None:
    """The figures of its last heartbeat."""
    machine = register_machine(pool.user(), SHARED_CPU)
    chunk = "00000000-0000-4000-8000-000000000001"
    machine.beat(current_load_percent=75.5, temperature_celsius=61, current_task_id=chunk)
    unit = call(machine.owner.connection, "private.read_unit", {"unit_id": machine.unit()})
    assert (unit["current_load_percent"], unit["temperature_celsius"]) == (75.5, 61)
    assert (unit["current_task_id"], unit["power_draw_watts"]) == (chunk, None)
    assert unit["last_heartbeat"] is not None
    assert unit["stats"]["tasks_completed"] == 0


def test_pausing_and_resuming_tell_the_machine(pool: Pool) -> None:
    """By push at once and with every heartbeat until it is acknowledged, which counts once."""
    machine = register_machine(pool.user(), SHARED_CPU)
    machine.heartbeat(acknowledged=[command["id"] for command in machine.beat()])
    unit = machine.unit()
    answer = machine.owner.call("pause_unit", unit_id=unit, reason="maintenance")
    assert (answer["status"], answer["reason"]) == ("paused", "maintenance")
    pushed = pool.messages(f"node:{machine.id}", "command")[-1]
    (command,) = machine.beat()
    assert (command["kind"], command["reason"]) == ("pause", "maintenance")
    assert (command["unit_id"], command["device_id"]) == (unit, "cpu-0")
    assert command["created_at"] == pushed["created_at"]
    assert machine.beat() == [command]
    assert machine.states() == {"cpu-0": "paused"}
    assert machine.heartbeat(acknowledged=[command["id"]]) == []
    when = pool.scalar("select acknowledged_at from private.node_commands where kind = 'pause'")
    assert machine.heartbeat(acknowledged=[command["id"], command["id"]]) == []
    assert when == pool.scalar(
        "select acknowledged_at from private.node_commands where kind = 'pause'"
    )
    machine.owner.call("resume_unit", unit_id=unit)
    assert [command["kind"] for command in machine.beat()] == ["resume"]
    assert machine.states() == {"cpu-0": "active"}


def test_a_command_that_is_revoked_before_it_is_carried_out_is_not_sent(pool: Pool) -> None:
    """The machine hears of the last decision only."""
    machine = register_machine(pool.user(), SHARED_CPU)
    machine.beat()
    for _ in range(3):
        machine.owner.call("pause_unit", unit_id=machine.unit())
        machine.owner.call("resume_unit", unit_id=machine.unit())
    assert [command["kind"] for command in machine.beat()] == ["allocate", "resume"]


def test_the_acknowledgement_of_another_machine_counts_nothing(pool: Pool) -> None:
    """A command is its machine's own."""
    machine = register_machine(pool.user(), SHARED_CPU)
    other = register_machine(pool.user(), SHARED_CPU, machine_id="machine-2", api_key="key 2")
    (command,) = machine.beat()
    other.heartbeat(acknowledged=[command["id"]])
    assert machine.beat() == [command]


def test_a_pause_is_told_twice_without_harm(pool: Pool) -> None:
    """The first reason and time stay; so does a unit that works."""
    machine = register_machine(pool.user(), SHARED_CPU)
    machine.beat()
    first = machine.owner.call("pause_unit", unit_id=machine.unit(), reason="overheating")
    assert first == machine.owner.call("pause_unit", unit_id=machine.unit())
    for _ in range(2):
        answer = machine.owner.call("resume_unit", unit_id=machine.unit())
        assert answer["status"] == "active"


def test_only_what_works_is_paused_and_only_what_rests_resumed(pool: Pool) -> None:
    """The refusal says what the unit is."""
    machine = register_machine(pool.user(), SHARED_CPU)
    for function in ("pause_unit", "resume_unit"):
        with pytest.raises(psycopg.Error) as caught:
            machine.owner.call(function, unit_id=machine.unit())
        assert caught.value.sqlstate == "PT409"
        assert detail(caught.value)["status"] == "registering"
    machine.beat()
    with pytest.raises(psycopg.Error, match="reason") as caught:
        machine.owner.call("pause_unit", unit_id=machine.unit(), reason="bored")
    assert caught.value.sqlstate == "PT400"


def test_a_machine_pauses_its_own_units(pool: Pool) -> None:
    """It feels the heat first. Those of others are not there."""
    machine = register_machine(pool.user(), SHARED_CPU)
    other = register_machine(pool.user(), SHARED_CPU, machine_id="machine-2", api_key="key 2")
    machine.beat()
    arguments = {"unit_id": machine.unit(), "reason": "overheating"}
    with other.connect() as connection, pytest.raises(psycopg.Error) as caught:
        call(connection, "pause_unit", arguments)
    assert caught.value.sqlstate == "PT404"
    with machine.connect() as connection:
        assert call(connection, "pause_unit", arguments)["status"] == "paused"


def test_a_node_whose_processors_rest_takes_no_work(pool: Pool) -> None:
    """It is paused as a whole, and works again with the first that does."""
    user = pool.user()
    node = pool.node(user)
    user.submit(10)
    unit = node.heartbeat()["settings"]["units"][0]["unit_id"]
    user.call("pause_unit", unit_id=unit)
    assert pool.messages(f"node:{node.id}", "settings")[-1]["paused"] is True
    assert node.take() == []
    user.call("resume_unit", unit_id=unit)
    assert pool.messages(f"node:{node.id}", "settings")[-1]["paused"] is False
    assert len(node.take()) == 1


def test_an_allocation_is_how_many_workers_a_node_runs(pool: Pool) -> None:
    """It goes to the node as its settings and as a command; and the other way round."""
    user = pool.user()
    node = pool.node(user, total_cores=16, enabled_cores=16, hardware=HARDWARE)
    (cpu, _) = node.heartbeat()["settings"]["units"]
    (unit,) = allocate(
        user, node.id, {"unit_id": cpu["unit_id"], "allocation": {"cores_allocated": 3}}
    )
    assert (unit["allocation"]["cores_allocated"], unit["allocation"]["cores_reserved"]) == (3, 2)
    assert pool.messages(f"node:{node.id}", "settings")[-1]["max_parallel"] == 3
    answer = node.heartbeat()
    assert answer["settings"]["max_parallel"] == 3
    (command,) = answer["commands"]
    assert (command["kind"], command["allocation"]) == ("allocate", unit["allocation"])
    assert node.heartbeat(acknowledged=[command["id"]])["commands"] == []
    for workers in (1, 15):
        user.call("update_node_settings", node_id=node.id, max_parallel=workers)
        (cpu, _) = node.heartbeat()["settings"]["units"]
        assert cpu["allocation"]["cores_allocated"] == workers
    assert cpu["allocation"]["cores_reserved"] == 1


def test_a_device_is_withheld_and_shared(pool: Pool) -> None:
    """A node without a shared processor runs nothing."""
    user = pool.user()
    node = pool.node(user)
    user.submit(10)
    (cpu,) = node.heartbeat()["settings"]["units"]
    (unit,) = allocate(user, node.id, {"unit_id": cpu["unit_id"], "is_shared": False})
    assert unit["status"] == "not_shared"
    assert [command["kind"] for command in node.heartbeat()["commands"]] == ["withhold"]
    assert node.take() == []
    (unit,) = allocate(user, node.id, {"unit_id": cpu["unit_id"], "is_shared": True})
    assert unit["status"] == "registering"
    node.heartbeat()
    assert len(node.take()) == 1


def test_an_allocation_does_not_wake_a_node_that_is_paused(pool: Pool) -> None:
    """What its owner paused as a whole rests until they resume it."""
    user = pool.user()
    pool.configure(allocation_cooldown="0 seconds")
    node = pool.node(user)
    (cpu,) = node.heartbeat()["settings"]["units"]
    change = {"unit_id": cpu["unit_id"], "allocation": {"cores_allocated": 2}}
    user.call("update_node_settings", node_id=node.id, paused=True)
    allocate(user, node.id, change)
    assert node.heartbeat()["settings"]["paused"] is True
    user.call("update_node_settings", node_id=node.id, paused=False)
    user.call("pause_unit", unit_id=cpu["unit_id"])
    for is_shared in (False, True):
        assert node.heartbeat()["settings"]["paused"] is not is_shared
        allocate(user, node.id, {"unit_id": cpu["unit_id"], "is_shared": is_shared})
    assert node.heartbeat()["settings"]["paused"] is False


def test_an_allocation_is_changed_once_in_a_while(pool: Pool) -> None:
    """The refusal says how long to wait, and nothing of the call is done."""
    pool.set_clock(NOON)
    machine = register_machine(pool.user())
    pool.advance("7 seconds")
    change = {"unit_id": machine.unit(), "allocation": {"cores_allocated": 2}}
    with pytest.raises(psycopg.Error) as caught:
        allocate(machine.owner, machine.id, change)
    assert caught.value.sqlstate == "PT429"
    assert detail(caught.value)["retry_after"] == 3
    pool.advance("3 seconds")
    allocate(machine.owner, machine.id, change)
    assert pool.scalar("select quantity from public.compute_units where device_type = 'cpu'") == 2


def test_changes_are_made_together_or_not_at_all(pool: Pool) -> None:
    """One that is refused undoes the others; a foreign unit is not there."""
    pool.set_clock(NOON)
    machine = register_machine(pool.user())
    pool.advance("1 minute")
    good = {"unit_id": machine.unit(), "allocation": {"cores_allocated": 2}}
    bad = {"unit_id": machine.unit("gpu"), "allocation": {"vram_allocated_mb": 99999}}
    with pytest.raises(psycopg.Error) as caught:
        allocate(machine.owner, machine.id, good, bad)
    assert caught.value.sqlstate == "PT422"
    assert "compute_units.1.allocation.vram_allocated_mb" in detail(caught.value)
    assert pool.scalar("select quantity from public.compute_units where device_type = 'cpu'") == 8
    other = register_machine(pool.user(), machine_id="machine-2", api_key="key 2")
    with pytest.raises(psycopg.Error) as caught:
        allocate(machine.owner, machine.id, {"unit_id": other.unit(), "is_shared": False})
    assert caught.value.sqlstate == "PT404"


#: what a machine may not say of a unit
WRONG_REPORTS: Final[tuple[Any, ...]] = (
    7,
    {},
    {"unit_id": "x"},
    {"status": "asleep"},
    {"status": "offline"},
    {"surprise": 1},
    {"current_task_id": "x"},
    {"current_load_percent": 101},
    {"current_load_percent": "1"},
    {"power_draw_watts": -1},
    {"vram_used_mb": -1},
)


def test_a_malformed_report_is_refused(pool: Pool) -> None:
    """Of a machine and of a node alike."""
    machine = register_machine(pool.user(), SHARED_CPU)
    node = pool.node()
    for wrong in WRONG_REPORTS:
        report = (
            {"unit_id": machine.unit(), **wrong} if isinstance(wrong, dict) and wrong else wrong
        )
        with pytest.raises(psycopg.Error) as caught:
            machine.heartbeat(report)
        assert caught.value.sqlstate == "PT400", report
        with pytest.raises(psycopg.Error) as caught:
            node.heartbeat(units=[report])
        assert caught.value.sqlstate == "PT400", report
    for acknowledged in (7, ["x"], [1]):
        with pytest.raises(psycopg.Error, match="acknowledged"):
            node.heartbeat(acknowledged=acknowledged)


def test_a_node_may_report_units_that_are_gone(pool: Pool) -> None:
    """Its own heartbeat must not fail for it: the answer has the units that there are."""
    node = pool.node()
    gone: Json = {"unit_id": "00000000-0000-4000-8000-000000000001", "status": "active"}
    assert len(node.heartbeat(units=[gone])["settings"]["units"]) == 1


def test_heartbeats_of_units_update_their_rows_in_place(pool: Pool) -> None:
    """No index has to be touched, neither for the figures nor for the uptime."""
    pool.set_clock(NOON)
    node = pool.node()
    for _ in range(20):
        pool.advance("15 seconds")
        node.heartbeat()
    node.connection.execute("select pg_stat_force_next_flush()")
    node.connection.close()
    for table in ("unit_heartbeats", "unit_uptimes"):
        ((updates, in_place),) = pool.rows(
            "select n_tup_upd, n_tup_hot_upd from pg_stat_all_tables where relname = %s", table
        )
        assert updates == in_place
        assert updates >= 19
