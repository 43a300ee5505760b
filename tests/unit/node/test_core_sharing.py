"""How a node follows what the people at its machine decide, and how the machine feels."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from node import instructions as do
from node import stimuli as on
from node.allocation import Allocation
from node.guards import Conditions
from node.model import NodeSettings
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
