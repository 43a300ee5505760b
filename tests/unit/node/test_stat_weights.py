"""Stat weights: which configs are compared, and by what they are measured."""

from __future__ import annotations

from typing import Any

import pytest

from node.errors import ConfigurationError
from node.stat_weights import weigh, yardstick

CONFIG: dict[str, Any] = {
    "profile": {"rating_per_percent": {"haste": 425, "crit": 600}},
    "player": {
        "name": "Aria",
        "stats": {"agility": 10_000, "haste_rating": 100, "crit_percent": 20, "mastery_rating": 0},
    },
}


def test_each_stat_is_raised_and_lowered_by_a_step() -> None:
    """A rating by what is worth a percent, a percentage by one, an attribute by a twentieth."""
    weighed = {one.stat: one for one in weigh(CONFIG)}

    assert weighed.keys() == {"agility", "haste_rating", "crit_percent"}
    agility = weighed["agility"]
    assert agility.more["player"]["stats"]["agility"] == 10_500
    assert agility.less["player"]["stats"]["agility"] == 9500
    assert agility.apart == 1000
    assert weighed["crit_percent"].more["player"]["stats"]["crit_percent"] == 21
    assert CONFIG["player"]["stats"]["agility"] == 10_000


def test_a_stat_is_not_lowered_below_nothing() -> None:
    """What there is little of is compared over less than two steps."""
    haste = next(one for one in weigh(CONFIG) if one.stat == "haste_rating")

    assert haste.less["player"]["stats"]["haste_rating"] == 0
    assert haste.more["player"]["stats"]["haste_rating"] == 525
    assert haste.apart == 525


def test_chosen_stats_are_weighed_even_where_there_is_none() -> None:
    """A stat can be chosen that the player has nothing of, but not one that nobody knows."""
    assert [one.stat for one in weigh(CONFIG, ["mastery_rating"])] == ["mastery_rating"]
    assert len(weigh(CONFIG, ["agility", "haste_rating", "agility"])) == 2
    with pytest.raises(ConfigurationError, match="no 'luck' to weigh") as caught:
        weigh(CONFIG, ["luck"])
    assert "agility" in str(caught.value.advice)


def test_weights_are_measured_by_the_best_attribute() -> None:
    """Ratings are compared with the attribute that is worth most, if one is worth something."""
    assert yardstick({"agility": 0.5, "intellect": 2.0, "crit_rating": 9.0}) == "intellect"
    assert yardstick({"agility": 0.0, "crit_rating": 9.0}) is None
