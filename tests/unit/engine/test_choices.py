"""Talents, equipment, set bonuses and trinkets change what a spec does, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from node.engine import get_engine
from tests.unit.engine.fights import config, counters, strike

SPEC: dict[str, Any] = {
    "talents": {"bombs": {"max_rank": 2}},
    "equipment": {"staff": {}},
    "set_bonuses": {"tier_4": {}},
    "abilities": {
        "spell": {"effects": [strike()]},
        "bomb": {"talent": "bombs", "cooldown": {"ms": 10_000}, "effects": [strike()]},
        "jewel": {"equipped": "staff", "cooldown": {"ms": 20_000}, "effects": []},
    },
    "passives": [{"stat": "damage", "by": 1, "set_bonus": "tier_4"}],
    "triggers": {
        "echo": {"on": {"spell": ["hit"]}, "chance": 1, "talent": "bombs", "effects": [strike()]}
    },
}


def fight(player: dict[str, Any], *rotation: Any) -> dict[str, Any]:
    """Build a fight of 30 s with a bomb wherever it can be thrown."""
    actions = list(rotation) or [{"cast": "bomb"}, {"cast": "spell"}]
    document = config(30_000, rotation=actions, **SPEC)
    document["player"] |= player
    return document


def test_what_a_talent_brings_is_there_only_with_it() -> None:
    """An ability and a proc of a talent do nothing without it."""
    without, taken = counters(fight({})), counters(fight({"talents": ["bombs"]}))

    assert (without["ability.bomb.casts"], taken["ability.bomb.casts"]) == (0, 3)
    assert (without["ability.spell.casts"], taken["ability.spell.casts"]) == (21, 18)
    assert (without["proc.echo.procs"], taken["proc.echo.procs"]) == (0, 18)


def test_a_set_bonus_counts_only_when_it_is_worn() -> None:
    """A passive of a set bonus doubles the damage of who has it."""
    without, worn = counters(fight({})), counters(fight({"set_bonuses": ["tier_4"]}))

    assert worn["fight.damage_milli"] == 2 * without["fight.damage_milli"]


@pytest.mark.parametrize(
    ("player", "condition", "casts"),
    [
        ({"talents": ["bombs"]}, "talent.bombs", 1),
        ({}, "talent.bombs", 0),
        ({}, {"not": "talent.bombs.enabled"}, 1),
        ({"talents": {"bombs": 2}}, {"==": ["talent.bombs.rank", "talent.bombs.max_rank"]}, 1),
        ({"talents": ["bombs"]}, {"==": ["talent.bombs.rank", "talent.bombs.max_rank"]}, 0),
        ({"equipment": ["staff"]}, "equipped.staff", 1),
        ({}, "equipped.staff", 0),
        ({"set_bonuses": ["tier_4"]}, "set_bonus.tier_4", 1),
        ({}, "set_bonus.tier_4", 0),
        ({"equipment": ["staff"], "trinkets": ["jewel"]}, "trinket.1.ready", 1),
        ({"trinkets": ["jewel"]}, "trinket.1.ready", 0),
        ({"trinkets": ["jewel"]}, {">": ["trinket.1.remaining", 10_000]}, 1),
        ({"level": 90}, {"==": ["player.level", 90]}, 1),
        ({"distance_yards": 25}, {"==": ["target.distance", 25]}, 1),
    ],
)
def test_rotations_ask_what_a_player_has(
    player: dict[str, Any], condition: Any, casts: int
) -> None:
    """Talents, items, set bonuses and trinkets are operands."""
    found = counters(fight(player, {"cast": "idle", "if": condition}))

    assert found["ability.idle.casts"] == casts


def test_a_spell_that_does_not_reach_is_not_cast() -> None:
    """Its line is passed over, and `in_range` says so."""
    document = fight({"distance_yards": 40}, {"cast": "near"}, {"cast": "far", "if": "no"})
    spells = document["spec"]["abilities"]
    spells["near"] = {"range_yards": 39, "effects": [strike()]}
    spells["far"] = {"range_yards": 40, "effects": [strike()]}
    document["rotation"]["variables"] = {
        "no": {"and": ["spell.far.in_range", {"not": "spell.near.in_range"}]}
    }

    found = counters(document)

    assert (found["ability.near.casts"], found["ability.far.casts"]) == (0, 21)


@pytest.mark.parametrize(
    ("player", "part", "pointer", "hint"),
    [
        ({"talents": ["bomb"]}, {}, "/player/talents/0", "did you mean 'bombs'?"),
        ({"talents": {"bombs": 3}}, {}, "/player/talents/bombs", ""),
        ({"equipment": ["staff", "sword"]}, {}, "/player/equipment/1", "there are: staff"),
        ({"trinkets": ["ring"]}, {}, "/player/trinkets/0", "there are: "),
        (
            {},
            {"talent": "ice"},
            "/spec/abilities/spell/talent",
            "declare it in 'talents' of the spec",
        ),
    ],
)
def test_what_nobody_declared_is_refused(
    player: dict[str, Any], part: dict[str, Any], pointer: str, hint: str
) -> None:
    """A talent, item or trinket that the spec does not know has its place in the problems."""
    document = fight(player)
    document["spec"]["abilities"]["spell"] = {**SPEC["abilities"]["spell"], **part}

    (problem,) = get_engine("combat").validate(document)

    assert problem.pointer == pointer
    assert problem.hint.startswith(hint)
