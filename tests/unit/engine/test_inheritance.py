"""What of their owner's changes reaches pets, and when."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.engine.fights import config, counters, run, strike

MIGHT = {"on": "player", "duration_ms": 20_000, "modifies": [{"stat": "attack_power", "by": 1}]}
RUSH = {"on": "player", "duration_ms": 20_000, "modifies": [{"stat": "haste", "by": 1}]}
SWING = {"name": "bite", "period_ms": 100, "effects": [strike()]}


def fight(
    duration_ms: int, aura: dict[str, Any], pet: dict[str, Any], *more: dict[str, Any]
) -> dict[str, Any]:
    """Build a player who takes an aura at 0 s, and a pet that swings every 100 ms."""
    cast = {"off_gcd": True, "cooldown": {"ms": 10_000_000}}
    inherits = {"attack_power": 1, "haste": 1, **pet.pop("inherits", {})}
    return config(
        duration_ms,
        abilities={
            "buff": {**cast, "effects": [{"apply": {"aura": "buff"}}]},
            "call": {**cast, "effects": [{"summon": {"pet": "imp"}}]},
        },
        auras={"buff": aura},
        pets={"imp": {"permanent": True, "inherits": inherits, "swing": SWING, **pet}},
        rotation=[{"cast": "buff"}, *more],
    )


def test_a_change_reaches_a_pet_with_the_next_beat_and_so_does_its_end() -> None:
    """Beats every five seconds: twenty seconds of might are twenty seconds, whenever they begin."""
    late = fight(60_000, MIGHT, {"inherits": {"every_ms": 5000}})

    for iteration in range(3):
        found = run(late, first=iteration)["counters"]
        assert int(found["pet.imp.bite.damage_milli"]) == (601 + 200) * 1_000_000


def test_the_phase_of_the_beats_is_drawn_for_each_fight() -> None:
    """In five seconds between none and all swings are mighty, half of them in the mean."""
    late = fight(5000, MIGHT, {"inherits": {"every_ms": 5000}})

    mighty = [
        int(run(late, first=n)["counters"]["pet.imp.bite.damage_milli"]) / 1e6 - 51
        for n in range(200)
    ]

    assert min(mighty) < 5
    assert max(mighty) > 45
    assert sum(mighty) / 200 == pytest.approx(25, abs=5)


def test_without_beats_a_change_reaches_a_pet_at_once() -> None:
    """All but the swing in the moment of the cast, which comes first, are mighty."""
    found = counters(fight(5000, MIGHT, {}))

    assert found["pet.imp.bite.damage_milli"] == (51 + 50) * 1_000_000


def test_a_summoned_pet_has_what_its_owner_is() -> None:
    """Called after the buff, it need not wait for a beat."""
    pet = {"permanent": False, "inherits": {"every_ms": 5000}}
    call = {"cast": "call", "if": {">=": ["combat.time", 0.05]}}
    found = counters(fight(5000, MIGHT, pet, call))

    assert found["pet.imp.bite.hits"] == 50
    assert found["pet.imp.bite.damage_milli"] == 2 * 50 * 1_000_000


def test_the_focus_of_a_pet_follows_late_too() -> None:
    """Its regeneration doubles for twenty seconds in all."""
    aura = {**MIGHT, "modifies": [{"stat": "regen", "resources": ["imp.fire"], "by": 1}]}
    fire = {"fire": {"maximum": 1000, "start": 0, "per_second": 1}}
    late = fight(60_000, aura, {"inherits": {"every_ms": 5000}, "resources": fire})

    found = counters(late)

    assert found["pet.imp.resource.fire.gained_milli"] == 80_000


def test_what_is_fixed_does_not_follow_the_owner() -> None:
    """It has the haste of the sheet, and not that of auras."""
    assert counters(fight(5000, RUSH, {}))["pet.imp.bite.hits"] == 1 + 100
    fixed = fight(5000, RUSH, {"inherits": {"fixed": ["haste"]}})
    fixed["player"]["stats"]["haste_percent"] = 25
    assert counters(fixed)["pet.imp.bite.hits"] == 1 + 5000 // 80
