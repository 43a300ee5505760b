"""Channels: their ticks, and what ends them before the last one."""

from __future__ import annotations

from typing import Any

import pytest

from node.engine import get_engine
from tests.unit.engine.fights import config, counters, strike


def beam(ticks: int = 4, period_ms: int = 1000, **more: Any) -> dict[str, Any]:
    """Give an ability that is channelled."""
    channel = {"ticks": ticks, "period_ms": period_ms, "effects": [strike()], **more}
    return {"effects": [], "channel": channel}


def problems(rotation: list[dict[str, Any]], **spec: Any) -> dict[str, str]:
    """Give what is wrong with a fight, by place."""
    found = get_engine("combat").validate(config(rotation=rotation, **spec))
    return {problem.pointer: problem.message for problem in found}


@pytest.mark.parametrize("reaction_ms", [0, 100])
def test_a_channel_ticks_to_its_end_and_the_next_one_follows_at_once(reaction_ms: int) -> None:
    """Four ticks a second apart: a channel every four seconds, and a tick every second."""
    document = config(60_500, abilities={"beam": beam()}, rotation=[{"cast": "beam"}])
    document["player"]["reaction_ms"] = reaction_ms
    found = counters(document)

    assert found["ability.beam.casts"] == 16
    assert found["ability.beam.ticks"] == 60
    assert found["ability.beam.damage_milli"] == 60 * 1_000_000


def test_haste_shortens_the_periods_and_not_the_number_of_ticks() -> None:
    """At 30 % haste a period of 1,000 ms is 769 ms, and a channel four of them."""
    abilities = {"beam": beam(), "steady": beam(hasted=False)}
    for name, length in (("beam", 4 * 769), ("steady", 4000)):
        found = counters(
            config(
                100_000,
                stats={"haste_percent": 30},
                abilities=abilities,
                rotation=[{"cast": name}],
            )
        )
        assert found[f"ability.{name}.casts"] == 100_000 // length + 1
        assert found[f"ability.{name}.ticks"] == 100_000 // (length // 4)


def test_a_channel_that_is_shorter_than_the_gcd_waits_for_it() -> None:
    """Two ticks of 300 ms are over long before the GCD of 1.5 s."""
    found = counters(config(15_000, abilities={"beam": beam(2, 300)}, rotation=[{"cast": "beam"}]))

    assert found["ability.beam.casts"] == 11
    assert found["ability.beam.ticks"] == 20


def test_a_channel_is_over_with_its_last_tick_whatever_happens_then() -> None:
    """Two ticks of 300 ms, each of which applies a buff: from 600 ms on nothing is channelled."""
    rage = {"on": "player", "duration_ms": 100}
    beams = beam(2, 300, effects=[{"apply": {"aura": "rage"}}])
    held = {**strike(name="held"), "if": "channel.active"}
    free = {**strike(name="free"), "if": {"not": "channel.active"}}
    swing = {"name": "swing", "period_ms": 5000, "first_ms": 601, "effects": [held, free]}
    found = counters(
        config(
            1000,
            swing=swing,
            auras={"rage": rage},
            abilities={"beam": beams},
            rotation=[{"cast": "beam"}],
        )
    )

    assert (found["ability.free.hits"], found["ability.held.hits"]) == (1, 0)


def test_the_first_tick_may_come_at_the_start() -> None:
    """Seven ticks, the first at once, take six periods."""
    abilities = {"beam": beam(7, 500, at_start=True)}
    found = counters(config(30_000, abilities=abilities, rotation=[{"cast": "beam"}]))

    assert found["ability.beam.casts"] == 11
    assert found["ability.beam.ticks"] == 71


def test_nothing_else_is_done_beside_a_channel() -> None:
    """An instant on a cooldown waits for the end of the channel, GCD or not."""
    for off_gcd in (False, True):
        found = counters(
            config(
                59_000,
                abilities={
                    "beam": beam(10),
                    "jab": {"off_gcd": off_gcd, "cooldown": {"ms": 2000}, "effects": []},
                },
                rotation=[{"cast": "jab"}, {"cast": "beam"}],
            )
        )
        assert found["ability.jab.casts"] == 6


@pytest.mark.parametrize("reaction_ms", [0, 100])
def test_a_channel_is_cut_at_a_tick_if_its_line_allows_it_and_there_is_more_to_do(
    reaction_ms: int,
) -> None:
    """The jab is ready after three seconds: the third tick ends the channel."""
    document = config(
        60_000,
        abilities={"beam": beam(10), "jab": {"cooldown": {"ms": 4500}, "effects": []}},
        rotation=[{"cast": "jab"}, {"cast": "beam", "interrupt_if": {"not": "gcd.active"}}],
    )
    document["player"]["reaction_ms"] = reaction_ms
    found = counters(document)

    # jab at 0, GCD to 1.5 s, ticks at 2.5, 3.5, 4.5: the jab is ready with the third
    assert found["ability.jab.casts"] == 14
    assert found["ability.beam.casts"] == 14
    assert found["ability.beam.ticks"] == 39


def test_a_channel_goes_on_when_nothing_else_can_be_done() -> None:
    """That a line allows to cut it does not end it, and the same channel does not cut itself."""
    rotation = [{"cast": "beam", "interrupt_if": {">=": ["channel.ticks", 1]}}]
    found = counters(config(60_000, abilities={"beam": beam(10)}, rotation=rotation))

    assert found["ability.beam.casts"] == 7


def test_a_channel_may_be_cut_by_itself() -> None:
    """With `chain` it begins anew after two of its ten ticks."""
    line = {"cast": "beam", "interrupt_if": {">=": ["channel.ticks", 2]}, "chain": True}
    found = counters(config(60_000, abilities={"beam": beam(10)}, rotation=[line]))

    assert found["ability.beam.casts"] == 31
    assert found["ability.beam.ticks"] == 60


def test_the_line_that_began_a_channel_says_when_it_is_cut() -> None:
    """Another line with the same channel has a condition of its own."""
    jab = {"cooldown": {"ms": 6000}, "effects": []}
    never = {"<": ["channel.ticks", 0]}
    found = counters(
        config(
            60_000,
            abilities={"beam": beam(10), "jab": jab},
            rotation=[
                {"cast": "beam", "if": {"<": ["combat.time", 1]}, "interrupt_if": never},
                {"cast": "jab"},
                {"cast": "beam", "interrupt_if": {">=": ["channel.ticks", 2]}},
            ],
        )
    )

    # the first ten ticks are let be; then, every 6.5 s, jab, GCD, and five ticks until jab is ready
    assert found["ability.beam.ticks"] == 10 + 7 * 5 + 3
    assert found["ability.jab.casts"] == 8


def test_conditions_see_what_is_channelled() -> None:
    """Ticks done and left, and the time left, as they are at a tick."""
    tests = {
        "ticks": {"==": ["channel.ticks", 3]},
        "left": {"==": ["channel.ticks_left", 7]},
        "time": {"==": ["channel.remaining", 7]},
    }
    for test in tests.values():
        rotation = [{"cast": "jab"}, {"cast": "beam", "interrupt_if": test}]
        jab = {"cooldown": {"ms": 1500}, "gcd_ms": 1, "effects": []}
        abilities = {"beam": beam(10, hasted=False), "jab": jab}
        found = counters(config(30_000, abilities=abilities, rotation=rotation))
        assert found["ability.beam.ticks"] == 29
        assert found["ability.jab.casts"] == 10


def test_a_snapshot_lasts_to_the_end_of_a_channel() -> None:
    """Power that is gained in the middle counts from the next channel on."""
    power = {"modifies": [{"stat": "damage", "by": 1}], "on": "player", "duration_ms": 2500}
    strong = {
        "off_gcd": True,
        "cooldown": {"ms": 10_000_000},
        "effects": [{"apply": {"aura": "power"}}],
    }
    for snapshot, doubled in ((True, 4), (False, 2)):
        found = counters(
            config(
                4000,
                abilities={"beam": beam(snapshot=snapshot), "strong": strong},
                auras={"power": power},
                rotation=[{"cast": "strong"}, {"cast": "beam"}],
            )
        )
        assert found["ability.beam.damage_milli"] == (4 + doubled) * 1_000_000


def test_a_pet_channels_and_its_end_is_the_end_of_it() -> None:
    """A guardian of 5.5 s brings six ticks of ten to an end."""
    imp = {"abilities": {"beam": beam(10)}, "actions": [{"cast": "beam"}]}
    call = {"cooldown": {"ms": 20_000}, "effects": [{"summon": {"pet": "imp", "ms": 5500}}]}
    found = counters(
        config(40_000, pets={"imp": imp}, abilities={"call": call}, rotation=[{"cast": "call"}])
    )

    assert found["pet.imp.beam.ticks"] == 10
    assert found["pet.imp.beam.casts"] == 3


def test_only_channels_can_be_cut() -> None:
    """An option that means nothing is refused, with what is wrong in it."""
    jab: dict[str, Any] = {"effects": []}
    rotation = [
        {"cast": "jab", "interrupt_if": "gcd.active", "chain": True},
        {"cast": "beam", "interrupt_if": "gcd.activ", "chain": 1},
    ]
    assert problems(rotation, abilities={"jab": jab, "beam": beam()}) == {
        "/rotation/actions/0/interrupt_if": "'interrupt_if' means nothing here",
        "/rotation/actions/0/chain": "'chain' means nothing here",
        "/rotation/actions/1/interrupt_if": "there is no operand 'gcd.activ'",
        "/rotation/actions/1/chain": "expected true or false, got a number",
    }


@pytest.mark.parametrize("reaction_ms", [0, 100])
def test_a_channel_that_misses_does_not_begin(reaction_ms: int) -> None:
    """The GCD passes all the same: at four misses in ten, six channels in ten tick."""
    document = config(
        30_000, abilities={"beam": beam(1, 1000, attack="ray")}, rotation=[{"cast": "beam"}]
    )
    document["profile"]["attacks"] = {"ray": {"miss_percent": 40}}
    document["player"]["reaction_ms"] = reaction_ms
    found = counters(document, 500)

    assert found["ability.beam.casts"] == 500 * 21
    assert found["ability.beam.ticks"] + found["ability.beam.misses"] >= 500 * 20
    assert found["ability.beam.misses"] / found["ability.beam.casts"] == pytest.approx(
        0.4, abs=0.02
    )
