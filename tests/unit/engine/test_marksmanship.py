"""Each ability of the Marksmanship spec does what its data say, alone."""

from __future__ import annotations

from typing import Any

import pytest

from node.engine import get_engine
from node.engine.configs import default_config
from tests.unit.engine.fights import counters

HASTE = 1 + 3000 / 180 / 100
VERSATILITY = 1 + 1500 / 180 / 100
LONE_WOLF = 1.1
ARMOR = 7390 / (11_300 + 7390)
POWER = 15_000 * VERSATILITY * LONE_WOLF
GCD = round(1500 / HASTE)
FIGHT = 300_000


def alone(*actions: str | dict[str, Any], targets: int = 1, lucky: bool = False) -> dict[str, int]:
    """Do only these actions once through, without crits, and without Lock and Load unless lucky."""
    document: dict[str, Any] = default_config("modern/marksmanship", targets=targets)
    lines = [{"cast": action} if isinstance(action, str) else action for action in actions]
    document["rotation"] = {"name": "alone", "actions": lines}
    document["profile"]["crit_percent"] = 0
    document["player"]["stats"]["crit_rating"] = 0
    if not lucky:
        del document["spec"]["triggers"]["lock_and_load"]
    return counters(document)


def mean_hit(found: dict[str, int], source: str) -> float:
    """Give the average of the hits and ticks of a source."""
    hits = found[f"{source}.hits"] + found[f"{source}.ticks"]
    return found[f"{source}.damage_milli"] / 1000 / hits


def test_the_default_config_has_no_problems() -> None:
    """What ships is valid."""
    assert get_engine("combat").validate(default_config("modern/marksmanship")) == []


def test_the_default_rotation_uses_everything() -> None:
    """On one target all but Multi-Shot, on three that instead of Arcane Shot."""
    names = default_config("modern/marksmanship")["spec"]["abilities"]
    for targets, idle in ((1, {"multi_shot"}), (3, {"arcane_shot"})):
        found = counters(default_config("modern/marksmanship", targets=targets))
        unused = {name for name in names if found[f"ability.{name}.casts"] == 0}
        assert unused == idle


def test_auto_shot_and_lone_wolf() -> None:
    """Half the power every 2.6 s hasted, a tenth more without a pet."""
    found = alone("trueshot")

    assert mean_hit(alone("multi_shot"), "ability.auto_shot") == pytest.approx(0.5 * POWER * ARMOR)
    assert found["ability.auto_shot.hits"] > FIGHT // round(2600 / HASTE) + 1


def test_aimed_shot() -> None:
    """Aimed Shot: 2.5 s cast, 12 s hasted, 35 focus, 2.8 times the power."""
    found = alone("aimed_shot")

    cast, cooldown = round(2500 / HASTE), round(12_000 / HASTE)
    casts = (FIGHT - cast) // (cast + cooldown) + 1
    assert found["ability.aimed_shot.casts"] == casts
    assert found["resource.focus.spent_milli"] == 35_000 * casts
    assert mean_hit(found, "ability.aimed_shot") == pytest.approx(2.8 * POWER * ARMOR)


def test_an_aimed_shot_makes_two_shots_precise() -> None:
    """Two Arcane Shots after it deal 75 % more, a third one does not."""
    document: dict[str, Any] = default_config("modern/marksmanship", duration=20)
    document["profile"]["crit_percent"] = 0
    document["player"]["stats"]["crit_rating"] = 0
    aimed = {"cast": "aimed_shot", "if": {"<": ["spell.aimed_shot.casts", 1]}}
    arcane = {"cast": "arcane_shot", "if": {"<": ["spell.arcane_shot.casts", 3]}}
    document["rotation"] = {"name": "precise", "actions": [aimed, arcane]}
    del document["spec"]["triggers"]["lock_and_load"]

    found = counters(document)

    assert found["ability.arcane_shot.hits"] == 3
    mean = 0.45 * POWER * (1 + 2 * 0.75 / 3)
    assert mean_hit(found, "ability.arcane_shot") == pytest.approx(mean)


@pytest.mark.parametrize("targets", [1, 3, 20])
def test_multi_shot_hits_every_target(targets: int) -> None:
    """Multi-Shot: 40 focus, half the power on each enemy, and precise after an Aimed Shot."""
    found = alone("multi_shot", targets=targets)

    casts = found["ability.multi_shot.casts"]
    assert casts == (100 + 5 * HASTE * 300) // 40
    assert found["ability.multi_shot.hits"] == targets * casts
    assert mean_hit(found, "ability.multi_shot") == pytest.approx(0.5 * POWER * ARMOR)


def test_multi_shot_spends_precise_shots() -> None:
    """75 % more on every target for two casts."""
    shot = {"cast": "multi_shot", "if": "buff.precise_shots.active"}
    found = alone(shot, "aimed_shot", targets=3)

    assert mean_hit(found, "ability.multi_shot") == pytest.approx(0.5 * 1.75 * POWER * ARMOR)
    assert 20 < found["ability.multi_shot.casts"] <= 2 * found["ability.aimed_shot.casts"]


def test_rapid_fire_is_channelled() -> None:
    """Rapid Fire: seven shots in two seconds hasted, every 20 s hasted."""
    found = alone("rapid_fire")

    casts = found["ability.rapid_fire.casts"]
    assert casts == FIGHT // round(20_000 / HASTE) + 1
    assert found["ability.rapid_fire.ticks"] == 7 * casts
    assert mean_hit(found, "ability.rapid_fire") == pytest.approx(0.35 * POWER * ARMOR)


def test_rapid_fire_takes_its_time() -> None:
    """Nothing else is cast while it lasts."""
    found = alone("rapid_fire", {"cast": "steady_shot", "if": "prev.rapid_fire"})

    assert found["ability.steady_shot.casts"] == found["ability.rapid_fire.casts"]


def test_steady_shots_give_focus_and_two_in_a_row_haste() -> None:
    """Steady Shot: 1.8 s cast, 10 focus; the second one starts 7 % haste for 15 s."""
    found = alone("steady_shot")

    first = round(1800 / HASTE)
    later = round(1800 / (HASTE * 1.07))
    assert found["ability.steady_shot.casts"] == 2 + (FIGHT - 2 * first) // later
    assert found["aura.steady_focus.uptime_ms"] == FIGHT - 2 * first
    assert mean_hit(found, "ability.steady_shot") == pytest.approx(0.25 * POWER * ARMOR)


def test_steady_shots_apart_give_no_haste() -> None:
    """A shot of another kind between them breaks the row."""
    steady = {"cast": "steady_shot", "if": {"not": "prev.steady_shot"}}
    found = alone(steady, {"cast": "arcane_shot", "if": "prev.steady_shot"})

    assert found["aura.steady_focus.applications"] == 0
    assert found["ability.steady_shot.casts"] > 50


def test_arcane_shot_ignores_armor() -> None:
    """Arcane Shot: 20 focus, 0.45 times the power."""
    found = alone("arcane_shot")

    assert found["ability.arcane_shot.casts"] == (100 + 5 * HASTE * 300) // 20
    assert mean_hit(found, "ability.arcane_shot") == pytest.approx(0.45 * POWER)


def test_kill_shot_waits_for_the_execute_phase() -> None:
    """Kill Shot: 10 focus, 10 s, only below 20 % of the target's health."""
    found = alone("kill_shot")

    assert found["ability.kill_shot.casts"] == (FIGHT - 240_001) // 10_000 + 1
    assert mean_hit(found, "ability.kill_shot") == pytest.approx(4 * POWER * ARMOR)


def test_trueshot_hastens_and_makes_critical() -> None:
    """Trueshot: off the GCD, every 120 s, 15 s of half as much haste again and 20 % crit."""
    found = alone("trueshot")

    assert found["ability.trueshot.casts"] == FIGHT // 120_000 + 1
    assert found["aura.trueshot.uptime_ms"] == 3 * 15_000
    shots = FIGHT / round(2600 / HASTE)
    assert found["ability.auto_shot.hits"] == pytest.approx(shots * (1 + 0.5 * 0.15), abs=2)


def test_lock_and_load_makes_an_aimed_shot_instant_and_free() -> None:
    """Eight percent of the auto shots; the next Aimed Shot takes no time and no focus."""
    instant = {"cast": "aimed_shot", "if": "buff.lock_and_load.active"}
    found = alone(instant, lucky=True)

    assert found["proc.lock_and_load.attempts"] == found["ability.auto_shot.hits"]
    assert 0 < found["ability.aimed_shot.casts"] <= found["proc.lock_and_load.procs"]
    assert found["resource.focus.spent_milli"] == 0
