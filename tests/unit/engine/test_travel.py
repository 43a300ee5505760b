"""Missiles: what is rolled when they are cast, and what happens when they land."""

from __future__ import annotations

from typing import Any

import pytest

from node.engine import get_engine
from tests.unit.engine.fights import config, counters, strike

ONCE = [{"cast": "bolt", "if": {"==": ["spell.bolt.casts", 0]}}]


def bolt(travel: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Give an instant ability that throws a missile."""
    return {"travel": travel or {"ms": 2000}, "effects": [strike(travel=True)], **more}


def problems(**spec: Any) -> dict[str, str]:
    """Give what is wrong with a spec, by place."""
    found = get_engine("combat").validate(config(**spec))
    return {problem.pointer: problem.message for problem in found}


@pytest.mark.parametrize(("length", "hits"), [(1999, 0), (2000, 1)])
def test_a_missile_lands_after_its_flight(length: int, hits: int) -> None:
    """Two seconds later, and not at all when the fight is over before."""
    found = counters(config(length, abilities={"bolt": bolt()}, rotation=ONCE))

    assert found["ability.bolt.casts"] == 1
    assert found["ability.bolt.hits"] == hits


@pytest.mark.parametrize(
    ("travel", "flight"),
    [
        ({"yards_per_second": 20}, 1250),
        ({"yards_per_second": 24}, 1042),
        ({"yards_per_second": 24, "most_ms": 750}, 750),
        ({"yards_per_second": 50, "most_ms": 750}, 500),
    ],
)
def test_a_flight_is_as_long_as_the_way(travel: dict[str, Any], flight: int) -> None:
    """Distance by speed, to the nearest millisecond, and no more than the most it may take."""
    for length, hits in ((flight - 1, 0), (flight, 1)):
        document = config(length, abilities={"bolt": bolt(travel)}, rotation=ONCE)
        document["player"]["distance_yards"] = 25

        assert counters(document)["ability.bolt.hits"] == hits


def test_damage_is_known_at_the_cast() -> None:
    """A buff that is up at the cast counts, one that is up at the landing does not."""
    buff = {"on": "player", "duration_ms": 1500, "modifies": [{"stat": "damage", "by": 1}]}

    def at(name: str, time: int, number: int) -> dict[str, Any]:
        once = {"==": [f"spell.{name}.casts", number]}
        return {"cast": name, "if": {"and": [{">=": ["combat.time", time]}, once]}}

    found = counters(
        config(
            10_000,
            abilities={
                "shout": {"off_gcd": True, "effects": [{"apply": {"aura": "shout"}}]},
                "bolt": bolt(),
            },
            auras={"shout": buff},
            rotation=[at("shout", 0, 0), at("bolt", 0, 0), at("bolt", 3, 1), at("shout", 4, 1)],
        )
    )

    assert found["ability.bolt.damage_milli"] == 2_000_000 + 1_000_000


def test_triggers_hear_of_a_missile_when_it_lands() -> None:
    """What a hit sets off comes with the landing: a debuff from 2 to 5 s."""
    mark = {"on": "target", "duration_ms": 3000}
    found = counters(
        config(
            10_000,
            abilities={"bolt": bolt()},
            auras={"mark": mark},
            triggers={"mark": {"on": {"bolt": ["hit"]}, "effects": [{"apply": {"aura": "mark"}}]}},
            rotation=[*ONCE, {"cast": "idle", "if": {"and": ["debuff.mark.active"]}}],
        )
    )

    assert found["aura.mark.uptime_ms"] == 3000
    assert found["ability.idle.casts"] == 1


def test_a_missile_may_miss_and_that_is_heard_when_it_lands() -> None:
    """Each attack fails: no hits, a miss per flight, and the debuff comes with the landing."""
    document = config(
        10_000,
        abilities={"bolt": {**bolt(), "effects": [strike(travel=True, attack="vain")]}},
        auras={"mark": {"on": "target"}},
        triggers={"mark": {"on": {"bolt": ["miss"]}, "effects": [{"apply": {"aura": "mark"}}]}},
        rotation=ONCE,
    )
    document["profile"]["attacks"] = {"vain": {"miss_percent": 100}}
    found = counters(document)

    assert found["ability.bolt.hits"] == 0
    assert found["ability.bolt.misses"] == 1
    assert found["aura.mark.uptime_ms"] == 8000


def test_missiles_that_land_at_once_land_in_the_order_of_their_casts() -> None:
    """The last to be thrown has the last word."""

    def set_by(name: str, value: int) -> dict[str, Any]:
        return {"on": {name: ["hit"]}, "effects": [{"set": {"number": "last", "value": value}}]}

    found = counters(
        config(
            10_000,
            abilities={"arrow": bolt(off_gcd=True), "bolt": bolt()},
            numbers={"last": {}},
            triggers={"bolt": set_by("bolt", 2), "arrow": set_by("arrow", 1)},
            rotation=[
                {"cast": "arrow", "if": {"==": ["spell.arrow.casts", 0]}},
                *ONCE,
                {"cast": "idle", "if": {"==": ["number.last", 2]}},
            ],
        )
    )

    assert found["ability.arrow.hits"] == found["ability.bolt.hits"] == 1
    assert found["ability.idle.casts"] == 1


def test_a_missile_does_not_hit_who_comes_in_the_place_of_its_target() -> None:
    """One add leaves at 10 s and another comes; what was thrown at 9 s is lost, at 10.5 s not."""
    event = {"adds": {"seconds": 10}, "every": 10}
    for moment, hits in ((7, 1), (9, 0), (10.5, 1)):
        line = {"cast": "bolt", "target": 2, "if": {">=": ["combat.time", moment]}}
        document = config(
            15_000,
            outside={"events": [event]},
            abilities={"bolt": bolt(cooldown={"ms": 99_000})},
            rotation=[line],
        )

        assert counters(document)["ability.bolt.hits"] == hits


def test_conditions_may_ask_about_missiles() -> None:
    """One is in flight until it lands, and for how long is known."""
    waits = {"and": [{"<": ["spell.bolt.in_flight", 1]}, {"==": ["spell.bolt.travel_time", 2]}]}
    found = counters(
        config(9999, abilities={"bolt": bolt()}, rotation=[{"cast": "bolt", "if": waits}])
    )

    # thrown at 0, 2, 4, 6 and 8 s
    assert found["ability.bolt.casts"] == 5
    assert found["ability.bolt.hits"] == 4


def test_a_swing_may_be_a_missile() -> None:
    """Three shots in two and a half seconds, of which the last is still on its way."""
    shot = {
        "name": "shot",
        "period_ms": 1000,
        "travel": {"ms": 600},
        "effects": [strike(travel=True)],
    }
    found = counters(config(2500, swing=shot))

    assert found["ability.shot.hits"] == 2


def test_a_missile_needs_something_that_throws_it() -> None:
    """Damage that travels is of an ability that says how."""
    assert problems(abilities={"bolt": {"effects": [strike(travel=True)]}}) == {
        "/spec/abilities/bolt/effects/0/damage/travel": "'bolt' does not say how it travels"
    }
    assert problems(abilities={"bolt": bolt({"most_ms": 100})}) == {
        "/spec/abilities/bolt/travel": "a flight has either 'ms' or 'yards_per_second'"
    }
