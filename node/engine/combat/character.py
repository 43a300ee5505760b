"""What a player's ratings come to under the rules of a game profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Character:
    """The stats of a player at the start of a fight, bonuses as fractions."""

    attack_power: float
    spell_power: float
    crit: float
    haste: float
    versatility: float
    mastery: float


def character(profile: Document, spec: Document, player: Document) -> Character:
    """Convert the stats of a player."""
    stats = player["stats"]
    mastery = spec.get("mastery", {"points": 0, "percent_per_point": 0})
    points = mastery["points"] + percent(profile, stats, "mastery")
    return Character(
        attack_power=_power(spec.get("attack_power_from", {}), stats, "attack_power"),
        spell_power=_power(spec.get("spell_power_from", {}), stats, "spell_power"),
        crit=(profile["crit_percent"] + percent(profile, stats, "crit")) / 100,
        haste=percent(profile, stats, "haste") / 100,
        versatility=percent(profile, stats, "versatility") / 100,
        mastery=points * mastery["percent_per_point"] / 100,
    )


def percent(profile: Document, stats: Document, name: str) -> float:
    """Give what a rating is worth, and add what the stats give in percent."""
    rating: float = stats.get(f"{name}_rating", 0) / profile["rating_per_percent"][name]
    extra: float = stats.get(f"{name}_percent", 0)
    return diminished(profile, rating) + extra


def diminished(profile: Document, rating_percent: float) -> float:
    """Diminish what ratings give above a threshold."""
    rule = profile.get("diminishing", {"above_percent": 0, "factor": 1})
    threshold: float = rule["above_percent"]
    if "diminishing" not in profile or rating_percent <= threshold:
        return rating_percent
    over: float = (rating_percent - threshold) * rule["factor"]
    return threshold + over / (1 + over / 100)


def _power(sources: Document, stats: Document, name: str) -> float:
    power: float = stats.get(name, 0)
    for stat, worth in sources.items():
        power += stats.get(stat, 0) * worth
    return power


def armor_factor(profile: Document, armor: float) -> float:
    """Give the part of physical damage that armour lets through."""
    reduced: float = armor / (armor + profile["armor"]["constant"])
    most: float = profile["armor"]["most_reduced"]
    return 1 - min(reduced, most)
