"""What a player's stats come to: as ratings, and as the percentages of a character sheet."""

from __future__ import annotations

from typing import Any

import pytest

from node.engine import get_engine
from node.engine.combat.character import Character, character
from node.engine.configs import default_config
from tests.unit.engine.fights import config

PROFILE: dict[str, Any] = {
    "crit_percent": 5,
    "rating_per_percent": {"crit": 100, "haste": 50, "mastery": 200, "versatility": 25},
}
SPEC: dict[str, Any] = {
    "attack_power_from": {"agility": 2},
    "mastery": {"points": 8, "percent_per_point": 1.5},
}


def stats(profile: dict[str, Any] | None = None, **given: float) -> Character:
    """Convert stats."""
    return character(profile or PROFILE, SPEC, {"stats": given})


def test_ratings_are_converted_and_added_to_the_base() -> None:
    """1,000 of each rating, beside the base crit and the points of mastery."""
    found = stats(
        agility=500,
        crit_rating=1000,
        haste_rating=1000,
        mastery_rating=1000,
        versatility_rating=1000,
    )

    assert (found.attack_power, found.spell_power) == (1000, 0)
    assert found.crit == pytest.approx(0.15)
    assert found.haste == pytest.approx(0.20)
    assert found.versatility == pytest.approx(0.40)
    assert found.mastery == pytest.approx((8 + 5) * 0.015)


def test_class_and_race_bring_base_stats() -> None:
    """213 agility, 160 attack power and -1.53 % crit, and an agility that gives crit."""
    spec = SPEC | {
        "base_stats": {"agility": 213, "attack_power": 160, "crit_percent": -1.53},
        "crit_from": {"agility": 0.001, "notes": "Percent per point."},
    }
    found = character(PROFILE, spec, {"stats": {"agility": 18_000, "crit_rating": 600}})

    assert found.attack_power == 2 * 18_213 + 160
    assert found.crit == pytest.approx((5 - 1.53 + 18.213 + 6) / 100)
    sheet = character(PROFILE, spec, {"stats": {"agility": 18_000, "crit_percent": 25}})
    assert sheet.crit == 0.25


def test_powers_come_from_known_attributes() -> None:
    """A power from something that is no attribute is refused, not nothing."""
    document = config()
    document["spec"]["attack_power_from"] = {"agilty": 2}

    (problem,) = get_engine("combat").validate(document)

    assert problem.pointer == "/spec/attack_power_from/agilty"


def test_percentages_are_taken_as_they_are() -> None:
    """What a character sheet shows has the base values in it, and is past all diminishing."""
    profile = PROFILE | {"diminishing": {"above_percent": 10, "factor": 0.5}}
    found = stats(
        profile, crit_percent=31, haste_percent=24, mastery_percent=43.5, versatility_percent=7
    )

    assert (found.crit, found.haste, found.mastery, found.versatility) == (0.31, 0.24, 0.435, 0.07)


def test_ratings_and_the_percentages_they_come_to_are_the_same_character() -> None:
    """A player reads the percentages off the sheet that shows the ratings' worth."""
    by_rating = stats(crit_rating=1234, haste_rating=567, mastery_rating=890)
    by_percent = stats(
        crit_percent=100 * by_rating.crit,
        haste_percent=100 * by_rating.haste,
        mastery_percent=100 * by_rating.mastery,
    )

    for name in ("crit", "haste", "mastery", "versatility"):
        assert getattr(by_percent, name) == pytest.approx(getattr(by_rating, name), rel=1e-12)


def test_only_ratings_are_diminished() -> None:
    """20 % from ratings above a threshold of 10 % count less; the base is not diminished."""
    profile = PROFILE | {"diminishing": {"above_percent": 10, "factor": 0.5}}

    assert stats(profile, crit_rating=2000).crit == pytest.approx(0.05 + 0.10 + 0.05 / 1.05)


@pytest.mark.parametrize("name", ["crit", "haste", "mastery", "versatility"])
def test_a_stat_given_twice_is_refused(name: str) -> None:
    """A rating and a percentage of one stat contradict each other, even where both are 0."""
    document = config(stats={f"{name}_rating": 0, f"{name}_percent": 0, "agility": 5})

    problem, *others = get_engine("combat").validate(document)

    assert not others
    assert problem.pointer == f"/player/stats/{name}_percent"
    assert problem.message == f"{name} is given as a rating and in percent"
    assert f"{name}_rating" in problem.hint


def test_one_stat_as_a_rating_and_another_in_percent_is_fine() -> None:
    """Each stat is given in its own way."""
    document = config(stats={"crit_rating": 100, "haste_percent": 10})

    assert get_engine("combat").validate(document) == []


def test_a_player_may_have_a_name_and_a_level() -> None:
    """Who it is stands beside the stats, and stats that nothing asks about do no harm."""
    document = default_config()
    document["player"] |= {"name": "Aria", "level": 80}
    document["player"]["stats"] |= {"stamina": 18_000, "spirit": 100}

    assert get_engine("combat").validate(document) == []
