"""What a rotation knows of a DoT that it could apply anew."""

from __future__ import annotations

from typing import Any

import pytest

from node.engine import get_engine
from tests.unit.engine.fights import config, counters, strike

ONCE = {"ms": 10_000_000}
ROT: dict[str, Any] = {
    "on": "target",
    "duration_ms": 60_000,
    "tick": {"period_ms": 2000, "hasted": True, "snapshot": True, "effects": [strike()]},
}


def fight(test: Any, *modifiers: dict[str, Any], rot: dict[str, Any] = ROT) -> dict[str, Any]:
    """Build a fight: a DoT, then a buff that changes something, then a jab if a test holds."""
    return config(
        20_000,
        stats={"crit_percent": 20},
        auras={"rot": rot, "boon": {"on": "player", "modifies": list(modifiers)}},
        abilities={
            "rot": {"cooldown": ONCE, "effects": [{"apply": {"aura": "rot"}}]},
            "boon": {"cooldown": ONCE, "effects": [{"apply": {"aura": "boon"}}]},
            "jab": {"cooldown": ONCE, "effects": []},
        },
        rotation=[{"cast": "rot"}, {"cast": "boon"}, {"cast": "jab", "if": test}],
    )


def near(percent: float) -> dict[str, Any]:
    """Tell whether the DoT would be so much better now."""
    return {"==": ["dot.rot.percent_increase", percent]}


@pytest.mark.parametrize(
    ("stat", "by", "percent"),
    [
        ("damage", 0.5, 50),
        ("haste", 0.25, 25),  # 1,600 ms instead of 2,000 ms
        ("attack_power", 0.1, 10),
        ("crit", 0.3, 25),  # 1.5 instead of 1.2 hits per tick
        ("damage", 0.0, 0),
    ],
)
def test_a_dot_is_compared_with_what_it_would_be_now(stat: str, by: float, percent: float) -> None:
    """Power, crit chance and haste of its snapshot, and those of the moment."""
    modifier = {"stat": stat, "by": by}

    assert counters(fight(near(percent), modifier))["ability.jab.casts"] == 1
    assert counters(fight(near(percent + 1), modifier))["ability.jab.casts"] == 0


def test_better_stats_add_up_to_more_than_each() -> None:
    """Half more damage, a quarter more ticks: 87.5 percent."""
    modifiers = ({"stat": "damage", "by": 0.5}, {"stat": "haste", "by": 0.25})

    assert counters(fight(near(87.5), *modifiers))["ability.jab.casts"] == 1


def test_a_dot_that_is_not_up_would_be_all_of_it() -> None:
    """It is worth a hundred percent to apply it."""
    document = fight(near(100))
    document["rotation"]["actions"] = [{"cast": "jab", "if": near(100)}]

    assert counters(document)["ability.jab.casts"] == 1


def test_what_the_target_suffers_counts_the_same_for_both() -> None:
    """A debuff makes the present ticks better, and those of a new application alike."""
    document = fight(near(0))
    document["spec"]["auras"]["boon"] = {
        "on": "target",
        "modifies": [{"stat": "damage", "by": 0.35}],
    }

    assert counters(document)["ability.jab.casts"] == 1


def test_without_a_snapshot_there_is_nothing_to_gain() -> None:
    """Ticks that follow every change are what they would be."""
    rot = {**ROT, "tick": {**ROT["tick"], "snapshot": False}}

    assert counters(fight(near(0), {"stat": "damage", "by": 1}, rot=rot))["ability.jab.casts"] == 1


def test_damage_that_is_an_expression_cannot_be_foreseen() -> None:
    """It is refused, with the reason."""
    rot = {**ROT, "tick": {**ROT["tick"], "effects": [strike(base="combat.time")]}}
    problems = get_engine("combat").validate(fight(near(0), rot=rot))

    assert [problem.message for problem in problems] == [
        "the damage of 'rot' is an expression",
    ]
