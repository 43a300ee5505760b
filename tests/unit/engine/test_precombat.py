"""What the player does before the fight begins."""

from __future__ import annotations

from typing import Any

import pytest

from node.engine import get_engine
from tests.unit.engine.fights import config, counters, strike

BOLT: dict[str, Any] = {"cast_ms": 3000, "effects": [strike()]}
IDLE = [{"cast": "idle"}]


def prepared(*precombat: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """Build a fight of ten seconds with a precombat."""
    document = config(spec.pop("length", 10_000), **spec)
    document["rotation"]["precombat"] = list(precombat)
    return document


def problems(*precombat: Any) -> dict[str, str]:
    """Give what is wrong with a precombat, by place."""
    found = get_engine("combat").validate(prepared(*precombat, rotation=IDLE))
    return {problem.pointer: problem.message for problem in found}


def test_a_cast_that_is_begun_before_the_fight_lands_in_it() -> None:
    """Three seconds from -1.5 s end at 1.5 s, and only then does the rotation begin."""
    found = counters(
        prepared(
            {"cast": "bolt", "at": -1.5}, abilities={"bolt": BOLT}, rotation=[{"cast": "bolt"}]
        )
    )

    # the first ends at 1.5 s, then one every three seconds: 4.5 and 7.5 s
    assert found["ability.bolt.casts"] == 3
    assert found["ability.bolt.hits"] == 3
    assert found["line.precombat.0.bolt.fired"] == 1
    assert found["line.actions.0.bolt.fired"] == 3


def test_nobody_is_hurt_before_the_fight() -> None:
    """A cast that ends before 0 counts as a cast, and has no damage."""
    found = counters(
        prepared({"cast": "bolt", "at": -3.001}, abilities={"bolt": BOLT}, rotation=IDLE)
    )

    assert found["ability.bolt.casts"] == 1
    assert found["ability.bolt.hits"] == 0
    assert found["fight.damage_milli"] == 0


def test_the_gcd_and_cooldowns_begin_when_they_are_set_off() -> None:
    """A cooldown of eight seconds from -5 s is over at 3 s; the GCD holds until 0.5 s."""
    found = counters(
        prepared(
            {"cast": "nova", "at": -5},
            {"cast": "touch", "at": -1},
            abilities={
                "nova": {"cooldown": {"ms": 8000}, "effects": [strike()]},
                "touch": {"effects": [strike()]},
            },
            rotation=[{"cast": "nova"}, {"cast": "touch"}],
            length=3000,
        )
    )

    # touches at 0.5 and 2 s in the fight, a nova waits for the GCD until 3.5 s
    assert found["ability.touch.hits"] == 2
    assert found["ability.nova.casts"] == 1
    assert found["ability.nova.hits"] == 0


def test_what_cannot_be_done_at_its_time_is_left_out() -> None:
    """A second cast in the middle of the first does not happen; a condition may forbid one."""
    found = counters(
        prepared(
            {"cast": "bolt", "at": -6},
            {"cast": "bolt", "at": -5},
            {"cast": "bolt", "at": -3, "if": {">": ["combat.time", 0]}},
            abilities={"bolt": BOLT},
            rotation=IDLE,
        )
    )

    assert found["ability.bolt.casts"] == 1


def test_auras_and_pets_live_from_their_beginning_and_count_from_zero() -> None:
    """A buff of ten seconds from -4 s and a pet of 12 s from -2 s last 6 and 10 s of the fight."""
    bite = {"name": "bite", "period_ms": 1000, "effects": [strike()]}
    found = counters(
        prepared(
            {"cast": "shout", "at": -4},
            {"cast": "call", "at": -2},
            length=20_000,
            abilities={
                "shout": {"effects": [{"apply": {"aura": "shout"}}]},
                "call": {"effects": [{"summon": {"pet": "wolf", "ms": 12_000}}]},
            },
            auras={"shout": {"on": "player", "duration_ms": 10_000}},
            pets={"wolf": {"inherits": {"attack_power": 1}, "swing": bite}},
            rotation=IDLE,
        )
    )

    assert found["aura.shout.uptime_ms"] == 6000
    assert found["aura.shout.stack_ms"] == 6000
    assert found["pet.wolf.uptime_ms"] == 10_000
    assert found["pet.wolf.bite.hits"] == 11


def test_an_aura_that_is_copied_before_the_fight_counts_from_zero() -> None:
    """A mark of ten seconds from -4 s, spread at -2 s, is up on both for 6 s of the fight."""
    found = counters(
        prepared(
            {"cast": "mark", "at": -4},
            {"cast": "copy", "at": -2},
            length=20_000,
            targets=2,
            abilities={
                "mark": {"effects": [{"apply": {"aura": "mark"}}]},
                "copy": {"effects": [{"spread": {"auras": ["mark"]}, "to": "others"}]},
            },
            auras={"mark": {"on": "target", "duration_ms": 10_000}},
            rotation=IDLE,
        )
    )

    assert found["aura.mark.uptime_ms"] == 6000
    for target in (1, 2):
        assert found[f"target.{target}.aura.mark.uptime_ms"] == 6000
        assert found[f"target.{target}.aura.mark.stack_ms"] == 6000


def test_a_resource_regenerates_before_the_fight() -> None:
    """What is spent at -4 s is back at 0, and time at the maximum counts from 0."""
    found = counters(
        prepared(
            {"cast": "burn", "at": -4},
            abilities={"burn": {"cost": {"mana": 20}, "effects": []}},
            resources={"mana": {"maximum": 100, "per_second": 10}},
            rotation=IDLE,
        )
    )

    assert found["resource.mana.spent_milli"] == 20_000
    assert found["resource.mana.capped_ms"] == 10_000
    assert found["resource.mana.gained_milli"] - found["resource.mana.overflow_milli"] == 20_000


@pytest.mark.parametrize("reaction", [0, 100])
def test_the_order_of_the_list_does_not_matter(reaction: int) -> None:
    """Actions are done at their times, however they are listed."""
    spec: dict[str, Any] = {"abilities": {"bolt": BOLT}, "rotation": [{"cast": "bolt"}]}
    lines = {"cast": "bolt", "at": -1}, {"cast": "bolt", "at": -4.5}
    document = prepared(*lines, **spec)
    document["player"]["reaction_ms"] = reaction

    # -4.5 to -1.5 s, -1 to 2 s, then 5 and 8 s
    assert counters(document)["ability.bolt.casts"] == 4


def test_mistakes_are_reported_with_their_places() -> None:
    """Only casts, with a time that is not in the fight."""
    assert problems({"cast": "idle"}) == {
        "/rotation/precombat/0": "an action of the precombat has 'at'"
    }
    assert "/rotation/precombat/0/at" in problems({"cast": "idle", "at": 1})
    assert "/rotation/precombat/0/cast" in problems({"cast": "nothing", "at": -1})
    assert "/rotation/precombat/0" in problems(3)


def test_other_actions_have_no_time() -> None:
    """An action of the rotation cannot be bound to a moment before the fight."""
    document = config(rotation=[{"cast": "idle", "at": -1}])
    found = [problem.pointer for problem in get_engine("combat").validate(document)]

    assert found == ["/rotation/actions/0/at"]


def test_a_missile_that_is_thrown_before_the_fight_may_land_in_it() -> None:
    """Thrown at -1 s, it lands at 1 s and counts; thrown at -3 s, it lands before the fight."""
    missile = {"travel": {"ms": 2000}, "effects": [strike(travel=True)]}
    for thrown, hits in ((-1, 1), (-3, 0)):
        found = counters(
            prepared({"cast": "bolt", "at": thrown}, abilities={"bolt": missile}, rotation=IDLE)
        )

        assert found["ability.bolt.casts"] == 1
        assert found["ability.bolt.hits"] == hits


def test_the_fight_starts_at_zero_whatever_was_done_before() -> None:
    """A trigger of the start gives back what the precombat spent, in time for the first cast."""
    refill = {
        "on": {"fight": ["start"]},
        "effects": [{"gain": {"resource": "mana", "amount": 100}}],
    }
    burn: dict[str, Any] = {"cost": {"mana": 100}, "effects": []}
    for triggers, casts in (({}, 1), ({"refill": refill}, 2)):
        document = prepared(
            {"cast": "burn", "at": -5},
            resources={"mana": {"maximum": 100}},
            triggers=triggers,
            abilities={"burn": burn},
            rotation=[{"cast": "burn", "if": {"==": ["combat.time", 0]}}],
        )
        assert counters(document)["ability.burn.casts"] == casts
