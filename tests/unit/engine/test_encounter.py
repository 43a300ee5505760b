"""Enemies that come, die and go, a player who has to run, and phases by time or by health."""

from __future__ import annotations

from typing import Any

import pytest

from node.engine import get_engine, results
from tests.unit.engine.fights import config, counters, run, strike

SWING = {"name": "swing", "period_ms": 1000, "effects": [strike()]}  # 1,000 each second, from 0
SWEEP = {"name": "sweep", "period_ms": 1000, "effects": [{**strike(), "to": "all"}]}
HIT = strike()
BOLT = {"cast_ms": 2000, "effects": [HIT]}


def adds(at: float = 5, **more: Any) -> dict[str, Any]:
    """Let enemies come at a time, with other fields of the event beside `adds`."""
    about = {key: more.pop(key) for key in ("count", "seconds", "health") if key in more}
    return {"adds": about, "at": at, **more}


def fought(events: list[Any], duration_ms: int = 20_000, **changes: Any) -> dict[str, int]:
    """Count what happens in a fight with events."""
    return counters(config(duration_ms, outside={"events": events}, **changes))


def test_adds_are_hit_while_they_are_there() -> None:
    """Two come at 4.5 s for 4 s: they are there for the sweeps of 5, 6, 7 and 8 s."""
    found = fought([adds(4.5, count=2, seconds=4)], swing=SWEEP)

    assert found["target.1.ability.sweep.hits"] == 21
    assert found["target.2.ability.sweep.hits"] == 4
    assert found["target.3.ability.sweep.hits"] == 4
    assert found["ability.sweep.hits"] == 29
    assert found["fight.damage_milli"] == 29_000_000


@pytest.mark.parametrize("reaction_ms", [0, 100])
@pytest.mark.parametrize(
    "spell", [BOLT, {"effects": [], "channel": {"ticks": 2, "period_ms": 1000, "effects": [HIT]}}]
)
def test_what_is_cast_at_an_enemy_that_goes_is_broken_off(
    spell: dict[str, Any], reaction_ms: int
) -> None:
    """Begun 0.9 s before the first add leaves, it does nothing to the second, who comes then."""
    line = {"cast": "spell", "target": 2, "if": {">=": ["combat.time", 4.1]}, "line_cd": 99}
    document = config(
        9000,
        outside={"events": [adds(0, seconds=5, every=5)]},
        abilities={"spell": spell, "cry": {"effects": []}},
        rotation=[line, {"cast": "cry", "if": {">=": ["combat.time", 5]}}],
    )
    document["player"]["reaction_ms"] = reaction_ms
    found = counters(document)

    assert found["line.actions.0.spell.fired"] == 1
    assert found["fight.damage_milli"] == 0
    assert found["ability.cry.casts"] == 3  # from the end of the GCD on


def test_adds_that_stay_are_there_to_the_end() -> None:
    """Without `seconds` nothing takes them away, and the last moment counts."""
    assert fought([adds(17.5)], swing=SWEEP)["target.2.ability.sweep.hits"] == 3


def test_what_is_repeated_comes_as_often_as_it_says() -> None:
    """At 1.5, 6.5 and 11.5 s, each time for two sweeps; the place is the same one again."""
    found = fought([adds(1.5, every=5, until=13, seconds=2)], swing=SWEEP)

    assert found["target.2.ability.sweep.hits"] == 6
    assert not any(name.startswith("target.3.") for name in found)


def test_who_leaves_makes_room_for_who_comes() -> None:
    """Waves that meet in one moment need one place; waves that overlap need two."""
    meet = fought([adds(2, every=5, seconds=5)], swing=SWEEP)
    overlap = fought([adds(2, every=5, seconds=5.5)], swing=SWEEP)

    assert not any(name.startswith("target.3.") for name in meet)
    assert overlap["target.3.ability.sweep.hits"] > 0


def test_rotations_see_who_is_there() -> None:
    """`enemy.count` follows those who are there, and so does what cycles through targets."""
    crowd = {"cast": "cleave", "if": {">=": ["enemy.count", 3]}}
    second = {"cast": "poke", "target": 2}
    spell = {"effects": [strike()], "off_gcd": True, "cooldown": {"ms": 1000}}
    found = fought(
        [adds(count=2, seconds=3.5)],
        abilities={"cleave": spell, "poke": spell},
        rotation=[crowd, second],
    )

    assert found["ability.cleave.casts"] == 4
    assert found["ability.poke.casts"] == 4
    assert found["target.2.ability.poke.hits"] == 4


def test_auras_end_with_who_has_them() -> None:
    """A DoT of 10 s on an enemy that leaves after 4 s ticks three times and is up for 4 s."""
    pain = {
        "on": "target",
        "duration_ms": 10_000,
        "tick": {"period_ms": 1200, "effects": [strike()]},
        "expires": [strike(name="burst")],
        "removed": [strike(name="loss")],
    }
    found = fought(
        [adds(seconds=4)],
        auras={"pain": pain},
        abilities={"pain": {"effects": [{"apply": {"aura": "pain"}}]}},
        rotation=[{"cast": "pain", "target": 2, "if": {"not": "dot.pain.ticking"}}],
    )

    assert found["target.2.aura.pain.uptime_ms"] == 4000
    assert found["target.2.ability.pain.ticks"] == 3
    assert found.get("ability.burst.hits", 0) == found.get("ability.loss.hits", 0) == 0


def test_an_enemy_that_comes_again_is_unhurt() -> None:
    """Health and numbers of its own begin anew, and no aura is left from the one before."""
    find = {"cast": "mark", "target": 2, "if": {"==": ["number.seen", 0]}}
    mark = {"effects": [{"set": {"number": "seen", "add": 1}}], "cooldown": {"ms": 1000}}
    found = fought(
        [adds(2, every=5, seconds=3)],
        numbers={"seen": {"of": "target"}},
        abilities={"mark": mark},
        rotation=[find],
    )

    assert found["ability.mark.casts"] == 4


def test_an_add_dies_of_its_wounds() -> None:
    """2,500 of health are three hits of 1,000; then it is gone, and the next one comes whole."""
    found = fought([adds(1.5, every=8, seconds=7, health=2500)], swing=SWEEP)

    assert found["target.2.ability.sweep.hits"] == 3 * 3


def test_a_fight_may_end_with_the_death_of_the_target() -> None:
    """4,500 of health are gone with the fifth hit, at 4 s: all of it counts, and no more comes."""
    document = config(20_000, swing=SWING, health=4500, outside={"fight_ends": "death"})
    found = run(document, 3)

    assert int(found["counters"]["ability.swing.hits"]) == 15
    assert results.statistics(found)["metrics"]["fight_length"]["maximum"] == 4
    assert results.statistics(found)["metrics"]["dps"]["mean"] == 1250


def test_a_fight_in_which_nobody_dies_ends_in_time() -> None:
    """Health for more than its length does not make a fight longer."""
    document = config(3000, swing=SWING, health=10**6, outside={"fight_ends": "death"})

    assert counters(document)["fight.length_ms"] == 3000


def test_a_death_in_the_first_moment_has_a_length() -> None:
    """A fight is at least a millisecond long."""
    document = config(3000, swing=SWING, health=1, outside={"fight_ends": "death"})

    assert counters(document)["fight.length_ms"] == 1


def test_without_an_end_by_death_the_target_stays() -> None:
    """What is at no health is hit to the end of the time, and the others are gone."""
    found = counters(config(9000, swing=SWEEP, health=4500, targets=2))

    assert found["target.1.ability.sweep.hits"] == 10
    assert found["target.2.ability.sweep.hits"] == 5


KILL = {"target_health_below_percent": 20, "off_gcd": True, "effects": [strike(0)]}


def executed(health: float | None, **changes: Any) -> list[int]:
    """Give the times at which a spell for the last fifth is cast, every second if it can be."""
    document = config(
        10_000,
        **({} if health is None else {"health": health}),
        swing=SWING,
        abilities={"kill": {**KILL, "cooldown": {"ms": 1000}}},
        rotation=[{"cast": "kill"}],
        **changes,
    )
    engine = get_engine("combat")
    log = engine.replay(engine.prepare(document), 7, 0).lines
    return [line.ms for line in log if line.event == "cast"]


def test_the_last_part_of_health_comes_by_time() -> None:
    """Without health of its own the target has less than 20 percent from 8,001 ms on."""
    assert executed(None) == [8001, 9001]


def test_the_last_part_of_health_comes_by_health() -> None:
    """With 5,000 of health exactly 20 percent are left at 3 s, and that is not less."""
    assert executed(5000) == [4000, 5000, 6000, 7000, 8000, 9000, 10_000]
    assert executed(4999) == [3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000]
    assert executed(10**6) == []


def test_each_enemy_has_a_last_part_of_its_own() -> None:
    """Who is there from 2 to 8 s without health of its own has its last fifth from 6.8 s on."""
    document = config(
        20_000,
        abilities={"kill": {**KILL, "cooldown": {"ms": 1000}}},
        rotation=[{"cast": "kill", "target": 2}],
        outside={"events": [adds(2, seconds=6)]},
    )
    engine = get_engine("combat")
    log = engine.replay(engine.prepare(document), 7, 0).lines

    assert [line.ms for line in log if line.event == "cast"] == [6801, 7801]


HEALTH = [
    ("target.health", 7000),
    ("target.health_max", 10_000),
    ("target.health_percent", 70),
    ("target.time_to_die", 4.667),  # 3,000 in two seconds: 7,000 more take as long as they took
    ("target.time_to_percent.40", 2),
    ("enemy.min_ttd", 4.667),
]


@pytest.mark.parametrize(("operand", "expected"), HEALTH)
def test_rotations_ask_about_health(operand: str, expected: float) -> None:
    """After three hits, at 2 s."""
    near = {"<": [{"abs": {"-": [operand, expected]}}, 0.001]}
    then = {"==": ["combat.time", 2]}
    found = counters(
        config(
            60_000,
            health=10_000,
            swing=SWING,
            abilities={"yes": {"effects": [], "cooldown": {"ms": 100_000}}},
            rotation=[{"cast": "yes", "if": {"and": [then, near]}}],
        )
    )

    assert found["ability.yes.casts"] == 1


def test_moving_breaks_off_what_needs_to_stand() -> None:
    """A cast of 2 s that is broken off at 3 s begins anew at 4 s; an instant is cast meanwhile."""
    document = config(
        9000,
        abilities={"bolt": BOLT, "jab": {"effects": [strike()]}},
        rotation=[{"cast": "bolt"}, {"cast": "jab"}],
        outside={"events": [{"move": {"seconds": 1}, "at": 3}]},
    )
    engine = get_engine("combat")
    log = engine.replay(engine.prepare(document), 7, 0).lines
    told = [(line.ms, line.event) for line in log if line.event in ("cast", "cast_cut")]

    assert told == [
        (2000, "cast"),
        (3000, "cast_cut"),
        (3500, "cast"),  # the GCD of what was broken off goes on
        (7000, "cast"),
        (9000, "cast"),
    ]
    assert [line.text for line in log if line.event == "move"] == ["Player moves for 1.000 s"]


def test_what_may_be_cast_on_the_way_goes_on() -> None:
    """With `while_moving` nothing is broken off."""
    move = [{"move": {"seconds": 1}, "at": 3}]
    bolt = {**BOLT, "while_moving": True}
    found = fought(move, 8000, abilities={"bolt": bolt}, rotation=[{"cast": "bolt"}])

    assert found["ability.bolt.casts"] == 4


def test_moving_cuts_a_channel() -> None:
    """Three of four ticks have come when the player has to run; the next channel is whole."""
    channel = {"ticks": 4, "period_ms": 1000, "hasted": False, "effects": [strike()]}
    beam = {"effects": [], "channel": channel}
    move = [{"move": {"seconds": 2}, "at": 3.5}]
    found = fought(move, 10_000, abilities={"beam": beam}, rotation=[{"cast": "beam"}])

    assert found["ability.beam.casts"] == 3  # at 0, at 5.5 s, and when that is over, at 9.5 s
    assert found["ability.beam.ticks"] == 3 + 4


def test_a_player_with_a_reaction_time_acts_after_being_moved() -> None:
    """What broke a cast off is seen a reaction later, not at the end that the cast had."""
    document = config(
        6000,
        abilities={"bolt": {**BOLT, "cast_ms": 5000}, "jab": {"effects": [strike()]}},
        rotation=[{"cast": "bolt", "if": {"<": ["combat.time", 1]}}, {"cast": "jab"}],
        outside={"events": [{"move": {"seconds": 1}, "at": 2}]},
    )
    document["player"]["reaction_ms"] = 100
    engine = get_engine("combat")
    log = engine.replay(engine.prepare(document), 7, 0).lines

    assert next(line.ms for line in log if line.event == "cast") == 2100


def test_the_log_tells_who_comes_and_goes() -> None:
    """Arrivals, departures and deaths name the enemy."""
    events = [adds(1, seconds=2), adds(4, health=1500)]
    document = config(8000, swing=SWEEP, outside={"events": events})
    engine = get_engine("combat")
    log = engine.replay(engine.prepare(document), 7, 0).lines

    told = [(line.ms, line.text) for line in log if line.event.startswith("enemy_")]
    assert told == [
        (1000, "Target 2 comes"),
        (3000, "Target 2 leaves"),
        (4000, "Target 2 comes"),
        (6000, "Target 2 dies"),
    ]


@pytest.mark.parametrize(
    ("changes", "pointer", "reason"),
    [
        ({"fight_ends": "death"}, "/fight_ends", "does not die"),
        ({"events": [adds(every=0.1, count=4, seconds=0.1)]}, "/events", "10,000 things happen"),
        ({"events": [adds(count=100)]}, "/events", "100 enemies are there at once"),
        ({"events": [adds(every=1, until=2)]}, "/events/0/until", "over before it begins"),
        ({"events": [adds(until=9)]}, "/events/0/until", "happens only once"),
        ({"events": [{"move": {}}]}, "/events/0/move", "'seconds' is missing"),
        ({"events": [{"rain": {}}]}, "/events/0/rain", "rain"),
        ({"events": [{"adds": {"count": 0}}]}, "/events/0/adds/count", "between 1 and 100"),
    ],
)
def test_what_is_wrong_with_events_is_found(changes: Any, pointer: str, reason: str) -> None:
    """Each mistake has its place, and too much of anything is refused and not simulated."""
    problems = get_engine("combat").validate(config(300_000, outside=changes))

    assert [problem.pointer for problem in problems] == [pointer]
    assert reason in problems[0].message
