"""How a node follows what the people at its machine decide, and how the machine feels."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from node import instructions as do
from node import stimuli as on
from node.allocation import Allocation
from node.guards import Conditions
from node.model import NodeSettings, Unit, UnitReport
from node.sharing import CPU, Share, Sharing
from node.steward import Terms
from tests.unit.node.machine import Machine, chunk, event, of, only, told


def shared(*, is_shared: bool = True, pause: Any = None, **allocation: Any) -> Sharing:
    """Decisions on the processors."""
    given = Allocation(**{"allocated": 2, "reserved": 0, **allocation}) if allocation else None
    return Sharing(MappingProxyType({CPU: Share(is_shared, given)}), pause)


def decide(machine: Machine, sharing: Sharing) -> list[do.Instruction]:
    """Somebody at the machine decides."""
    return machine.send(on.SharingDecided, sharing=sharing)


def feel(machine: Machine, **conditions: Any) -> list[do.Instruction]:
    """The machine feels like this."""
    felt = Conditions(**{"minute_of_day": 720, **conditions})
    return machine.send(on.ConditionsFelt, conditions=felt)


def test_shared_cores_bound_the_workers() -> None:
    """Whatever the pool's settings say; what was decided before the node is claimed holds too."""
    machine = Machine()
    machine.start()
    decide(machine, shared(allocated=1))
    machine.register_claimed(4)
    assert machine.state.workload.size == 1
    instructions = decide(machine, shared(allocated=3))
    assert only(do.ResizePool, instructions).size == 3
    assert decide(machine, Sharing())[0] == do.ResizePool(4)


def test_terms_of_work_follow_the_allocation() -> None:
    """Said once, when they change."""
    machine = Machine().run()
    sharing = shared(allocated=1, priority="low", max_power_percent=60)
    assert only(do.SetTerms, decide(machine, sharing)).terms == Terms(1, "low", 60)
    assert not of(do.SetTerms, decide(machine, sharing))
    assert only(do.SetTerms, decide(machine, Sharing())).terms == Terms()


def test_a_pause_lets_chunks_end_for_a_moment_and_then_gives_them_back() -> None:
    """Within five seconds the machine is free, and the pool knows at once."""
    machine = Machine().run().work_on(1, 2)
    instructions = decide(machine, shared(pause="user_requested"))
    assert event("paused", instructions).message == "Paused at this machine"
    assert only(do.SendHeartbeat, instructions).free_workers == 0
    machine.answer_heartbeat()
    machine.end(1)
    instructions = machine.wait(3.5)
    assert of(do.StopChunk, instructions) == [do.StopChunk(chunk(2).chunk_id)]
    machine.answer_exchange(outcomes={1: "accepted"})
    exchange = only(do.Exchange, machine.end(2, "stopped"))
    assert [one.status for one in exchange.finished] == ["released"]
    assert exchange.slots == 0


def test_a_resume_in_time_disturbs_nothing() -> None:
    """What runs goes on, and work is asked for at once."""
    machine = Machine().run(max_parallel=2).work_on(1)
    decide(machine, shared(pause="maintenance"))
    instructions = decide(machine, Sharing())
    assert event("resumed", instructions).message == "Working again"
    machine.answer_heartbeat()
    assert not of(do.StopChunk, machine.wait(10.0))


def test_a_pause_here_and_one_by_the_owner_are_two() -> None:
    """Each is ended by who began it."""
    machine = Machine().run()
    decide(machine, shared(pause="user_requested"))
    machine.answer_heartbeat(paused=True)
    assert machine.state.snapshot().rests == ("by_owner", "user_requested")
    decide(machine, Sharing())
    assert machine.state.snapshot().rests == ("by_owner",)
    machine.send(on.SettingsPushed, settings=NodeSettings(max_parallel=2))
    assert not machine.state.snapshot().paused


def test_withheld_processors_do_nothing() -> None:
    """As if the machine were paused."""
    machine = Machine().run().work_on(1)
    assert event("paused", decide(machine, shared(is_shared=False))).message == (
        "Paused as its processors are withheld"
    )
    assert of(do.StopChunk, machine.wait(3.5))


@pytest.mark.parametrize(
    ("allocation", "bad", "good", "reason"),
    [
        (
            {"temperature_limit_celsius": 80},
            {"temperature_celsius": 90.0},
            {"temperature_celsius": 60.0},
            "overheating",
        ),
        ({"overnight_only": True}, {"minute_of_day": 720}, {"minute_of_day": 1400}, "daytime"),
    ],
)
def test_a_guard_pauses_and_lets_go(
    allocation: dict[str, Any], bad: dict[str, Any], good: dict[str, Any], reason: str
) -> None:
    """With its reason, told once each time."""
    machine = Machine().run()
    decide(machine, shared(**allocation))
    assert machine.state.is_guarded
    assert event("paused", feel(machine, **bad)).context == {"reasons": [reason]}
    machine.answer_heartbeat()
    assert told(feel(machine, **bad)) == []
    assert "resumed" in told(feel(machine, **good))


def test_conditions_nobody_asked_for_do_not_matter() -> None:
    """Nor do they once nobody asks for them any more."""
    machine = Machine().run()
    assert not machine.state.is_guarded
    assert feel(machine, temperature_celsius=120.0) == []
    decide(machine, shared(temperature_limit_celsius=80))
    feel(machine, temperature_celsius=90.0)
    machine.answer_heartbeat()
    assert "resumed" in told(decide(machine, shared(allocated=2)))


# -- what the owner decides in the pool -----------------------------------------------------------


def unit(*, status: str = "active", decided_at: str | None = "then", **allocation: Any) -> Unit:
    """The processors as the pool has them."""
    document = {"cores_allocated": 1, "cores_reserved": 0, **allocation}
    return Unit("unit-1", "cpu", CPU, 4, status, document, decided_at)


def command(kind: str, number: int = 1) -> dict[str, Any]:
    """A command to the processors."""
    return {"id": f"command-{number}", "kind": kind, "unit_id": "unit-1", "device_id": CPU}


def test_a_node_asks_what_its_owner_shares_when_it_begins() -> None:
    """The pool's copy wins over what was decided here before, and is written down."""
    machine = Machine()
    machine.start()
    decide(machine, shared(allocated=3))
    machine.register_claimed(4)
    machine.give_token()
    machine.send(on.Subscribed)
    assert of(do.ListUnits, machine.answer_heartbeat(max_parallel=4))
    instructions = machine.send(on.UnitsListed, units=(unit(priority="low"),))
    kept = only(do.KeepShare, instructions)
    assert (kept.device_id, kept.share.decided_at) == (CPU, "then")
    assert only(do.ResizePool, instructions).size == 1
    assert only(do.SetTerms, instructions).terms.priority == "low"


def test_what_was_decided_here_since_then_stays() -> None:
    """And so does everything where the owner has not decided anything."""
    machine = Machine().run(max_parallel=4)
    here = Share(is_shared=True, allocation=Allocation(allocated=3, reserved=0), decided_at="then")
    decide(machine, Sharing(MappingProxyType({CPU: here})))
    for listed in (unit(), unit(decided_at=None)):
        assert not of(do.KeepShare, machine.send(on.UnitsListed, units=(listed,)))
        assert machine.state.workload.size == 3


def test_an_allocation_from_afar_is_followed_and_acknowledged_once() -> None:
    """The command says that there is something to read; what comes twice is obeyed once."""
    machine = Machine().run(max_parallel=4)
    instructions = machine.send(on.CommandPushed, command=command("allocate"))
    assert event("command", instructions).message == "The owner changed what of cpu-0 is shared"
    assert of(do.ListUnits, instructions)
    instructions = machine.send(on.UnitsListed, units=(unit(),))
    assert machine.state.workload.size == 1
    heartbeat = only(do.SendHeartbeat, instructions)
    assert heartbeat.acknowledged == ("command-1",)
    assert heartbeat.units == (UnitReport("unit-1", CPU, "active"),)
    machine.answer_heartbeat(max_parallel=4, commands=(command("allocate"),))
    assert only(do.SendHeartbeat, machine.wait(16.5)).acknowledged == ()
    assert told(machine.send(on.CommandPushed, command=command("allocate"))) == []


def test_an_answer_that_is_older_than_a_command_does_not_obey_it() -> None:
    """The pool is asked again."""
    machine = Machine().run(max_parallel=4)
    machine.send(on.CommandPushed, command=command("allocate"))
    machine.send(on.CommandPushed, command=command("withhold", 2))
    instructions = machine.send(on.UnitsListed, units=(unit(),))
    assert only(do.SendHeartbeat, instructions).acknowledged == ("command-1",)
    assert of(do.ListUnits, instructions)
    machine.answer_heartbeat(max_parallel=4)
    instructions = machine.send(on.UnitsListed, units=(unit(status="not_shared"),))
    assert only(do.SendHeartbeat, instructions).acknowledged == ("command-2",)


def test_an_acknowledgement_that_was_lost_is_sent_again() -> None:
    """Until the pool has answered one."""
    machine = Machine().run()
    assert only(
        do.SendHeartbeat, machine.send(on.CommandPushed, command=command("pause"))
    ).acknowledged == ("command-1",)
    machine.fail("heartbeat", "refused")
    assert only(do.SendHeartbeat, machine.wait(5.0)).acknowledged == ("command-1",)
    machine.answer_heartbeat()
    assert only(do.SendHeartbeat, machine.wait(16.5)).acknowledged == ()


def test_commands_come_with_the_heartbeat_too() -> None:
    """A push may be lost; the settings of the same answer are what is followed."""
    machine = Machine().run()
    machine.wait(16.5)
    instructions = machine.answer_heartbeat(paused=True, commands=(command("pause"),))
    assert {"command", "paused"} <= set(told(instructions))
    assert only(do.SendHeartbeat, instructions).acknowledged == ("command-1",)


def test_processors_withheld_from_afar_rest() -> None:
    """Even when the allocation is as it was; sharing them again ends it."""
    machine = Machine().run(max_parallel=4)
    machine.send(on.UnitsListed, units=(unit(),))
    machine.send(on.CommandPushed, command=command("withhold"))
    instructions = machine.send(on.UnitsListed, units=(unit(status="not_shared"),))
    assert "paused" in told(instructions)
    assert only(do.SendHeartbeat, instructions).units == ()
    machine.answer_heartbeat(max_parallel=0)
    machine.send(on.CommandPushed, command=command("allocate", 2))
    assert "resumed" in told(machine.send(on.UnitsListed, units=(unit(status="registering"),)))


def test_a_unit_that_rests_says_so_and_one_that_works_says_on_what() -> None:
    """Uptime is paid for working."""
    machine = Machine().run().work_on(1)
    machine.send(on.UnitsListed, units=(unit(),))
    task = chunk(1).chunk_id
    heartbeat = only(do.SendHeartbeat, machine.wait(16.5))
    assert heartbeat.units == (UnitReport("unit-1", CPU, "active", task),)
    machine.answer_heartbeat(max_parallel=1)
    heartbeat = only(do.SendHeartbeat, decide(machine, shared(pause="maintenance")))
    assert heartbeat.units == (UnitReport("unit-1", CPU, "paused", task),)


def test_an_allocation_that_only_a_later_release_understands_is_left_to_the_settings() -> None:
    """The number of workers comes with those."""
    machine = Machine().run(max_parallel=4)
    machine.send(on.UnitsListed, units=(unit(moon_phase="full"),))
    assert machine.state.workload.size == 4


@pytest.mark.parametrize("command", [None, 7, {}, {"id": 7, "kind": "pause"}, {"id": "x"}])
def test_a_command_that_makes_no_sense_is_none(command: Any) -> None:
    """It is neither obeyed nor acknowledged: a later release may know it."""
    machine = Machine().run()
    assert machine.send(on.CommandPushed, command=command) == []
