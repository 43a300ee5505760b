"""Operators and operands of the rotation language mean what they say."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import pytest
from numba import njit

from node.engine.combat.engine import create
from node.engine.combat.expressions import Expressions
from node.engine.combat.kernels import layout as at
from node.engine.combat.kernels.jit import columns
from node.engine.combat.native import compiled
from node.engine.combat.shapes import Report
from node.engine.combat.spec import build
from node.engine.combat.world import World
from node.engine.configs import default_config
from tests.unit.engine.fights import config, counters, strike

if TYPE_CHECKING:
    from node.engine.combat.fights import CombatPlan


def evaluate(*conditions: Any) -> list[bool]:
    """Evaluate conditions at the start of a Beast Mastery fight of 300 s."""
    report = Report()
    world = World(default_config(), report)
    image = build(world)
    expressions = Expressions(world, {"five": {"+": [2, 3]}}, report)
    numbers = [expressions.condition(condition, "")[0] for condition in conditions]
    assert report.problems == []
    ints, reals = image.arrays()
    ints[at.LENGTH] = 300_000  # rolled when a fight starts
    function = compiled(world.code.roots)
    return [call(function, number, ints, reals) == 1.0 for number in numbers]


def _call(function: Any, number: int, ints: Any, reals: Any) -> float:
    value: float = function(number, columns(ints), columns(reals))
    return value


_njit: Any = njit  # its stubs do not know that it gives a function
call = _njit(_call)  # calls a compiled function as kernels do


def test_operators() -> None:
    """Each operator agrees with arithmetic; nothing divides by zero."""
    values: list[tuple[Any, float]] = [
        ({"+": [1, 2, 3]}, 6),
        ({"-": [10, 2, 3]}, 5),
        ({"-": 4}, -4),
        ({"*": [2, 3, 4]}, 24),
        ({"/": [7, 2]}, 3.5),
        ({"/": [7, 0]}, 0),
        ({"%": [7, 4]}, 3),
        ({"%": [-1, 4]}, 3),
        ({"%": [7, 0]}, 0),
        ({"pow": [2, 10]}, 1024),
        ({"pow": [2, 0]}, 1),
        ({"floor": 2.7}, 2),
        ({"ceil": 2.2}, 3),
        ({"round": 2.5}, 2),
        ({"abs": -3}, 3),
        ({"min": [3, 1, 2]}, 1),
        ({"max": [3, 1, 2]}, 3),
        ({"clamp": [9, 0, 5]}, 5),
        ({"if": [True, 1, 2]}, 1),
        ({"if": [False, 1, 2]}, 2),
        ("five", 5),
        ("variable.five", 5),
    ]

    assert all(evaluate(*({"==": [expression, value]} for expression, value in values)))


def test_logic_and_comparisons() -> None:
    """Truth tables hold, and numbers closer than a millionth are equal."""
    true: list[Any] = [
        True,
        {"and": [True, True]},
        {"or": [False, True]},
        {"xor": [True, False]},
        {"not": False},
        {">": [2, 1]},
        {">=": [1, 1]},
        {"<": [1, 2]},
        {"<=": [1, 1]},
        {"==": [1, 1.0000001]},
        {"!=": [1, 2]},
        {"==": [1, 1]},
    ]
    false: list[Any] = [
        {"and": [True, False]},
        {"or": [False, False]},
        {"xor": [True, True]},
        {">": [1.0000001, 1]},
        {"<": [1, 1.0000001]},
        {"!=": [1, 1.0000001]},
        {"==": [1, 1.1]},
    ]

    assert all(evaluate(*true))
    assert not any(evaluate(*false))


def test_operands_at_the_start_of_a_fight() -> None:
    """Every operand of this version answers what the config says."""
    values: dict[str, float] = {
        "resource.focus": 100,
        "resource.focus.current": 100,
        "resource.focus.max": 100,
        "resource.focus.deficit": 0,
        "resource.focus.percent": 100,
        "resource.focus.deficit_percent": 0,
        "resource.focus.regen": 5 * (1 + 1 / 6),
        "resource.focus.time_to_max": 0,
        "resource.focus.time_to.50": 0,
        "cd.kill_command.remaining": 0,
        "cd.kill_command.duration": 6.429,
        "cd.kill_command.base_duration": 7.5,
        "cd.barbed_shot.charges": 2,
        "cd.barbed_shot.charges_max": 2,
        "cd.barbed_shot.charges_fractional": 2,
        "cd.barbed_shot.recharge_time": 0,
        "cd.barbed_shot.full_recharge": 0,
        "buff.frenzy.remaining": 0,
        "buff.frenzy.stacks": 0,
        "buff.frenzy.stacks_max": 3,
        "buff.frenzy.duration": 0,
        "buff.frenzy.elapsed": 0,
        "pet.buff.frenzy.stacks": 0,
        "debuff.barbed_shot.remaining": 0,
        "dot.barbed_shot.remaining": 0,
        "dot.barbed_shot.ticks_remaining": 0,
        "dot.barbed_shot.next_tick": 0,
        "player.haste": 100 / 6,
        "player.crit": 5 + 100 / 6,
        "player.mastery": 16 + 200 / 9,
        "player.versatility": 1500 / 180,
        "player.attack_power": 15_000,
        "player.spell_power": 0,
        "target.health_percent": 100,
        "target.time_to_die": 300,
        "target.time_to_percent.20": 240,
        "enemy.count": 1,
        "enemy.min_ttd": 300,
        "combat.time": 0,
        "combat.remaining": 300,
        "gcd.remaining": 0,
        "gcd.duration": 1.5 / (1 + 1 / 6),
        "pet.count": 1,
        "pet.remaining": 300,
        "pet.wolf.remaining": 300,
        "pet.pack.remaining": 0,
        "spell.kill_command.cost": 30,
        "spell.kill_command.cast_time": 0,
        "spell.kill_command.execute_time": 1.286,
        "spell.kill_command.casts": 0,
        "stat.agility": 15_000,
        "stat.intellect": 0,
        "debuff.barbed_shot.active_count": 0,
        "dot.barbed_shot.active_count": 0,
        "enemy.spell_targets_hit.multi_shot": 1,
        "enemy.spell_targets_hit.kill_shot": 1,
        "player.level": 0,
        "player.primary_stat": 15_000,
        "player.health.percent": 100,
        "target.distance": 0,
        "spell.kill_shot.range": 0,
        "proc.wild_call.icd_remaining": 0,
    }
    true: list[Any] = [
        "cd.kill_command.ready",
        "buff.frenzy.inactive",
        "dot.barbed_shot.refreshable",
        "debuff.barbed_shot.refreshable",
        "pet.active",
        "pet.wolf.active",
        "spell.kill_command.usable",
    ]
    false: list[Any] = [
        "buff.frenzy.active",
        "buff.frenzy.at_max_stacks",
        "dot.barbed_shot.ticking",
        "gcd.active",
        "pet.pack.active",
        "prev.kill_command",
        "prev_gcd.1.kill_command",
        {"<": ["time_since_cast.kill_command", 1000]},
    ]
    equal: list[Any] = [
        {"<=": [{"abs": {"-": [path, value]}}, 0.001]} for path, value in values.items()
    ]

    found = evaluate(*equal)

    assert [path for path, holds in zip(values, found, strict=True) if not holds] == []
    assert all(evaluate(*true))
    assert not any(evaluate(*false))


MANA = {"mana": {"maximum": 100, "start": 0, "per_second": 3}}


def moment_of_cast(condition: Any) -> int:
    """Give the millisecond in which a condition lets an idle player cast."""
    spell = {
        "off_gcd": True,
        "cooldown": {"ms": 10_000_000},
        "effects": [{"apply": {"aura": "watch"}}],
    }
    document = config(
        100_000,
        resources=MANA,
        swing={"name": "swing", "period_ms": 5000, "effects": []},
        auras={"watch": {"on": "player"}},
        abilities={"spell": spell},
        rotation=[{"cast": "spell", "if": condition}],
    )
    return 100_000 - counters(document)["aura.watch.uptime_ms"]


@pytest.mark.parametrize(
    ("condition", "moment"),
    [
        ({">=": ["combat.time", 12.345]}, 12_345),
        ({">": ["combat.time", 12.345]}, 12_346),
        ({"<": ["combat.remaining", 50]}, 50_001),
        ({"<=": ["target.health_percent", 35]}, 65_000),
        ({"<=": ["target.time_to_percent.50", 0]}, 50_000),
        ({">=": ["resource.mana", 50]}, 16_667),
        ({">=": ["resource.mana.percent", 50]}, 16_667),
        ({"<=": ["resource.mana.deficit", 50]}, 16_667),
        ({"<=": ["resource.mana.time_to_max", 10]}, 23_334),
        ({">=": [{"*": ["resource.mana", 2]}, 90]}, 15_000),
        ({">=": [{"/": ["resource.mana", 2]}, 22.5]}, 15_000),
        ({">=": ["resource.mana", {"-": [100, {"*": [4, "combat.time"]}]}]}, 14_286),
        ({"<=": ["swing.remaining", 0.5]}, 4500),
    ],
)
def test_conditions_on_time_are_noticed_when_they_come_true(condition: Any, moment: int) -> None:
    """An idle player acts in the very millisecond in which a linear condition comes true."""
    assert moment_of_cast(condition) == moment


def test_conditions_that_are_not_linear_are_polled() -> None:
    """A condition on a square is noticed within a tenth of a second."""
    square = {">=": [{"pow": ["combat.time", 2]}, 99.5]}

    assert math.sqrt(99.5) <= moment_of_cast(square) / 1000 <= math.sqrt(99.5) + 0.1


def test_call_goes_on_and_run_does_not() -> None:
    """After a called list without anything to do the next line follows; after `run` nothing."""
    spell = {"effects": [strike()]}
    never = [{"cast": "spell", "if": False}]
    for action, casts in (("call", 7), ("run", 0)):
        document = config(9000, abilities={"spell": spell})
        document["rotation"] = {
            "name": "lists",
            "actions": [{action: "nothing"}, {"cast": "spell"}],
            "lists": {"nothing": never},
        }
        assert counters(document)["ability.spell.casts"] == casts


def test_lists_with_a_condition_are_skipped() -> None:
    """A list is entered only while its condition holds."""
    spell = {"effects": [strike()]}
    document = config(9000, abilities={"spell": spell, "other": spell})
    document["rotation"] = {
        "name": "lists",
        "actions": [{"run": "early", "if": {"<": ["combat.time", 4]}}, {"cast": "other"}],
        "lists": {"early": [{"cast": "spell"}]},
    }

    found = counters(document)

    assert found["ability.spell.casts"] == 3
    assert found["ability.other.casts"] == 4
    assert found["line.early.0.spell.fired"] == 3


@pytest.mark.compiled
def test_the_same_expressions_are_compiled_once() -> None:
    """Compiled expressions are kept by their code."""
    first, second = (prepared(12.5).evaluate for _ in range(2))

    assert first is second
    assert prepared(12.75).evaluate is not first


def prepared(moment: float) -> CombatPlan:
    """Prepare a fight with a condition."""
    condition = {">": ["combat.time", moment]}
    document = config(rotation=[{"cast": "idle", "if": condition}])
    return create().prepare(document)


@pytest.mark.compiled
def test_a_long_rotation_is_ready_at_once() -> None:
    """Forty lines of four conditions each are compiled in less than 0.3 s of processor time."""
    prepared(1.0)  # what all rotations share is loaded before
    condition = [
        "cd.idle.ready",
        {"<": ["cd.idle.remaining", "gcd.duration"]},
        {">": ["player.haste", {"*": [2, "combat.time"]}]},
    ]
    lines: list[Any] = [
        {"cast": "idle", "if": {"and": [*condition, {">": ["combat.time", 7.25 + line]}]}}
        for line in range(40)
    ]
    document = config(rotation=lines)
    begun = time.process_time()

    create().prepare(document)

    assert time.process_time() - begun < 0.3


def test_variables_share_their_parts() -> None:
    """Variables that use each other twice do not double with every step."""
    document = config(rotation=[{"cast": "idle", "if": "deep40"}])
    document["rotation"]["variables"] = {
        "deep0": {">": ["combat.time", 1]},
        **{f"deep{n}": {"or": [f"deep{n - 1}", f"deep{n - 1}"]} for n in range(1, 41)},
    }

    assert counters(document)["ability.idle.casts"] == 1


def test_operands_count_targets() -> None:
    """An aura that every target has counts all of them, and an area ability reaches them."""
    curse = {"effects": [{"apply": {"aura": "curse"}, "to": {"most": 3}}]}
    tests = [
        {"==": ["debuff.curse.active_count", 3]},
        {"==": ["enemy.spell_targets_hit.spell", 3]},
        {"==": ["enemy.spell_targets_hit.nova", 5]},
        {"==": ["enemy.spell_targets_hit.idle", 0]},
    ]
    document = config(
        9000,
        targets=5,
        auras={"curse": {"on": "target"}},
        abilities={"spell": curse, "nova": {"effects": [{**strike(), "to": "all"}]}},
        rotation=[{"cast": "idle", "if": {"and": tests}}, {"cast": "spell"}],
    )

    assert counters(document)["ability.idle.casts"] == 1


def test_moving_can_be_asked_about() -> None:
    """The player moves for as long as a line says, and knows how long it will take."""
    moving = {"and": ["player.moving", {"<=": ["player.movement_remaining", 2]}]}
    document = config(
        9000,
        abilities={"spell": {"off_gcd": True, "effects": [{"apply": {"aura": "watch"}}]}},
        auras={"watch": {"on": "player"}},
        rotation=[
            {"move": 3, "line_cd": 100},
            {"cast": "spell", "if": {"and": [moving, "buff.watch.inactive"]}},
        ],
    )

    assert counters(document)["aura.watch.uptime_ms"] == 8000
