"""How a node gets through failures: of requests, of Realtime, of its own rules."""

from __future__ import annotations

import pytest

from node import instructions as do
from node import stimuli as on
from node.errors import InvalidTransition
from node.rules import STABLE_AFTER, TRANSITIONS
from tests.unit.node.machine import Machine, chunk, completed, event, of, only, told


def test_an_unreachable_server_makes_the_node_unavailable_with_the_reason() -> None:
    """The owner reads why, and that the node keeps trying."""
    machine = Machine()
    machine.start()
    instructions = machine.fail("register", message="atlas cannot be reached")
    assert machine.is_in("unavailable")
    assert "atlas cannot be reached" in event("unavailable", instructions).message
    assert machine.state.snapshot().last_error == "atlas cannot be reached"
    assert machine.state.connection == "offline"


def test_delays_grow_and_are_spread_over_the_whole_interval() -> None:
    """Full jitter: uniform below a bound that doubles up to two minutes."""
    machine = Machine()
    machine.start()
    delays = []
    for _ in range(12):
        machine.fail("register")
        failed = machine.now
        assert of(do.Register, machine.tick())
        delays.append(machine.now - failed)
    bounds = [min(2.0**attempt, 120.0) for attempt in range(12)]
    assert all(delay <= bound for delay, bound in zip(delays, bounds, strict=True))
    assert max(delays) > 30.0


def test_retry_after_is_honoured() -> None:
    """The server's word is the least to wait; jitter comes on top."""
    machine = Machine()
    machine.start()
    machine.fail("register", retry_after=40.0)
    assert not of(do.Register, machine.wait(39.9))
    assert of(do.Register, machine.wait(1.2))


def test_any_answer_ends_the_trouble_and_hurries_what_waited() -> None:
    """A node that was offline delivers as soon as the server is back."""
    machine = Machine(heartbeat_interval=15.0).run().work_on(1)
    machine.end(1)
    for _ in range(8):
        machine.fail("exchange")
        machine.state.agenda.begin("exchange")
    machine.fail("exchange")
    machine.wait(0.0)
    while "heartbeat" not in machine.state.agenda.in_flight:
        machine.tick()
        if "exchange" in machine.state.agenda.in_flight:
            machine.fail("exchange")
    assert machine.is_in("unavailable")
    instructions = machine.answer_heartbeat()
    assert "recovered" in told(instructions)
    assert machine.is_in("running")
    assert only(do.Exchange, instructions).finished == (completed(1),)


def test_workers_go_on_while_the_server_is_away() -> None:
    """What is leased is run; results wait."""
    machine = Machine().run(max_parallel=1).work_on(1, 2)
    machine.wait(16.5)
    machine.fail("heartbeat")
    assert machine.is_in("unavailable")
    assert of(do.StartChunk, machine.end(1)) == [do.StartChunk(chunk(2))]


def test_a_lost_answer_hands_the_same_results_in_again() -> None:
    """The server may have them: completion is idempotent."""
    machine = Machine().run().work_on(1)
    machine.end(1)
    machine.fail("exchange")
    assert only(do.Exchange, machine.wait(1.0)).finished == (completed(1),)
    machine.answer_exchange(outcomes={1: "duplicate"})
    assert machine.state.workload.ledger.is_empty


def test_a_token_is_renewed_well_before_it_expires() -> None:
    """At 70 to 85 hundredths of its life, and used at once."""
    machine = Machine(poll_interval=10_000.0, heartbeat_interval=10_000.0).run()
    while not of(do.FetchToken, machine.tick()):
        assert machine.now < 4000.0
        for request in sorted(machine.state.agenda.in_flight):
            assert request in {"heartbeat", "exchange"}
            _ = machine.answer_heartbeat() if request == "heartbeat" else machine.answer_exchange()
    assert 0.70 * 3600 <= machine.now - 100.0 <= 0.85 * 3600
    instructions = machine.give_token("token-2")
    assert do.UseToken("token-2") in instructions
    assert not of(do.Subscribe, instructions)


@pytest.mark.parametrize("request_name", ["heartbeat", "exchange"])
def test_a_refused_token_is_renewed_and_the_request_repeated(request_name: str) -> None:
    """A node that slept through its token's end comes back by itself."""
    machine = Machine(heartbeat_interval=15.0, poll_interval=15.0).run()
    while request_name not in machine.state.agenda.in_flight:
        machine.tick()
    machine.done.clear()
    assert of(do.FetchToken, machine.fail(request_name, "unauthorized", message="JWT expired"))
    machine.give_token("token-2")
    machine.wait(1.1)
    kind = do.SendHeartbeat if request_name == "heartbeat" else do.Exchange
    assert of(kind, machine.done)


def test_a_token_that_is_never_accepted_is_not_fetched_in_a_storm() -> None:
    """Each refusal waits longer than the one before."""
    machine = Machine().run()
    fetched = 0
    while machine.now < 700.0:
        if not machine.state.agenda.in_flight:
            machine.tick()
        for request in sorted(machine.state.agenda.in_flight):
            if request == "token":
                fetched += 1
                machine.give_token(f"token-{fetched}")
            else:
                machine.fail(request, "unauthorized")
    assert fetched < 80


def test_a_lost_subscription_is_opened_again_after_a_jittered_pause() -> None:
    """Each try that fails waits longer, up to half a minute."""
    machine = Machine(heartbeat_interval=10_000.0, poll_interval=10_000.0).run()
    pauses = []
    for _ in range(12):
        machine.send(on.SubscriptionLost, reason="cut")
        lost = machine.now
        assert of(do.Subscribe, machine.tick())
        pauses.append(machine.now - lost)
    assert all(pause <= 30.0 for pause in pauses)
    assert max(pauses) > 8.0
    assert machine.state.connection == "polling"


def test_a_subscription_that_lasted_starts_again_from_the_shortest_pause() -> None:
    """One that is closed as soon as it is open does not."""
    machine = Machine(heartbeat_interval=10_000.0, poll_interval=10_000.0).run()
    for _ in range(6):
        machine.send(on.SubscriptionLost, reason="cut")
        machine.tick()
    machine.send(on.Subscribed)
    machine.answer_exchange()
    machine.now += STABLE_AFTER
    machine.send(on.SubscriptionLost, reason="cut")
    assert machine.state.next_wake() is not None
    assert of(do.Subscribe, machine.wait(1.0))


def test_realtimes_rate_limit_is_given_time() -> None:
    """The server closes the socket on those who hammer it."""
    machine = Machine(heartbeat_interval=10_000.0, poll_interval=10_000.0).run()
    machine.send(on.SubscriptionLost, reason="too many", rate_limited=True)
    assert not of(do.Subscribe, machine.wait(29.9))
    assert of(do.Subscribe, machine.wait(1.2))


def test_a_subscription_lost_to_its_token_fetches_a_new_one() -> None:
    """The next join uses it."""
    machine = Machine().run()
    instructions = machine.send(on.SubscriptionLost, reason="Token has expired", token_refused=True)
    assert of(do.FetchToken, instructions)


def test_a_new_topic_is_followed() -> None:
    """A node that registered anew has another id."""
    machine = Machine().run()
    machine.fail("token", "unauthorized")
    machine.wait(61.0)
    machine.register_claimed()
    machine.send(on.Tick)
    assert only(do.Subscribe, machine.give_token(topic="node:node-2")).topic == "node:node-2"


def test_a_refused_heartbeat_does_not_stop_the_work() -> None:
    """It is told, and tried again later and later."""
    machine = Machine().run().work_on(1)
    machine.wait(16.5)
    instructions = machine.fail("heartbeat", "refused", message="no such function")
    assert machine.is_in("running")
    assert "no such function" in event("refused", instructions).message


def test_a_forbidden_move_tells_the_story() -> None:
    """Whoever reads the report sees how the node got there."""
    machine = Machine().run()
    with pytest.raises(InvalidTransition, match="running -> claiming") as caught:
        machine.state._move("claiming")
    assert any("registering -> starting" in line for line in caught.value.story)
    assert "HeartbeatAnswered" in caught.value.diagnostics()


def test_every_state_can_be_left_for_the_end() -> None:
    """And nothing leaves the end."""
    for status, targets in TRANSITIONS.items():
        assert ("stopped" in targets) is (status != "stopped")


def test_an_unknown_stimulus_is_a_defect() -> None:
    """It is not ignored."""
    with pytest.raises(TypeError, match="Stimulus"):
        Machine().send(on.Stimulus)
