"""The Affliction warlock does what an independent simulator found, ability by ability and whole."""

from __future__ import annotations

from functools import cache
from math import sqrt
from typing import Any

import pytest

from node.engine import get_engine
from node.engine.configs import default_config
from tests.unit.engine.fights import run
from tests.unit.engine.oracles import count_slack, dps, rows, standard_error

AFFLICTION = "mists/affliction"
DOTS = ("corruption", "agony", "unstable_affliction")
GCD_READY = {"<=": ["gcd.remaining", 0.4]}
SWAP = [{"cast": "soulburn"}, {"cast": "soul_swap"}]
NO_CORRUPTION = {"cast": "corruption", "if": {"<=": ["dot.corruption.remaining", 0]}}


def kept(dot: str, seconds: float) -> dict[str, Any]:
    """Cast a DoT that has no more than so many seconds left."""
    return {"cast": dot, "if": {"<=": [f"dot.{dot}.remaining", seconds]}}


def free(ability: str) -> dict[str, Any]:
    """Cast an ability off the GCD at the moments at which the oracle does."""
    return {"cast": ability, "if": {"and": [{"not": "gcd.active"}, f"cd.{ability}.ready"]}}


LISTS: dict[str, list[dict[str, Any]]] = {
    "corruption": [NO_CORRUPTION],
    "corruption_spam": [{"cast": "corruption"}],
    "agony": [kept("agony", 0)],
    "agony_refresh": [kept("agony", 12)],
    "unstable_affliction": [kept("unstable_affliction", 3)],
    "haunt": [{"cast": "haunt"}],
    "malefic_grasp": [{"cast": "malefic_grasp"}],
    "malefic_grasp_dots": [
        NO_CORRUPTION,
        kept("agony", 2),
        kept("unstable_affliction", 2),
        {"cast": "malefic_grasp", "interrupt_if": GCD_READY},
    ],
    "drain_soul": [
        NO_CORRUPTION,
        {
            "cast": "drain_soul",
            "interrupt_if": {"and": [GCD_READY, {">=": ["channel.ticks", 2]}]},
        },
    ],
    "dark_soul": [free("blood_fury"), free("dark_soul"), NO_CORRUPTION],
    "pets": [{"cast": "summon_doomguard", "if": {"<=": ["combat.remaining", 200]}}],
    "pets_dark_soul": [free("blood_fury"), free("dark_soul"), {"cast": "summon_doomguard"}],
    "soul_swap": [
        {"strict_sequence": SWAP, "if": {"<=": ["dot.unstable_affliction.remaining", 4]}},
        NO_CORRUPTION,
        {"cast": "drain_soul", "interrupt_if": GCD_READY},
    ],
    "multidot": [
        {"multidot": {"ability": "agony", "max_targets": 8}},
        {"multidot": {"ability": "corruption", "max_targets": 8, "overlap": 2}},
        {"multidot": {"ability": "unstable_affliction", "max_targets": 3, "overlap": 2}},
        {"cast": "malefic_grasp", "interrupt_if": GCD_READY},
        {"cast": "life_tap"},
    ],
}


def document(row: dict[str, Any]) -> dict[str, Any]:
    """Build the config of a row: the document with other stats, length and targets."""
    config = default_config(AFFLICTION, row["duration_s"], row["targets"])
    stats = row["stats"]
    ratings = ("crit", "haste", "mastery", "hit", "expertise")
    config["player"]["stats"] = {
        "intellect": stats["intellect"],
        "stamina": stats["stamina"],
        **{f"{name}_rating": stats[name] for name in ratings},
    }
    config["duration_variation"] = row["duration_variation_s"] / row["duration_s"]
    if row["rotation"] != "rotation":
        config["rotation"] = {"name": row["name"], "actions": LISTS[row["rotation"]]}
    return config


def expected_counts(row: dict[str, Any]) -> dict[str, float]:
    """Name the counts of a row as results name them."""
    abilities = row["abilities"]
    counts: dict[str, float] = {}
    for name, about in abilities.items():
        for count in ("casts", "crits", "ticks", "crit_ticks", "misses"):
            if count in about and not (name.startswith("malefic_") and count == "casts"):
                counts[f"ability.{name}.{count}"] = about[count]
    for pet, found in row["pets"].items():
        for name, about in found["abilities"].items():
            for count in ("casts", "crits", "glances")[name == "melee" :]:
                if count in about:
                    counts[f"pet.{pet}.{name}.{count}"] = about[count]
    return counts


def apart(row: dict[str, Any], result: dict[str, Any], iterations: int) -> list[str]:
    """Name every count of a row that the result does not have."""
    counters = result["counters"]
    found = {name: int(counters.get(name, 0)) / iterations for name in expected_counts(row)}
    for dot in DOTS:  # the oracle counts those that Soul Swap casts as well
        if f"ability.{dot}.casts" in found:
            found[f"ability.{dot}.casts"] += int(counters["ability.soul_swap.casts"]) / iterations
    return [
        f"{name}: {found[name]:.3f} instead of {expected:.3f}"
        for name, expected in expected_counts(row).items()
        if abs(found[name] - expected) > count_slack(expected, iterations, row)
    ]


@cache
def _rows(path: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in rows(path)}


def test_the_document_has_no_problems() -> None:
    """What ships is valid."""
    assert get_engine("combat").validate(default_config(AFFLICTION)) == []


@pytest.mark.compiled
@pytest.mark.parametrize("name", _rows("affliction/rotation.json"))
def test_the_rotation_does_what_the_oracle_found(name: str) -> None:
    """Mean damage and every count are within one percent at all settings."""
    row, iterations = _rows("affliction/rotation.json")[name], 3000
    result = run(document(row), iterations)

    mean, _ = dps(result)
    assert mean == pytest.approx(row["dps"], rel=0.01)
    assert apart(row, result, iterations) == []


@pytest.mark.compiled
@pytest.mark.parametrize("name", _rows("affliction/micro.json"))
def test_a_short_list_does_what_the_oracle_found(name: str) -> None:
    """One or two abilities differ from the oracle by chance only."""
    row, iterations = _rows("affliction/micro.json")[name], 3000
    result = run(document(row), iterations)

    mean, error = dps(result)
    assert mean == pytest.approx(row["dps"], abs=4 * sqrt(error**2 + standard_error(row) ** 2))
    assert apart(row, result, iterations) == []
