"""Every operand, asked in the middle of a fight whose state can be worked out by hand."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest

from node.engine.combat.operands import FAMILIES
from tests.unit.engine.fights import config, counters

FIRE = {"school": "fire", "can_crit": False}
#: at 4 s, with the second swing; haste is 25 %, so that a GCD is 1.2 s and the bolt takes 2 s
NUMBERS: dict[str, float] = {
    "resource.focus": 70,  # 30 and 10 were spent, 2.5 comes back per second
    "resource.focus.current": 70,
    "resource.focus.max": 100,
    "resource.focus.deficit": 30,
    "resource.focus.percent": 70,
    "resource.focus.deficit_percent": 30,
    "resource.focus.regen": 2.5,
    "resource.focus.time_to_max": 12,
    "resource.focus.time_to.80": 4,
    "cd.nova.remaining": 6,
    "cd.open.duration": 8,
    "cd.open.base_duration": 10,
    "cd.open.charges": 1,
    "cd.open.charges_max": 2,
    "cd.open.charges_fractional": 1.5,
    "cd.open.recharge_time": 4,
    "cd.open.full_recharge": 4,
    "spell.bolt.cost": 10,
    "spell.bolt.cast_time": 2,
    "spell.open.execute_time": 1.2,
    "spell.bolt.range": 40,
    "spell.bolt.travel_time": 1.5,
    "spell.bolt.in_flight": 1,
    "spell.bolt.casts": 1,
    "time_since_cast.bolt": 0.8,
    "time_since_cast.open": 4,
    "buff.might.remaining": 16,
    "buff.might.stacks": 2,
    "buff.might.stacks_max": 3,
    "buff.might.duration": 20,
    "buff.might.elapsed": 4,
    "buff.might.amount": 7,
    "buff.short.inactive_for": 3,
    "debuff.pain.remaining": 8.8,
    "debuff.pain.stacks": 1,
    "debuff.pain.stacks_max": 4,
    "debuff.pain.duration": 12.8,
    "debuff.pain.elapsed": 4,
    "debuff.pain.inactive_for": 0,
    "debuff.pain.amount": 5,
    "debuff.pain.active_count": 1,
    "dot.pain.active_count": 1,
    "dot.pain.remaining": 8.8,  # 7.5 periods of 1.6 s are rounded to 8
    "dot.pain.ticks_remaining": 6,
    "dot.pain.stacks": 1,
    "dot.pain.duration": 12.8,
    "dot.pain.elapsed": 4,
    "dot.pain.amount": 5,
    "dot.pain.outstanding": 30,
    "dot.pain.tick_damage": 220,
    "dot.pain.percent_increase": 0,
    "dot.pain.tick_time": 1.6,
    "dot.pain.next_tick": 0.8,
    "player.haste": 25,
    "player.crit": 20,
    "player.mastery": 12,
    "player.versatility": 10,
    "player.attack_power": 1000,
    "player.spell_power": 400,
    "player.primary_stat": 50,
    "player.stamina": 900,
    "player.armor": 70,
    "player.level": 90,
    "player.health": 4000,
    "player.health.max": 4000,
    "player.health.deficit": 0,
    "player.health.percent": 100,
    "player.health.deficit_percent": 0,
    "player.movement_remaining": 4,
    "stat.agility": 50,
    "talent.gift.rank": 2,
    "talent.gift.max_rank": 3,
    "trinket.1.remaining": 56,
    "swing.remaining": 4,
    "gcd.remaining": 0.4,
    "gcd.duration": 1.2,
    "channel.ticks": 0,
    "channel.ticks_left": 0,
    "channel.remaining": 0,
    "pet.count": 2,
    "pet.remaining": 5,
    "pet.imp.count": 2,
    "pet.imp.remaining": 5,
    "pet.buff.fury.remaining": 11,
    "pet.buff.fury.stacks": 2,
    "pet.buff.fury.stacks_max": 2,
    "pet.buff.fury.duration": 15,
    "pet.buff.fury.elapsed": 4,
    "pet.buff.fury.inactive_for": 0,
    "pet.buff.fury.amount": 3,
    "proc.luck.icd_remaining": 26,
    "proc.rare.rppm_chance": 100 * 2 * 4 / 60,
    "target.health": 0,  # its health follows the time here; by wounds, see test_encounter.py
    "target.health_max": 0,
    "target.health_percent": 100 * 296 / 300,
    "target.time_to_die": 296,
    "target.time_to_percent.50": 146,
    "target.distance": 24,
    "enemy.count": 2,
    "enemy.min_ttd": 296,
    "enemy.spell_targets_hit.nova": 2,
    "combat.time": 4,
    "combat.remaining": 296,
    "number.seen": 3,
    "number.seen.value": 3,
    "event.damage": 1100,
    "event.raw": 1100,
    "event.target": 1,
}
TRUTHS: dict[str, bool] = {
    "cd.open.ready": True,
    "cd.nova.ready": False,
    "spell.bolt.usable": False,
    "spell.bolt.in_range": True,
    "spell.spit.in_range": False,
    "prev.bolt": True,
    "prev.open": False,
    "prev_gcd.1.bolt": True,
    "prev_gcd.2.open": True,
    "buff.might.active": True,
    "buff.might.inactive": False,
    "buff.might.at_max_stacks": False,
    "debuff.pain.active": True,
    "debuff.pain.inactive": False,
    "debuff.pain.at_max_stacks": False,
    "debuff.pain.refreshable": False,
    "dot.pain.ticking": True,
    "dot.pain.refreshable": False,
    "player.alive": True,
    "player.in_combat": True,
    "player.stealthed": False,
    "player.mounted": False,
    "player.casting": True,
    "player.moving": True,
    "talent.gift": True,
    "talent.gift.enabled": True,
    "equipped.ring": True,
    "equipped.hat": False,
    "set_bonus.tier": True,
    "trinket.1.ready": False,
    "gcd.active": True,
    "channel.active": False,
    "pet.active": True,
    "pet.imp.active": True,
    "pet.buff.fury.active": True,
    "pet.buff.fury.inactive": False,
    "pet.buff.fury.at_max_stacks": True,
    "target.execute": False,
    "target.casting": False,
    "target.moving": False,
    "event.hit": True,
    "event.crit": False,
    "event.tick": False,
}
#: with the second tick of the DoT, at 3.2 s
OF_TICKS: dict[str, float] = {
    "event.damage": 220,
    "event.stacks": 1,
    "event.amount": 5,
    "event.remaining": 9.6,
    "event.duration": 12.8,
    "event.elapsed": 3.2,
    "event.tick_time": 1.6,
    "event.ticks_left": 6,
}
AT_ONCE = 90  #: effects of a trigger


def _questions(paths: list[str], kind: str) -> list[dict[str, Any]]:
    """Deal what each operand says as damage, so that it can be read off the result."""
    return [
        {
            "damage": {
                "name": name(path, kind),
                "base": {"if": [path, 1, 0]} if path in TRUTHS else path,
                "modifiers": "none",
                **FIRE,
            }
        }
        for path in paths
    ]


def name(path: str, kind: str) -> str:
    """Give what the answer is reported under."""
    return f"{kind}_{path.replace('.', '_')}"


@functools.cache
def found() -> dict[str, int]:
    """Simulate the fight once."""
    paths = [*NUMBERS, *TRUTHS]
    parts = [paths[start : start + AT_ONCE] for start in range(0, len(paths), AT_ONCE)]
    second = {"==": ["combat.time", 4]}
    asking = {
        f"ask{number}": {"on": {"swing": ["hit"]}, "if": second, "effects": _questions(part, "at4")}
        for number, part in enumerate(parts)
    }
    document = config(
        300_000,
        stats={
            "agility": 50,
            "stamina": 900,
            "armor": 70,
            "health": 4000,
            "spell_power": 400,
            "haste_percent": 25,
            "crit_percent": 20,
            "mastery_percent": 12,
            "versatility_percent": 10,
        },
        targets=2,
        mastery={"points": 0, "percent_per_point": 1},
        resources={"focus": {"maximum": 100, "per_second": 2, "hasted": True}},
        swing={
            "name": "swing",
            "period_ms": 5000,
            "effects": [{"damage": {"attack_power": 1, **FIRE}}],
        },
        abilities={
            "open": {
                "cost": {"focus": 30},
                "cooldown": {"ms": 10_000, "hasted": True, "charges": 2},
                "effects": [
                    {"apply": {"aura": "pain", "amount": 5}},
                    {"apply": {"aura": "might", "stacks": 2, "amount": 7}},
                    {"apply": {"aura": "short"}},
                    {"apply": {"aura": "fury", "stacks": 2, "amount": 3}},
                    {"summon": {"pet": "imp", "ms": 9000}},
                    {"set": {"number": "seen", "value": 3}},
                ],
            },
            "nova": {
                "cooldown": {"ms": 10_000},
                "off_gcd": True,
                "effects": [{"damage": {"base": 0}, "to": "all"}],
            },
            "bolt": {
                "cost": {"focus": 10},
                "cast_ms": 2500,
                "while_moving": True,
                "range_yards": 40,
                "travel": {"yards_per_second": 16},
                "effects": [{"damage": {"base": 1, "travel": True}}],
            },
            "spit": {"range_yards": 20, "effects": []},
            "charm": {"item": True, "off_gcd": True, "cooldown": {"ms": 60_000}, "effects": []},
        },
        auras={
            "might": {"on": "player", "duration_ms": 20_000, "stacks": 3},
            "short": {"on": "player", "duration_ms": 1000},
            "fury": {"on": "imp", "duration_ms": 15_000, "stacks": 2},
            "pain": {
                "on": "target",
                "duration_ms": 12_000,
                "stacks": 4,
                "refresh": {"pandemic": 0.3},
                "tick": {
                    "period_ms": 2000,
                    "hasted": True,
                    "snapshot": True,
                    "effects": [{"damage": {"spell_power": 0.5, **FIRE}}],
                },
            },
        },
        pets={"imp": {"count": 2}},
        triggers={
            **asking,
            "ask_ticks": {
                "on": {"pain": ["tick"]},
                "if": {"==": ["combat.time", 3.2]},
                "effects": _questions(list(OF_TICKS), "tick"),
            },
            "luck": {"on": {"open": ["cast"]}, "icd_ms": 30_000, "effects": []},
            "rare": {"on": {"swing": ["hit"]}, "rppm": {"rate": 2}, "effects": []},
        },
        numbers={"seen": {}},
        talents={"gift": {"max_rank": 3}},
        equipment={"ring": {}, "hat": {}},
        set_bonuses={"tier": {}},
        rotation=[
            {"use_trinket": 1},
            {"cast": "nova", "if": {"==": ["spell.nova.casts", 0]}},
            {"cast": "open", "if": {"==": ["spell.open.casts", 0]}},
            {"cast": "bolt"},
        ],
        outside={"events": [{"move": {"seconds": 5}, "at": 3}]},
    )
    document["player"] |= {
        "level": 90,
        "distance_yards": 24,
        "talents": {"gift": 2},
        "equipment": ["ring"],
        "set_bonuses": ["tier"],
        "trinkets": ["charm"],
    }
    return counters(document)


@pytest.mark.parametrize("path", [*NUMBERS, *TRUTHS])
def test_an_operand_says_what_is(path: str) -> None:
    """Numbers to the thousandth, truth values as 1 and 0."""
    expected = float(TRUTHS[path]) if path in TRUTHS else NUMBERS[path]

    answer = found()[f"ability.{name(path, 'at4')}.damage_milli"]
    assert answer / 1000 == pytest.approx(expected, abs=0.0006)


@pytest.mark.parametrize("path", OF_TICKS)
def test_an_operand_says_what_an_aura_did(path: str) -> None:
    """`event` is about the aura that ticks."""
    answer = found()[f"ability.{name(path, 'tick')}.damage_milli"]

    assert answer / 1000 == pytest.approx(OF_TICKS[path], abs=0.0006)


def test_no_operand_goes_without_a_question() -> None:
    """Whatever the reference lists is asked above, by every name it has."""
    asked = {*NUMBERS, *TRUTHS, *OF_TICKS}
    forgotten = []
    for family in FAMILIES:
        for operand in family.operands:
            parts = [family.name]
            parts += [r"\d"] if family.numbered else []
            parts += [r"\w+"] if family.subject else []
            parts += [operand.replace(".N", r"\.\d+")] if operand else []
            path = re.compile(r"\.".join(parts))
            if not any(path.fullmatch(one) for one in asked):
                forgotten.append(path.pattern)

    assert forgotten == []
