"""How a node follows its owner, and how it leaves."""

from __future__ import annotations

from node import instructions as do
from node import stimuli as on
from node.model import HeartbeatAnswer, NodeSettings, RegistrationAnswer
from tests.unit.node.machine import Machine, chunk, completed, event, of, only, told


def test_more_workers_apply_at_once_and_ask_for_work() -> None:
    """By push, without waiting for the next heartbeat."""
    machine = Machine().run(max_parallel=1)
    settings = NodeSettings(max_parallel=4, name="atlas")
    instructions = machine.send(on.SettingsPushed, settings=settings)
    assert only(do.ResizePool, instructions).size == 4
    assert only(do.Exchange, instructions).slots == 4


def test_fewer_workers_let_running_chunks_finish() -> None:
    """Nothing is stopped, nothing new is started until enough have ended."""
    machine = Machine().run(max_parallel=2).work_on(1, 2, 3)
    machine.wait(16.5)
    machine.done.clear()
    instructions = machine.answer_heartbeat(max_parallel=1)
    assert only(do.ResizePool, instructions).size == 1
    instructions = machine.end(1)
    assert not of(do.StartChunk, instructions)
    assert only(do.Exchange, instructions).slots == 0
    assert of(do.StartChunk, machine.end(2)) == [do.StartChunk(chunk(3))]


def test_this_machines_limit_holds_whatever_the_owner_sets() -> None:
    """`max_parallel` of the settings is what the machine's user allows."""
    machine = Machine(max_parallel=2).run(max_parallel=8)
    assert machine.state.workload.size == 2


def test_no_workers_gives_waiting_chunks_back() -> None:
    """A lease that nobody will run is not held."""
    machine = Machine().run(max_parallel=1).work_on(1, 2)
    machine.wait(16.5)
    exchange = only(do.Exchange, machine.answer_heartbeat(max_parallel=0))
    assert [finished.status for finished in exchange.finished] == ["released"]


def test_a_pause_finishes_what_runs_and_takes_nothing() -> None:
    """Waiting chunks are given back; a resume asks for work at once."""
    machine = Machine().run(max_parallel=1).work_on(1, 2)
    machine.wait(16.5)
    instructions = machine.answer_heartbeat(max_parallel=1, paused=True)
    assert "paused" in told(instructions)
    exchange = only(do.Exchange, instructions)
    assert [finished.chunk_id for finished in exchange.finished] == [chunk(2).chunk_id]
    assert exchange.slots == 0
    machine.answer_exchange(outcomes={2: "accepted"})
    assert only(do.Exchange, machine.end(1)).slots == 0
    machine.answer_exchange(outcomes={1: "accepted"})
    settings = NodeSettings(max_parallel=1, paused=False)
    assert only(do.Exchange, machine.send(on.SettingsPushed, settings=settings)).slots == 1


def test_a_node_that_is_too_old_says_so_and_takes_nothing() -> None:
    """What runs finishes, what waits goes back; once the pool takes it again it asks at once."""
    machine = Machine().run(max_parallel=1).work_on(1, 2)
    machine.wait(16.5)
    settings = NodeSettings(max_parallel=1, required_version="2.0.0")
    instructions = machine.send(on.HeartbeatAnswered, answer=HeartbeatAnswer(settings))
    assert "updated to 2.0.0 or newer" in event("outdated", instructions).message
    exchange = only(do.Exchange, instructions)
    assert [finished.chunk_id for finished in exchange.finished] == [chunk(2).chunk_id]
    machine.answer_exchange(outcomes={2: "accepted"}, required_version="2.0.0")
    assert machine.state.snapshot().required_version == "2.0.0"
    assert only(do.Exchange, machine.end(1)).slots == 0
    machine.answer_exchange(outcomes={1: "accepted"}, required_version="2.0.0")
    settings = NodeSettings(max_parallel=1)
    assert only(do.Exchange, machine.send(on.SettingsPushed, settings=settings)).slots == 1


def test_a_registration_says_that_a_node_is_too_old() -> None:
    """Before it is claimed, so that its owner does not wait for work in vain."""
    machine = Machine()
    machine.start()
    answer = RegistrationAnswer("node-1", claimed=True, max_parallel=1, required_version="2.0.0")
    assert "outdated" in told(machine.send(on.Registered, answer=answer))


def test_an_answer_to_a_question_for_work_says_that_a_node_is_too_old() -> None:
    """Once, however often it asks."""
    machine = Machine().run(max_parallel=1)
    machine.wait(80.0)
    assert "outdated" in told(machine.answer_exchange(required_version="2.0.0"))
    machine.work_on(1)
    assert told(machine.answer_exchange(required_version="2.0.0")) == []


def test_a_push_without_settings_asks_for_them() -> None:
    """The message is a hint; the truth is one heartbeat away."""
    machine = Machine().run()
    assert of(do.SendHeartbeat, machine.send(on.SettingsPushed, settings=None))


def test_a_first_stop_drains() -> None:
    """Running chunks finish, waiting ones go back, results go in, then the node ends."""
    machine = Machine().run(max_parallel=1).work_on(1, 2)
    exchange = only(do.Exchange, machine.send(on.StopRequested))
    assert [(finished.chunk_id, finished.status) for finished in exchange.finished] == [
        (chunk(2).chunk_id, "released")
    ]
    assert exchange.slots == 0
    machine.end(1)
    instructions = machine.answer_exchange(outcomes={2: "accepted"})
    assert only(do.Exchange, instructions).finished == (completed(1),)
    instructions = machine.answer_exchange(outcomes={1: "accepted"})
    assert only(do.Shutdown, instructions).failure is None
    assert machine.is_in("stopped")


def test_a_draining_node_gives_late_leases_back() -> None:
    """A push may be on its way when the owner stops the node."""
    machine = Machine().run(max_parallel=1).work_on(1)
    machine.send(on.StopRequested)
    instructions = machine.send(on.ChunksPushed, chunks=(chunk(2),))
    assert only(do.Exchange, instructions).finished[0].status == "released"


def test_draining_too_long_gives_running_chunks_back() -> None:
    """The owner's patience is bounded, and the pool's work is not lost."""
    machine = Machine(drain_timeout=30.0).run().work_on(1)
    machine.send(on.StopRequested)
    instructions = machine.wait(31.0)
    assert do.StopChunk(chunk(1).chunk_id) in instructions
    exchange = only(do.Exchange, machine.end(1, "stopped"))
    assert exchange.finished[0].status == "released"
    assert of(do.Shutdown, machine.answer_exchange(outcomes={1: "accepted"}))


def test_a_result_that_beats_the_stop_is_handed_in() -> None:
    """Giving up on a chunk does not throw its result away."""
    machine = Machine(drain_timeout=30.0).run().work_on(1)
    machine.send(on.StopRequested)
    machine.wait(31.0)
    assert only(do.Exchange, machine.end(1)).finished == (completed(1),)


def test_draining_without_a_server_ends_all_the_same() -> None:
    """Results stay on disk for the next start."""
    machine = Machine(drain_timeout=30.0).run().work_on(1)
    machine.end(1)
    machine.send(on.StopRequested)
    for _ in range(200):
        if machine.is_in("stopped"):
            break
        for request in sorted(machine.state.agenda.in_flight):
            machine.fail(request)
        machine.wait(1.0)
    assert machine.is_in("stopped")
    assert machine.now <= 100.0 + 40.0
    assert do.Discard(chunk(1).chunk_id) not in machine.done


def test_a_second_stop_ends_at_once() -> None:
    """Leases expire by themselves."""
    machine = Machine().run().work_on(1)
    machine.send(on.StopRequested)
    instructions = machine.send(on.StopRequested)
    assert do.StopChunk(chunk(1).chunk_id) in instructions
    assert of(do.Shutdown, instructions)


def test_stop_now_needs_no_drain() -> None:
    """From any state."""
    machine = Machine()
    machine.start()
    assert of(do.Shutdown, machine.send(on.StopNowRequested))


def test_an_unclaimed_node_stops_at_once() -> None:
    """It has nothing to finish."""
    machine = Machine()
    machine.start()
    machine.show_code()
    assert of(do.Shutdown, machine.send(on.StopRequested))
    assert machine.state.next_wake() is None


def test_a_stopped_node_does_nothing_any_more() -> None:
    """Answers that come late are not an error."""
    machine = Machine().run()
    machine.send(on.StopNowRequested)
    assert machine.answer_heartbeat() == []
    assert machine.work_on(1).is_in("stopped")
