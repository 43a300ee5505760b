"""From the first start to the first heartbeat."""

from __future__ import annotations

import pytest

from node import instructions as do
from node import stimuli as on
from tests.unit.node.machine import EXPIRY, Machine, event, of, only, told


def test_a_start_calibrates_and_registers_at_once() -> None:
    """The benchmark runs while the server is asked, so that neither waits for the other."""
    instructions = Machine().send(on.Started)
    assert instructions == [do.Calibrate(), do.Register()]


def test_an_unclaimed_node_shows_its_code_and_gets_a_token() -> None:
    """A pending node needs a token too: it listens for its claim."""
    machine = Machine()
    machine.start()
    instructions = machine.show_code("ABC234")
    assert machine.is_in("claiming")
    assert event("claim_code", instructions).claim_code == "ABC234"
    assert do.FetchToken() in instructions
    snapshot = machine.state.snapshot()
    assert (snapshot.claim_code, snapshot.claim_code_expires_at) == ("ABC234", EXPIRY)


def test_the_code_is_in_no_text_that_is_logged() -> None:
    """Message and context of the event never hold the code."""
    machine = Machine()
    machine.start()
    shown = event("claim_code", machine.show_code("ABC234"))
    assert "ABC234" not in f"{shown.message}{shown.context}{shown!r}"


def test_a_code_is_renewed_before_it_expires() -> None:
    """The node registers again while the old code is still good, and shows the new one."""
    machine = Machine()
    machine.start()
    machine.show_code("ABC234", expires_in=900.0)
    machine.give_token()
    while not of(do.Register, instructions := machine.tick()):
        assert machine.now < 1000.0, instructions
        machine.send(on.ClaimChecked, node_id="node-1", claimed=False)
    assert 840.0 <= machine.now - 100.0 <= 870.0
    machine.show_code("XYZ789")
    assert machine.state.snapshot().claim_code == "XYZ789"


def test_a_short_lived_code_is_renewed_at_half_its_life() -> None:
    """The margin never swallows the whole life of a code."""
    machine = Machine()
    machine.start()
    machine.show_code(expires_in=10.0)
    machine.fail("token")
    assert machine.state.pairing is not None
    assert machine.state.pairing.renew_at == pytest.approx(105.0)


def test_the_claim_is_looked_up_as_well() -> None:
    """A lost push costs one interval, not the claim."""
    machine = Machine(claim_poll_interval=5.0)
    machine.start()
    machine.show_code()
    machine.give_token()
    assert do.CheckClaim("node-1") in machine.wait(7.0)
    machine.send(on.ClaimChecked, node_id="node-1", claimed=False)
    assert do.CheckClaim("node-1") in machine.wait(7.0)
    machine.send(on.ClaimChecked, node_id="node-1", claimed=True)
    assert machine.is_in("starting", "running")


def test_a_join_looks_up_the_claim_at_once() -> None:
    """What was pushed before the join is gone, so the node asks."""
    machine = Machine()
    machine.start()
    machine.show_code()
    machine.give_token()
    assert of(do.CheckClaim, machine.send(on.Subscribed))


def test_a_push_claims_the_node() -> None:
    """The code disappears, and the node is ready once everything else is."""
    machine = Machine()
    machine.start()
    machine.show_code()
    machine.give_token()
    machine.send(on.Subscribed)
    instructions = machine.send(on.Claimed)
    assert told(instructions) == ["claimed", "running"]
    assert machine.state.snapshot().claim_code is None
    assert of(do.SendHeartbeat, instructions)


def test_a_known_node_skips_the_code() -> None:
    """A claimed key answers with its name and its workers."""
    machine = Machine()
    machine.start()
    instructions = machine.register_claimed(max_parallel=3)
    assert machine.is_in("starting")
    assert only(do.ResizePool, instructions).size == 3
    assert machine.state.snapshot().name == "atlas"


def test_ready_needs_token_speed_and_one_try_of_realtime() -> None:
    """The order in which they come does not matter."""
    machine = Machine()
    machine.send(on.Started)
    machine.register_claimed()
    assert only(do.Subscribe, machine.give_token()).topic == "node:node-1"
    machine.send(on.SubscriptionLost, reason="refused")
    assert machine.is_in("starting")
    machine.send(on.Calibrated, engine="combat", speed=10.0)
    assert machine.is_in("running")
    assert machine.state.connection == "polling"


def test_work_is_asked_for_only_with_the_owners_settings() -> None:
    """Until the first heartbeat is answered the node does not know how much it may take."""
    machine = Machine()
    machine.start()
    machine.register_claimed()
    machine.give_token()
    instructions = machine.send(on.Subscribed)
    assert of(do.SendHeartbeat, instructions)
    assert not of(do.Exchange, instructions)
    exchange = only(do.Exchange, machine.answer_heartbeat(max_parallel=5))
    assert exchange.slots == 5


def test_a_failed_calibration_stops_the_node_with_the_reason() -> None:
    """A node without an engine is no node."""
    machine = Machine()
    machine.send(on.Started)
    instructions = machine.send(on.CalibrationFailed, message="no compiler")
    assert machine.is_in("stopped")
    assert "no compiler" in str(only(do.Shutdown, instructions).failure)


def test_a_refused_registration_stops_the_node_with_the_reason() -> None:
    """A body that the server does not accept will not be accepted later either."""
    machine = Machine()
    machine.start()
    instructions = machine.fail("register", "invalid", message="version: too old")
    assert "version: too old" in str(only(do.Shutdown, instructions).failure)


def test_a_forgotten_node_registers_again() -> None:
    """A token refused by signature means the key is unknown: leases and owner are gone."""
    machine = Machine().run().work_on(1)
    machine.fail("token", "unauthorized", message="unknown key")
    assert machine.is_in("registering")
    assert do.StopChunk("00000000-0000-0000-0000-000000000001") in machine.done
    assert of(do.Register, machine.wait(61.0))
    machine.end(1, "stopped")
    machine.show_code()
    assert machine.is_in("claiming")


def test_news_about_a_former_self_claims_nobody() -> None:
    """The pool forgot the node while it looked up its claim; now it has another id."""
    machine = Machine()
    machine.start()
    machine.show_code()
    machine.give_token()
    machine.fail("token", "unauthorized", message="unknown key")
    machine.send(on.ClaimChecked, node_id="node-1", claimed=True)
    machine.send(on.Claimed)
    assert machine.is_in("registering")
    machine.wait(61.0)
    machine.show_code()
    machine.send(on.ClaimChecked, node_id="node-0", claimed=True)
    assert machine.is_in("claiming")


def test_a_claim_that_is_not_visible_yet_is_believed() -> None:
    """The push can come before other sessions see the claim: one refusal is not the last word."""
    machine = Machine()
    machine.start()
    machine.show_code()
    machine.give_token()
    machine.send(on.Subscribed)
    machine.send(on.Claimed)
    machine.fail("heartbeat", "forbidden", message="not claimed yet")
    assert machine.is_in("running")
    assert of(do.SendHeartbeat, machine.wait(1.0))
    machine.answer_heartbeat()
    assert machine.state.workload.size == 2


def test_a_claim_that_the_pool_keeps_denying_is_given_up() -> None:
    """The node shows a code again."""
    machine = Machine()
    machine.start()
    machine.register_claimed()
    machine.give_token()
    machine.send(on.Subscribed)
    machine.fail("heartbeat", "forbidden")
    machine.wait(1.0)
    machine.fail("heartbeat", "forbidden")
    assert machine.is_in("registering")


def test_a_node_that_loses_its_owner_shows_a_code_again() -> None:
    """Its work is not its own any more."""
    machine = Machine().run().work_on(1)
    machine.wait(16.5)
    instructions = machine.fail("heartbeat", "forbidden", message="not claimed")
    assert machine.is_in("registering")
    assert do.StopChunk("00000000-0000-0000-0000-000000000001") in instructions
