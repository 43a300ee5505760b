"""What effects do: amounts that are worked out, targets, pools, copies and extra ticks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.engine.fights import config, counters, strike
from tests.unit.engine.test_triggers import apply, once


def test_an_effect_is_carried_out_if_its_condition_holds() -> None:
    """Conditions are looked at when it is the effect's turn."""
    found = once(
        {**strike(name="no"), "if": "buff.might.active"},
        apply("might"),
        {**strike(name="yes"), "if": "buff.might.active"},
        auras={"might": {"on": "player"}},
    )

    assert found["ability.no.hits"] == 0
    assert found["ability.yes.hits"] == 1


def test_amounts_are_worked_out() -> None:
    """Any number of an effect may be an expression."""
    found = once(
        apply("charge", stacks={"+": [1, 2]}),
        {"gain": {"resource": "rage", "amount": {"*": [5, "buff.charge.stacks"]}}},
        {"drain": {"resource": "rage", "amount": 40}},
        strike(0, base={"*": [100, "buff.charge.stacks"]}, times=2),
        auras={"charge": {"on": "player", "stacks": 9}},
        resources={"rage": {"maximum": 100, "start": 10}},
    )

    assert found["resource.rage.gained_milli"] == 15_000
    assert found["resource.rage.spent_milli"] == 25_000
    assert found["ability.spell.damage_milli"] == 600_000


@pytest.mark.parametrize(
    ("to", "hits"),
    [("target", 1), ("all", 4), ("others", 3), ({"most": 3}, 3), ({"others": 2}, 2)],
)
def test_an_effect_reaches_the_targets_that_it_names(to: Any, hits: int) -> None:
    """One target, all, the others, or some of them."""
    assert once({**strike(), "to": to}, targets=4)["ability.spell.hits"] == hits


PAIN = {"on": "target", "duration_ms": 6000, "tick": {"period_ms": 2000, "effects": [strike()]}}


def test_each_target_has_its_own_aura() -> None:
    """Its ticks hit the target that has it."""
    found = once({**apply("pain"), "to": {"others": 2}}, targets=4, auras={"pain": PAIN})

    assert found["ability.pain.ticks"] == 6
    assert found["aura.pain.uptime_ms"] == 6000
    assert [found.get(f"target.{n}.ability.pain.ticks", 0) for n in (1, 2, 3, 4)] == [0, 3, 3, 0]


def test_a_debuff_changes_what_its_target_takes() -> None:
    """Damage against the others stays as it is."""
    mark = {"on": "target", "modifies": [{"stat": "damage", "by": 0.5, "schools": ["fire"]}]}
    found = once(
        apply("mark"),
        {**strike(name="bolt"), "to": "all"},
        {**strike(name="ray", school="frost"), "to": "all"},
        targets=2,
        auras={"mark": mark},
    )

    assert found["ability.bolt.damage_milli"] == 2_500_000
    assert found["ability.ray.damage_milli"] == 2_000_000


def test_a_pool_gathers_what_is_outstanding() -> None:
    """Ignite: 20 % of each hit over two ticks, or what is left and the new over three."""
    ignite = {
        "on": "target",
        "duration_ms": 4000,
        "refresh": "rollover",
        "tick": {
            "period_ms": 2000,
            "effects": [
                strike(0, base="event.amount", modifiers="taken", can_crit=False, name="ignite")
            ],
        },
    }
    amount = {
        "/": [
            {"+": ["dot.ignite.outstanding", {"*": ["event.damage", 0.2]}]},
            {"if": ["dot.ignite.ticking", 3, 2]},
        ]
    }
    found = once(
        strike(),
        {"after": {"ms": 3000, "effects": [strike(name="spell")]}},
        auras={"ignite": ignite},
        triggers={
            "ignite": {
                "on": {"spell": ["hit"]},
                "effects": [{"apply": {"aura": "ignite", "amount": amount}}],
            }
        },
    )

    # 100 at 2 s; at 3 s 100 are left and 200 are new, over three ticks from 4 s on
    assert found["ability.ignite.ticks"] == 4
    assert found["ability.ignite.damage_milli"] == 400_000


def test_a_spread_aura_is_the_same_on_the_others() -> None:
    """Time left, next tick and snapshot are copied."""
    pain = {**PAIN, "tick": {**PAIN["tick"], "snapshot": True}}  # type: ignore[dict-item]
    copy = {"spread": {"auras": ["pain"]}, "to": "others"}
    found = once(
        apply("might", duration_ms=1000),
        apply("pain"),
        {"after": {"ms": 3000, "effects": [copy]}},
        targets=3,
        auras={
            "pain": pain,
            "might": {"on": "player", "modifies": [{"stat": "damage", "by": 1}]},
        },
    )

    assert found["ability.pain.ticks"] == 3 + 2 * 2
    assert found["ability.pain.damage_milli"] == 7 * 2_000_000


def test_an_extra_tick_leaves_the_timers_alone() -> None:
    """A copy of a tick is reported apart, as a hit with the snapshot of the DoT."""
    pain = {**PAIN, "tick": {**PAIN["tick"], "snapshot": True}}  # type: ignore[dict-item]
    echo = {"tick": {"aura": "pain", "scale": 0.5, "name": "echo"}}
    found = once(echo, apply("pain"), echo, echo, auras={"pain": pain})

    assert found["ability.pain.ticks"] == 3
    assert found["ability.echo.hits"] == 2
    assert found["ability.echo.damage_milli"] == 1_000_000


def test_stacks_can_grow_without_a_refresh() -> None:
    """Agony: each tick adds a stack, then deals its snapshot times the stacks."""
    agony = {
        "on": "target",
        "duration_ms": 6000,
        "stacks": 10,
        "tick": {
            "period_ms": 2000,
            "snapshot": True,
            "effects": [apply("agony", refresh=False), strike(times="dot.agony.stacks")],
        },
    }
    found = once(apply("agony"), auras={"agony": agony})

    assert found["aura.agony.uptime_ms"] == 6000
    assert found["ability.agony.damage_milli"] == (2 + 3 + 4) * 1_000_000


@pytest.mark.parametrize(
    ("rule", "again_at", "ticks", "uptime"),
    [
        ("reset", 3000, 4, 9000),
        ("rollover", 3000, 5, 10_000),
        ("keep", 3000, 3, 6000),
        ("extend", 3000, 6, 12_000),
        ({"pandemic": 0.5, "of": "base"}, 4000, 6, 12_000),
        ({"pandemic": 0.5, "of": "base", "whole_ticks": True}, 3000, 6, 12_000),
    ],
)
def test_refreshing_keeps_what_the_rule_says(
    rule: Any, again_at: int, ticks: int, uptime: int
) -> None:
    """A DoT of three ticks is applied again in its middle."""
    found = once(
        apply("pain"),
        {"after": {"ms": again_at, "effects": [apply("pain")]}},
        auras={"pain": {**PAIN, "refresh": rule}},
    )

    assert (found["ability.pain.ticks"], found["aura.pain.uptime_ms"]) == (ticks, uptime)


def test_a_limit_takes_the_aura_from_the_oldest_last() -> None:
    """One more target than may have it costs the one where it lasts longest."""
    found = once({**apply("pain"), "to": "all"}, targets=3, auras={"pain": {**PAIN, "limit": 2}})

    assert found["ability.pain.ticks"] == 6


def test_modifiers_add_before_they_multiply() -> None:
    """A flat amount comes before every factor, passive or not."""
    found = once(
        apply("rage"),
        strike(),
        passives=[{"stat": "attack_power", "by": 0.1}],
        auras={
            "rage": {
                "on": "player",
                "modifies": [{"stat": "attack_power", "by": 500, "op": "add"}],
            }
        },
    )

    assert found["ability.spell.damage_milli"] == 1_650_000


def test_a_modifier_can_be_worked_out_at_application() -> None:
    """Focus Fire: haste by the stacks that there are when it is applied."""
    found = once(
        apply("frenzy", stacks=3),
        apply("focus_fire"),
        {"remove": {"aura": "frenzy"}},
        auras={
            "frenzy": {"on": "player", "stacks": 5},
            "focus_fire": {
                "on": "player",
                "modifies": [{"stat": "damage", "by": {"*": [0.1, "buff.frenzy.stacks"]}}],
                "tick": {"period_ms": 10_000, "effects": [strike()]},
            },
        },
    )

    assert found["ability.focus_fire.damage_milli"] == 2 * 1_300_000


def test_armor_and_regeneration_can_be_changed() -> None:
    """A debuff lowers armour, a buff lets a resource come back faster."""
    found = once(
        apply("sunder"),
        apply("calm"),
        strike(school="physical"),
        armor=1000,
        resources={"mana": {"maximum": 1000, "start": 0, "per_second": 1}},
        auras={
            "sunder": {"on": "target", "modifies": [{"stat": "armor", "by": -1}]},
            "calm": {
                "on": "player",
                "modifies": [{"stat": "regen", "resources": ["mana"], "by": 1}],
            },
        },
    )

    assert found["ability.spell.damage_milli"] == 1_000_000
    assert found["resource.mana.gained_milli"] == 40_000


def test_costs_of_all_abilities_can_be_changed_at_once() -> None:
    """`all` reaches what the player casts."""
    found = counters(
        config(
            100,
            resources={"rage": {"maximum": 100}},
            abilities={"spell": {"cost": {"rage": 30}, "effects": [strike()]}},
            auras={
                "half": {
                    "on": "player",
                    "start": 1,
                    "modifies": [{"stat": "cost", "abilities": "all", "op": "factor", "by": 0.5}],
                }
            },
            rotation=[{"cast": "spell"}],
        )
    )

    assert found["resource.rage.spent_milli"] == 15_000
