"""How a running node takes, runs and hands in chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from node import instructions as do
from node import stimuli as on
from node.ledger import ATTEMPTS, BATCH, FIRST_DELAY, UNKNOWN_LEASE, VISIBLE_AFTER
from node.model import ExchangeAnswer, Outcome
from tests.unit.node.machine import SPEED, Machine, chunk, completed, of, only, told

if TYPE_CHECKING:
    from node.model import OutcomeName


def test_a_pushed_chunk_starts_at_once() -> None:
    """No poll lies between a push and its worker."""
    machine = Machine().run()
    instructions = machine.send(on.ChunksPushed, chunks=(chunk(1),))
    assert only(do.StartChunk, instructions) == do.StartChunk(chunk(1))
    assert told(instructions) == ["chunk_started"]


def test_a_chunk_that_comes_twice_starts_once() -> None:
    """A push and an exchange may bring the same lease."""
    machine = Machine().run().work_on(1, 1)
    machine.work_on(1)
    machine.wait(80.0)
    machine.answer_exchange(chunk(1))
    assert of(do.StartChunk, machine.done) == [do.StartChunk(chunk(1))]


def test_a_result_goes_out_and_the_next_chunk_comes_in_by_one_call() -> None:
    """The worker that became free is asked for in the call that hands its result in."""
    machine = Machine().run(max_parallel=1).work_on(1)
    instructions = machine.end(1)
    exchange = only(do.Exchange, instructions)
    assert only(do.Keep, instructions).finished == completed(1)
    assert (exchange.finished, exchange.slots, exchange.running) == ((completed(1),), 1, ())
    instructions = machine.answer_exchange(chunk(2), outcomes={1: "accepted"})
    assert do.Discard(chunk(1).chunk_id) in instructions
    assert do.StartChunk(chunk(2)) in instructions


def test_results_that_end_during_a_call_go_together_in_the_next() -> None:
    """One call is in flight at a time; load makes batches."""
    machine = Machine().run(max_parallel=4).work_on(1, 2, 3, 4)
    assert of(do.Exchange, machine.end(1))
    assert not of(do.Exchange, machine.end(2) + machine.end(3))
    exchange = only(do.Exchange, machine.answer_exchange(outcomes={1: "accepted"}))
    assert exchange.finished == (completed(2), completed(3))
    assert (exchange.slots, exchange.running) == (3, (chunk(4).chunk_id,))


def test_a_batch_is_bounded() -> None:
    """A long offline time does not end in one huge call."""
    machine = Machine()
    machine.start([completed(number) for number in range(BATCH + 1)])
    machine.register_claimed()
    machine.give_token()
    machine.send(on.Subscribed)
    exchanges = of(do.Exchange, machine.done)
    assert [len(exchange.finished) for exchange in exchanges] == [BATCH]


@pytest.mark.parametrize(
    ("outcome", "counted"), [("accepted", 1), ("duplicate", 0), ("stale", 0), ("rejected", 0)]
)
def test_every_outcome_ends_a_result(outcome: OutcomeName, counted: int) -> None:
    """Only what the server accepts counts; nothing is handed in for ever."""
    machine = Machine().run().work_on(1)
    machine.end(1)
    instructions = machine.answer_exchange(outcomes={1: outcome})
    assert do.Discard(chunk(1).chunk_id) in instructions
    assert f"chunk_{outcome}" in told(instructions)
    snapshot = machine.state.snapshot()
    assert (snapshot.chunks_completed, snapshot.iterations_completed) == (counted, counted * 100)
    assert machine.state.workload.ledger.is_empty


def test_an_ended_lease_is_not_started_by_a_late_push() -> None:
    """The push of a lease may overtake nothing, but it may be late."""
    machine = Machine().run().work_on(1)
    machine.end(1)
    machine.answer_exchange(outcomes={1: "accepted"})
    machine.done.clear()
    machine.work_on(1)
    assert not of(do.StartChunk, machine.done)


def test_a_new_lease_of_a_running_chunk_replaces_its_token() -> None:
    """The result is the same whoever asks for it; only the fence has moved."""
    machine = Machine().run().work_on(1)
    machine.send(on.ChunksPushed, chunks=(chunk(1, lease="newer"),))
    exchange = only(do.Exchange, machine.end(1))
    assert exchange.finished[0].lease_token == "newer"


def test_a_stale_answer_to_an_old_lease_does_not_end_the_new_one() -> None:
    """The lease may be renewed while the result is on its way."""
    machine = Machine().run().work_on(1)
    machine.end(1)
    machine.send(on.ChunksPushed, chunks=(chunk(1, lease="newer"),))
    exchange = only(do.Exchange, machine.answer_exchange(outcomes={1: "stale"}))
    assert exchange.finished[0].lease_token == "newer"


def test_surplus_chunks_wait_for_a_free_worker() -> None:
    """Oldest first."""
    machine = Machine().run(max_parallel=1).work_on(1, 2, 3)
    assert of(do.StartChunk, machine.done) == [do.StartChunk(chunk(1))]
    instructions = machine.end(1)
    assert do.StartChunk(chunk(2)) in instructions
    assert only(do.Exchange, instructions).slots == 0
    assert only(do.Exchange, instructions).running == (chunk(2).chunk_id, chunk(3).chunk_id)


def test_a_failed_chunk_is_reported_with_its_reason() -> None:
    """The server decides who tries again."""
    machine = Machine().run().work_on(1)
    instructions = machine.end(1, "failed", error="ConfigError: no spec", retryable=False)
    finished = only(do.Exchange, instructions).finished[0]
    assert (finished.status, finished.error, finished.retryable) == (
        "failed",
        "ConfigError: no spec",
        False,
    )
    assert "chunk_failed" in told(instructions)
    assert not of(do.Keep, instructions)


def test_a_chunk_whose_config_cannot_be_had_is_given_back() -> None:
    """An unreachable server is nobody's failure."""
    machine = Machine().run().work_on(1)
    assert only(do.Exchange, machine.end(1, "released")).finished[0].status == "released"


@pytest.mark.parametrize("by_push", [True, False])
def test_a_cancelled_chunk_is_stopped_and_forgotten(by_push: bool) -> None:  # noqa: FBT001
    """Its worker takes the next chunk as soon as it is free."""
    machine = Machine().run(max_parallel=1).work_on(1, 2)
    ids = (chunk(1).chunk_id,)
    if by_push:
        instructions = machine.send(on.ChunksCancelled, chunk_ids=ids)
    else:
        machine.wait(20.0)
        instructions = machine.answer_heartbeat(max_parallel=1, cancelled=ids)
    assert do.StopChunk(chunk(1).chunk_id) in instructions
    instructions = machine.end(1, "stopped")
    assert do.StartChunk(chunk(2)) in instructions
    assert chunk(1).chunk_id not in machine.state.workload.ledger.outbox


def test_a_result_that_comes_after_its_cancellation_is_dropped() -> None:
    """The worker may have been done just then."""
    machine = Machine().run().work_on(1)
    machine.send(on.ChunksCancelled, chunk_ids=(chunk(1).chunk_id,))
    instructions = machine.end(1)
    assert not of(do.Keep, instructions)
    assert machine.state.workload.ledger.is_empty


def test_a_cancelled_result_is_not_handed_in() -> None:
    """It leaves the disk as well."""
    machine = Machine().run(max_parallel=1).work_on(1)
    machine.end(1)
    machine.fail("exchange")
    assert machine.send(on.ChunksCancelled, chunk_ids=(chunk(1).chunk_id,)) == [
        do.Discard(chunk(1).chunk_id)
    ]


def test_an_idle_node_polls_at_a_jittered_interval() -> None:
    """A fleet that started together does not stay together."""
    delays = []
    machine = Machine(poll_interval=60.0).run()
    for _ in range(20):
        asked = machine.now
        while not of(do.Exchange, machine.tick()):
            machine.answer_heartbeat()
        delays.append(machine.now - asked)
        machine.answer_exchange()
    assert all(45.0 <= delay <= 75.0 for delay in delays)
    assert len(set(delays)) == len(delays)


def test_the_server_may_ask_for_a_sooner_poll_but_not_a_later_one() -> None:
    """The owner's interval is the longest wait."""
    machine = Machine(poll_interval=10.0, heartbeat_interval=1000.0).run()
    machine.wait(13.0)
    machine.answer_exchange(next_poll_ms=1000)
    assert of(do.Exchange, machine.wait(1.3))
    machine.answer_exchange(next_poll_ms=600_000)
    assert of(do.Exchange, machine.wait(13.0))


def test_a_busy_node_does_not_poll() -> None:
    """With nothing to hand in and no free worker there is nothing to say but heartbeats."""
    machine = Machine(poll_interval=10.0).run(max_parallel=1).work_on(1)
    instructions = machine.wait(14.0)
    assert not of(do.Exchange, instructions)


def test_every_join_asks_for_missed_work() -> None:
    """Realtime has no memory of what it pushed before."""
    machine = Machine().run()
    machine.send(on.SubscriptionLost, reason="cut")
    machine.wait(2.0)
    assert of(do.Exchange, machine.send(on.Subscribed))


def test_one_bad_result_does_not_hold_up_the_others() -> None:
    """A refused batch is split; what is refused alone again and again is dropped, with a word."""
    machine = Machine().run(max_parallel=3).work_on(1, 2, 3)
    machine.end(1)
    machine.end(2)
    machine.end(3)
    machine.answer_exchange(outcomes={1: "accepted"})
    poison = chunk(2).chunk_id
    delivered = []
    for _ in range(4 * ATTEMPTS):
        batch = of(do.Exchange, machine.done)[-1].finished
        machine.done.clear()
        if any(finished.chunk_id == poison for finished in batch):
            machine.fail("exchange", "refused", message="value out of range")
        else:
            delivered += [finished.chunk_id for finished in batch]
            machine.answer_exchange(outcomes={3: "accepted"})
        if machine.state.workload.ledger.is_empty:
            break
        machine.wait(70.0)
        if "heartbeat" in machine.state.agenda.in_flight:
            machine.answer_heartbeat(max_parallel=3)
    assert delivered == [chunk(3).chunk_id]
    assert "chunk_rejected" in told(machine.done)


def test_a_result_the_answer_is_silent_about_is_handed_in_again() -> None:
    """Ever later, but not for ever."""
    machine = Machine().run().work_on(1)
    machine.end(1)
    for _ in range(ATTEMPTS - 1):
        machine.answer_exchange()
        exchange = only(do.Exchange, machine.wait(5.0))
        assert exchange.finished == (completed(1),)
    assert "chunk_rejected" in told(machine.answer_exchange())
    assert machine.state.workload.ledger.is_empty


def test_a_lease_that_the_server_does_not_see_yet_is_handed_in_again() -> None:
    """A push can arrive before its transaction is visible to other sessions."""
    machine = Machine().run().work_on(1)
    machine.end(1)
    answer = ExchangeAnswer((Outcome(chunk(1).chunk_id, "rejected", UNKNOWN_LEASE),))
    instructions = machine.send(on.Exchanged, answer=answer)
    assert not of(do.Discard, instructions)
    again = only(do.Exchange, machine.wait(FIRST_DELAY))
    assert again.finished == (completed(1),)
    machine.answer_exchange(outcomes={1: "accepted"})
    assert machine.state.snapshot().chunks_completed == 1


def test_waiting_for_visibility_holds_up_nothing_else() -> None:
    """Other results go at once, and without the one that waits."""
    machine = Machine().run().work_on(1, 2)
    machine.end(1)
    answer = ExchangeAnswer((Outcome(chunk(1).chunk_id, "rejected", UNKNOWN_LEASE),))
    machine.send(on.Exchanged, answer=answer)
    exchange = only(do.Exchange, machine.end(2))
    assert exchange.finished == (completed(2),)
    assert exchange.running == (chunk(1).chunk_id,)


def test_a_server_that_does_not_see_a_new_lease_yet_does_not_cancel_it() -> None:
    """An older lease that it does not find is lost."""
    machine = Machine().run(max_parallel=3).work_on(1)
    machine.wait(VISIBLE_AFTER)
    machine.work_on(2)
    ids = (chunk(1).chunk_id, chunk(2).chunk_id)
    machine.end(1, "released")
    instructions = machine.answer_exchange(cancelled=ids)
    assert not of(do.StopChunk, instructions)
    machine.now += VISIBLE_AFTER
    machine.end(2, "released")
    machine.work_on(3)
    machine.now += VISIBLE_AFTER
    assert of(do.StopChunk, machine.answer_exchange(cancelled=(chunk(3).chunk_id,)))


def test_a_lease_that_the_server_sends_again_is_taken_again() -> None:
    """What an answer says of this node's leases is the truth, unlike a late push."""
    machine = Machine().run().work_on(1)
    machine.send(on.ChunksCancelled, chunk_ids=(chunk(1).chunk_id,))
    machine.end(1, "stopped")
    assert do.StartChunk(chunk(1)) in machine.answer_exchange(chunk(1))


def test_results_of_an_earlier_run_are_handed_in_first() -> None:
    """What a killed process left on disk is delivered by the next one."""
    machine = Machine()
    machine.start([completed(1)])
    machine.register_claimed()
    machine.give_token()
    machine.send(on.Subscribed)
    instructions = machine.answer_heartbeat()
    first = of(do.Exchange, machine.done)[0]
    assert first.finished == (completed(1),)
    assert first.slots == 0
    assert not of(do.Exchange, instructions)
    assert only(do.Exchange, machine.answer_exchange(outcomes={1: "accepted"})).slots == 2


def test_the_known_speed_follows_what_is_measured() -> None:
    """Long runs weigh more than short ones; a run of no time weighs nothing."""
    machine = Machine().run().work_on(1, 2)
    machine.end(1, seconds=0.0)
    assert machine.state.workload.iterations_per_second == SPEED
    machine.end(2, seconds=300.0)
    assert machine.state.workload.iterations_per_second == pytest.approx(100 / 300, abs=0.1)


def test_a_heartbeat_says_what_runs_and_how_fast() -> None:
    """One per period, whatever the chunks."""
    machine = Machine(heartbeat_interval=15.0).run(max_parallel=3).work_on(1)
    heartbeat = only(do.SendHeartbeat, machine.wait(16.5))
    assert heartbeat == do.SendHeartbeat((chunk(1).chunk_id,), 2, SPEED, {"combat": "1.0.0"})
