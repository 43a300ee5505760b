"""What a player's stats come to under the rules of a game profile.

A stat is given either as a rating, which the profile converts and to which base values are added,
or in percent as the character sheet shows it, which is taken as it is.  What class and race bring
along (`base_stats`) is added to attributes and powers, and to a crit that is given as a rating.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine.combat.shapes import Report

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
    aim: Mapping[str, float]  #: hit and expertise, in percent


def character(profile: Document, spec: Document, player: Document) -> Character:
    """Convert the stats of a player."""
    stats = _with_base(player["stats"], spec.get("base_stats", {}))
    return Character(
        attack_power=_power(spec.get("attack_power_from", {}), stats, "attack_power"),
        spell_power=_power(spec.get("spell_power_from", {}), stats, "spell_power"),
        crit=percent(profile, stats, "crit", base=_base_crit(profile, spec, stats)) / 100,
        haste=percent(profile, stats, "haste") / 100,
        versatility=percent(profile, stats, "versatility") / 100,
        mastery=_mastery(profile, spec, stats) / 100,
        aim=_aim(profile, stats),
    )


def _aim(profile: Document, stats: Document) -> dict[str, float]:
    """Give what keeps attacks from failing, as far as the profile knows its worth."""
    worth = profile["rating_per_percent"]
    return {
        name: stats.get(f"{name}_percent", stats.get(f"{name}_rating", 0) / worth[name])
        for name in ("hit", "expertise")
        if name in worth
    }


def _with_base(stats: Document, base: Document) -> Document:
    """Add what class and race bring along, all but percentages."""
    added = {name: base[name] for name in base if name not in {"crit_percent", "notes"}}
    return {**stats, **{name: stats.get(name, 0) + value for name, value in added.items()}}


def _base_crit(profile: Document, spec: Document, stats: Document) -> float:
    """Give the crit in percent that does not come from a rating."""
    base: float = profile["crit_percent"] + spec.get("base_stats", {}).get("crit_percent", 0)
    return base + _worth(spec.get("crit_from", {}), stats)


def _worth(sources: Document, stats: Document) -> float:
    """Give what attributes come to at so much per point."""
    return float(sum(stats.get(name, 0) * sources[name] for name in sources if name != "notes"))


def percent(profile: Document, stats: Document, name: str, base: float = 0) -> float:
    """Give a stat in percent: as it is given, else its base and what its rating is worth."""
    if f"{name}_percent" in stats:
        given: float = stats[f"{name}_percent"]
        return given
    rating: float = stats.get(f"{name}_rating", 0) / profile["rating_per_percent"][name]
    return base + diminished(profile, rating)


def refuse_both(stats: Document, report: Report) -> None:
    """Report each stat that is given as a rating and in percent."""
    for name in stats:
        stem = name.removesuffix("_percent")
        if stem != name and f"{stem}_rating" in stats:
            report.add(
                f"/player/stats/{name}",
                f"{stem} is given as a rating and in percent",
                f"leave out '{stem}_rating', or '{name}'",
            )


def _mastery(profile: Document, spec: Document, stats: Document) -> float:
    """Give mastery in percent; ratings are worth points, and each point some percent."""
    if "mastery_percent" in stats:
        given: float = stats["mastery_percent"]
        return given
    rule = spec.get("mastery", {"points": 0, "percent_per_point": 0})
    points = percent(profile, stats, "mastery", base=rule["points"])
    worth: float = points * rule["percent_per_point"]
    return worth


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
    return power + _worth(sources, stats)


def armor_factor(profile: Document, armor: float) -> float:
    """Give the part of physical damage that armour lets through."""
    reduced: float = armor / (armor + profile["armor"]["constant"])
    most: float = profile["armor"]["most_reduced"]
    return 1 - min(reduced, most)
