"""Attacks miss, are dodged, glance and crit as the tables of the profile say."""

from __future__ import annotations

from typing import Any

import pytest

from node.engine import get_engine
from tests.unit.engine.fights import config, counters, strike

#: swings of 100 ms for 300 s and so many fights
FIGHTS = 4
ROLLS = 3001 * FIGHTS
TABLE = {
    "miss_percent": 7.5,
    "less_miss": ["hit"],
    "dodge_percent": 7.5,
    "less_dodge": ["expertise"],
    "glance_percent": 24,
    "glance_factor": 0.75,
}
HUNTER = {"hit_rating": 1020, "expertise_rating": 2550}


def document(table: dict[str, Any], suppressed: float = 0, **more: Any) -> dict[str, Any]:
    """Build a player who swings at a table, 340 rating for a percent of hit or expertise."""
    swing = {"name": "swing", "period_ms": 100, "effects": [strike(attack="table")]}
    built = config(swing=swing, **more)
    built["profile"]["attacks"] = {"table": table}
    built["profile"]["crit_suppressed_percent"] = suppressed
    built["profile"]["rating_per_percent"] |= {"hit": 340, "expertise": 340}
    return built


def shares(built: dict[str, Any]) -> dict[str, float]:
    """Give how the swings went, as parts of all."""
    found = counters(built, FIGHTS)
    names = ("hits", "misses", "glances", "crits")
    assert found["ability.swing.hits"] + found["ability.swing.misses"] == ROLLS
    return {name: found[f"ability.swing.{name}"] / ROLLS for name in names}


def test_hit_and_expertise_lower_misses_and_dodges() -> None:
    """3 % hit leave 4.5 % misses, 7.5 % expertise no dodges; what glances is a hit."""
    found = shares(document(TABLE, stats=HUNTER))

    assert found["misses"] == pytest.approx(0.045, abs=0.008)
    assert found["glances"] == pytest.approx(0.24, abs=0.016)
    assert found["crits"] == 0


@pytest.mark.parametrize(("one_roll", "crits"), [(True, 0.60), (False, 0.76 * 0.60)])
def test_crits_of_one_roll_and_of_two(one_roll: bool, crits: float) -> None:  # noqa: FBT001
    """60 % crits are beside 24 % glances in one roll; apart they are 60 % of the rest."""
    stats = {"hit_rating": 2550, "expertise_rating": 2550, "crit_percent": 60}
    found = shares(document({**TABLE, "one_roll": one_roll}, stats=stats))

    assert found["misses"] == 0
    assert found["crits"] == pytest.approx(crits, abs=0.02)


def test_one_roll_has_room_for_no_more_crits_than_are_left() -> None:
    """With 100 % crit all that does not glance is critical."""
    stats = {"hit_rating": 2550, "expertise_rating": 2550, "crit_percent": 100}
    found = shares(document({**TABLE, "one_roll": True}, stats=stats))

    assert found["crits"] + found["glances"] == 1


def test_glances_deal_less() -> None:
    """Each costs a quarter of its damage."""
    stats = {"hit_rating": 2550, "expertise_rating": 2550}
    found = counters(document(TABLE, stats=stats))

    whole = found["ability.swing.hits"] - 0.25 * found["ability.swing.glances"]
    assert found["ability.swing.damage_milli"] == 1_000_000 * whole


def test_crits_are_suppressed() -> None:
    """3 % less than the sheet shows."""
    found = shares(document({}, suppressed=3, stats={"crit_percent": 33}))

    assert found["crits"] == pytest.approx(0.30, abs=0.02)


def test_triggers_hear_misses() -> None:
    """A table that nothing gets past: no hit is heard, every miss is."""
    built = document({"miss_percent": 100}, resources={"luck": {"maximum": 1e6, "start": 0}})
    built["spec"]["triggers"] = {
        event: {
            "on": {"swing": [event]},
            "effects": [{"gain": {"resource": "luck", "amount": 1}}],
        }
        for event in ("hit", "miss")
    }

    found = counters(built)

    assert found["proc.miss.procs"] == found["ability.swing.misses"] == 3001
    assert found["proc.hit.procs"] == found["ability.swing.damage_milli"] == 0


@pytest.mark.parametrize(("miss", "landed"), [(0, 1), (100, 0)])
def test_an_attack_carries_out_what_lands(miss: float, landed: int) -> None:
    """One roll for a list of effects, and other effects when it fails."""
    attack = {
        "attack": {
            "table": "table",
            "effects": [{"apply": {"aura": "hurt"}}],
            "missed": [{"apply": {"aura": "saved"}}],
        }
    }
    built = document(
        {"miss_percent": miss},
        abilities={"sting": {"cooldown": {"ms": 10_000_000}, "effects": [attack]}},
        auras={"hurt": {"on": "target"}, "saved": {"on": "target"}},
        rotation=[{"cast": "sting"}],
    )

    found = counters(built)

    assert found["aura.hurt.applications"] == landed
    assert found["aura.saved.applications"] == found["ability.sting.misses"] == 1 - landed


def test_unknown_tables_and_worthless_stats_are_refused() -> None:
    """A table that the profile does not have; hit where nobody knows what it is worth."""
    built = document({"miss_percent": 5, "less_miss": ["hit"]}, stats=HUNTER)
    built["spec"]["swing"]["effects"][0]["damage"]["attack"] = "tabel"
    del built["profile"]["rating_per_percent"]["hit"]

    found = {problem.pointer for problem in get_engine("combat").validate(built)}

    assert found == {
        "/spec/swing/effects/0/damage/attack",
        "/profile/attacks/table/less_miss",
        "/player/stats/hit_rating",
    }
