"""Each ability of the Beast Mastery spec does what its data say, alone."""

from __future__ import annotations

from typing import Any

import pytest

from node.engine import get_engine
from node.engine.configs import default_config
from tests.unit.engine.fights import counters

HASTE = 1 + 3000 / 180 / 100
VERSATILITY = 1 + 1500 / 180 / 100
MASTERY = 1 + 2 * (8 + 2000 / 180) / 100
ARMOR = 7390 / (11_300 + 7390)
POWER = 15_000 * VERSATILITY
GCD = round(1500 / HASTE)
FIGHT = 300_000


def alone(*names: str, targets: int = 1, iterations: int = 1, crit: bool = False) -> dict[str, int]:
    """Cast only these abilities, without crits unless they are asked for."""
    document: dict[str, Any] = default_config(targets=targets)
    document["rotation"] = {"name": "alone", "actions": [{"cast": name} for name in names]}
    if not crit:
        document["profile"]["crit_percent"] = 0
        document["player"]["stats"]["crit_rating"] = 0
    return counters(document, iterations)


def mean_hit(found: dict[str, int], source: str) -> float:
    """Give the average of the hits and ticks of a source."""
    hits = found[f"{source}.hits"] + found[f"{source}.ticks"]
    return found[f"{source}.damage_milli"] / 1000 / hits


def test_the_default_config_has_no_problems() -> None:
    """What ships is valid."""
    assert get_engine("combat").validate(default_config()) == []


def test_auto_shot_and_melee() -> None:
    """Hunter and wolf swing at their hasted speeds, with the wolf's mastery on top."""
    found = alone("multi_shot")

    assert found["ability.auto_shot.hits"] == FIGHT // round(2600 / HASTE) + 1
    assert found["pet.wolf.melee.hits"] == FIGHT // round(2000 / HASTE) + 1
    assert mean_hit(found, "ability.auto_shot") == pytest.approx(0.5 * POWER * ARMOR)
    assert mean_hit(found, "pet.wolf.melee") == pytest.approx(0.3 * POWER * ARMOR * MASTERY)
    assert found["pet.wolf.uptime_ms"] == FIGHT


def test_kill_command_is_dealt_by_the_wolf() -> None:
    """Kill Command: 30 focus, 7.5 s hasted, twice the wolf's power."""
    found = alone("kill_command")

    assert found["ability.kill_command.casts"] == FIGHT // round(7500 / HASTE) + 1
    assert found["pet.wolf.kill_command.hits"] == found["ability.kill_command.casts"]
    assert mean_hit(found, "pet.wolf.kill_command") == pytest.approx(2 * POWER * ARMOR * MASTERY)


def test_cobra_shot_brings_kill_command_nearer() -> None:
    """Cobra Shot: 35 focus, nature, and one second off Kill Command."""
    found = alone("cobra_shot")

    income = 100 + 5 * HASTE * 300
    assert found["ability.cobra_shot.casts"] == income // 35
    assert mean_hit(found, "ability.cobra_shot") == pytest.approx(0.4 * POWER)


def test_a_cobra_shot_takes_a_second_off_kill_command() -> None:
    """With a Cobra Shot after each, Kill Command is ready a second sooner."""
    document = default_config()
    document["spec"]["resources"]["focus"]["per_second"] = 50
    shot = {"cast": "cobra_shot", "if": "prev.kill_command"}
    document["rotation"]["actions"] = [{"cast": "kill_command"}, shot]

    found = counters(document)

    gap = round(7500 / HASTE) - 1000
    assert found["ability.kill_command.casts"] == FIGHT // gap + 1


def test_barbed_shot_ticks_feeds_and_hastens() -> None:
    """Barbed Shot: two charges of 12 s hasted, ticks that give 5 focus, three stacks of Frenzy."""
    found = alone("barbed_shot")

    casts = found["ability.barbed_shot.casts"]
    assert casts == 2 + FIGHT // round(12_000 / HASTE)
    assert found["ability.barbed_shot.hits"] == casts
    dealt = (0.3 * casts + 0.15 * found["ability.barbed_shot.ticks"]) * POWER * ARMOR
    assert found["ability.barbed_shot.damage_milli"] == pytest.approx(1000 * dealt)
    assert found["aura.frenzy.applications"] + found["aura.frenzy.refreshes"] == casts
    assert found["resource.focus.gained_milli"] >= 5000 * found["ability.barbed_shot.ticks"]
    calm = alone("multi_shot")
    assert found["pet.wolf.melee.hits"] > calm["pet.wolf.melee.hits"]


def test_bestial_wrath_raises_all_damage() -> None:
    """Bestial Wrath: off the GCD, every 90 s, 15 s of a quarter more damage."""
    found = alone("bestial_wrath")

    assert found["ability.bestial_wrath.casts"] == FIGHT // 90_000 + 1
    assert found["aura.bestial_wrath.uptime_ms"] == 4 * 15_000
    hits = found["ability.auto_shot.hits"]
    extra = found["ability.auto_shot.damage_milli"] / 1000 / (0.5 * POWER * ARMOR) - hits
    # a swing every 2.229 s, the first in the moment before Bestial Wrath
    swings = sum(_swings_in(start) for start in range(0, FIGHT, 90_000))
    assert extra == pytest.approx(0.25 * swings, abs=0.001)


def _swings_in(start: int) -> int:
    period = round(2600 / HASTE)
    swings = [time for time in range(0, FIGHT + 1, period) if start < time <= start + 15_000]
    return len(swings)


def test_barbed_shot_brings_bestial_wrath_nearer() -> None:
    """Each Barbed Shot takes 12 s off Bestial Wrath."""
    found = alone("bestial_wrath", "barbed_shot")

    assert found["ability.bestial_wrath.casts"] > FIGHT // 90_000 + 1


def test_call_of_the_wild_summons_the_pack_for_a_time() -> None:
    """Call of the Wild: off the GCD, every 120 s, beasts for 20 s, reported apart."""
    found = alone("call_of_the_wild")

    casts = FIGHT // 120_000 + 1
    assert found["ability.call_of_the_wild.casts"] == found["pet.pack.summons"] == casts
    assert found["pet.pack.uptime_ms"] == casts * 20_000
    assert found["pet.pack.melee.hits"] == casts * (20_000 // round(2000 / HASTE) + 1)


@pytest.mark.parametrize("targets", [1, 3, 20])
def test_multi_shot_hits_every_target(targets: int) -> None:
    """Multi-Shot: 40 focus, half the power on each enemy."""
    found = alone("multi_shot", targets=targets)

    casts = found["ability.multi_shot.casts"]
    assert casts == (100 + 5 * HASTE * 300) // 40
    assert found["ability.multi_shot.hits"] == targets * casts
    assert mean_hit(found, "ability.multi_shot") == pytest.approx(0.5 * POWER * ARMOR)


def test_kill_shot_waits_for_the_execute_phase() -> None:
    """Kill Shot: 10 focus, 10 s, only below 20 % of the target's health."""
    found = alone("kill_shot")

    # the target dies evenly: below 20 % from 240.001 s on
    assert found["ability.kill_shot.casts"] == (FIGHT - 240_001) // 10_000 + 1
    assert mean_hit(found, "ability.kill_shot") == pytest.approx(4 * POWER * ARMOR)


def test_wild_call_returns_a_charge_on_auto_shot_crits() -> None:
    """A fifth of the auto shot crits gives a charge of Barbed Shot."""
    found = alone("barbed_shot", iterations=400, crit=True)

    crits, procs = found["ability.auto_shot.crits"], found["proc.wild_call.procs"]
    assert found["proc.wild_call.attempts"] == crits
    assert procs == pytest.approx(0.2 * crits, rel=0.05)
    spare = found["ability.barbed_shot.casts"] - 400 * (2 + FIGHT // round(12_000 / HASTE))
    assert 0.8 * procs < spare <= procs


def test_crits_come_at_the_rate_of_the_rating() -> None:
    """5 % and the rating's 16.67 %, for hunter and wolf, and they double the damage."""
    found = alone("kill_command", iterations=400, crit=True)

    for source in ("ability.auto_shot", "pet.wolf.melee", "pet.wolf.kill_command"):
        rate = found[f"{source}.crits"] / found[f"{source}.hits"]
        assert rate == pytest.approx(0.05 + 3000 / 180 / 100, rel=0.05)
        base = {"auto_shot": 0.5, "melee": 0.3 * MASTERY, "kill_command": 2 * MASTERY}
        plain = base[source.rsplit(".")[-1]] * POWER * ARMOR
        assert mean_hit(found, source) == pytest.approx(plain * (1 + rate), rel=1e-6)
