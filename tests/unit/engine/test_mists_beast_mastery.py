"""Beast Mastery of the mists profile against what an independent simulator found."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

from node.engine import get_engine
from node.engine.configs import default_config
from tests.unit.engine.fights import counters, run

NAME = "mists/beast_mastery"
ROWS = Path(__file__).parent / "oracle" / "beast_mastery"
FULL = sorted(path.stem for path in ROWS.glob("full_*.json"))
SHOTS = {"0": 101, "5": 106, "8": 109, "10": 111, "30": 131}
STING = {"cast": "serpent_sting", "if": {"not": "dot.serpent_sting.ticking"}}
READY = {"and": ["buff.frenzy.active", "buff.focus_fire.inactive"]}
IDLE = {"cast": "hunters_mark", "if": {"<": ["combat.time", -1]}}
#: the rows of single abilities, and what is cast in them
ALONE: dict[str, list[Any]] = {
    **{
        f"alone_{name}": [{"cast": name}]
        for name in (
            "arcane_shot",
            "cobra_shot",
            "kill_command",
            "kill_shot",
            "murder_of_crows",
            "glaive_toss",
            "explosive_trap",
            "rapid_fire",
            "bestial_wrath",
            "rabid",
            "stampede",
            "blood_fury",
            "multi_shot",
        )
    },
    **{f"auto_shots_haste_{haste}": [IDLE] for haste in SHOTS},
    "alone_fervor_arcane": [{"cast": "fervor"}, {"cast": "arcane_shot"}],
    "alone_focus_fire": [{"cast": "focus_fire", "if": READY}],
    "alone_serpent_sting": [STING],
    "alone_serpent_cobra": [STING, {"cast": "cobra_shot"}],
    "uncapped_arcane": [{"cast": "arcane_shot"}],
    "trap_8_targets": [{"cast": "explosive_trap"}],
    "multi_shot_3_targets": [{"cast": "multi_shot"}],
}
#: there, what a trap does later counts as hits, as does what is thrown before the fight, and a crow
#: that misses deals its damage all the same
UNSTRUCK = {
    ("ability", name) for name in ("explosive_trap", "glaive_1", "glaive_2", "murder_of_crows")
}
ITERATIONS = 1500
RARELY = 0.25
RARE = 1.5  #: casts per fight below which a part of one percent is too little to ask for
#: swings, what the wolf does for the hunter, and the mark that comes with an Arcane Shot
UNCOUNTED = {
    ("ability", "auto_shot"),
    ("ability", "hunters_mark"),
    ("pet.wolf", "melee"),
    ("pet.wolf", "kill_command"),
    ("pet.stampede", "melee"),
}


def row(name: str) -> dict[str, Any]:
    """Read what the other simulator found."""
    found: dict[str, Any] = json.loads((ROWS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def fight(found: dict[str, Any], actions: list[Any] | None = None) -> dict[str, Any]:
    """Build the fight of a row, with the default rotation or these actions."""
    document = default_config(NAME, found["duration_ms"] / 1000, found["targets"])
    for stat, value in found["stats"].items():
        document["player"]["stats"]["agility" if stat == "agility" else f"{stat}_rating"] = value
    if actions is not None:
        document["rotation"] = {"name": "alone", "actions": actions}
    return document


def mean(result: dict[str, Any]) -> tuple[float, float]:
    """Give the mean DPS of a result, and its standard error."""
    dps = result["metrics"]["dps"]
    n, total, squares = dps["n"], int(dps["sum"]) / 1000, int(dps["sum_squares"]) / 1e6
    return total / n, sqrt((squares / n - (total / n) ** 2) / n)


def counts(found: dict[str, Any]) -> dict[str, float]:
    """Give the casts of what is not rare in a row, by the names of our counters."""
    pets = {f"pet.{pet}": table for pet, table in found["pets"].items()}
    return {
        f"{owner}.{ability}": about["casts"]
        for owner, table in {"ability": found["abilities"], **pets}.items()
        for ability, about in table.items()
        if about.get("casts", 0) >= RARE and (owner, ability) not in UNCOUNTED
    }


def struck_slack(count: float, n: int) -> float:
    """Give how far apart two mean counts may be: one percent, or what chance makes of few."""
    return max(0.01 * count, RARELY, 4 * sqrt(count * (1 / ITERATIONS + 1 / n)))


def strikes(found: dict[str, Any]) -> dict[str, float]:
    """Give the hits, crits and ticks of a row, by the names of our counters."""
    pets = {f"pet.{pet}": table for pet, table in found["pets"].items()}
    struck: dict[str, float] = {}
    for owner, table in {"ability": found["abilities"], **pets}.items():
        for ability, about in table.items():
            if (owner, ability) in UNSTRUCK:
                continue
            # there, crits and glances are no hits
            hits = sum(about.get(count, 0) for count in ("hits", "crits", "glances"))
            ticks = sum(about.get(count, 0) for count in ("ticks", "crit_ticks"))
            if hits and not ticks:
                struck[f"{owner}.{ability}.hits"] = hits
                struck[f"{owner}.{ability}.crits"] = about.get("crits", 0)
            if ticks:
                struck[f"{owner}.{ability}.ticks"] = ticks
    return struck


def test_the_default_config_has_no_problems() -> None:
    """What ships is valid."""
    assert get_engine("combat").validate(default_config(NAME)) == []


@pytest.mark.compiled
@pytest.mark.parametrize("name", sorted(ALONE))
def test_each_ability_alone_deals_what_it_should(name: str) -> None:
    """The means differ by less than four standard errors."""
    found = row(name)

    ours, error = mean(run(fight(found, ALONE[name]), ITERATIONS))

    theirs = found["dps"]["mean"]
    error_of_theirs = found["dps"]["sd"] / sqrt(found["n"])
    assert abs(ours - theirs) < 4 * sqrt(error**2 + error_of_theirs**2)


@pytest.mark.compiled
@pytest.mark.parametrize("name", FULL)
def test_the_full_rotation(name: str) -> None:
    """Mean DPS and casts within one percent at all settings, rare ones within a quarter of one."""
    found = row(name)

    result = run(fight(found), ITERATIONS)

    assert mean(result)[0] == pytest.approx(found["dps"]["mean"], rel=0.01)
    ours = {key: int(value) / ITERATIONS for key, value in result["counters"].items()}
    theirs = counts(found)
    casts = {key: ours[f"{key}.casts"] for key in theirs}
    assert casts == pytest.approx(theirs, rel=0.01, abs=RARELY)
    expected = strikes(found)
    apart = {
        key: (ours.get(key, 0.0), count)
        for key, count in expected.items()
        if abs(ours.get(key, 0.0) - count) > struck_slack(count, found["n"])
    }
    assert apart == {}


@pytest.mark.parametrize("haste", SHOTS)
def test_auto_shots_at_five_hastes(haste: str) -> None:
    """A bow of 3.0 s shoots floor(T / P) + 1 times."""
    assert int(row(f"auto_shots_haste_{haste}")["abilities"]["auto_shot"]["casts"]) == SHOTS[haste]

    found = counters(fight(row(f"auto_shots_haste_{haste}"), [IDLE]))

    in_flight = SHOTS[haste] - found["ability.auto_shot.hits"]
    assert in_flight in {0, 1}
