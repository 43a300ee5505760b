"""Stat weights: what a little more of each stat of a player is worth.

Each stat is raised and lowered by a step, and the two configs fight the same fights; the weight is
their difference over twice the step. A stat below its step is only raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Config = Mapping[str, Any]

ATTRIBUTES = ("agility", "strength", "intellect")
_STEP_OF_VALUE = 0.05
_PERCENT_STEP = 1.0


@dataclass(frozen=True, slots=True)
class Weighed:
    """A stat, its configs with more and with less of it, and how far these are apart."""

    stat: str
    more: Config
    less: Config
    apart: float


def weigh(config: Config, chosen: Sequence[str] = ()) -> list[Weighed]:
    """The stats to weigh: those chosen, or all that the player of a config has some of."""
    stats: Config = config["player"]["stats"]
    for name in chosen:
        if name not in stats:
            raise ConfigurationError(
                f"the player has no {name!r} to weigh",
                advice=f"The player of this config has: {', '.join(sorted(stats))}.",
            )
    return [
        _weighed(config, name)
        for name in dict.fromkeys(chosen or stats)
        if stats[name] > 0 or chosen
    ]


def _weighed(config: Config, name: str) -> Weighed:
    value, step = config["player"]["stats"][name], _step(config, name)
    lowered = max(0, value - step)
    more, less = (_with(config, name, changed) for changed in (value + step, lowered))
    return Weighed(name, more, less, value + step - lowered)


def _step(config: Config, name: str) -> float:
    if name.endswith("_percent"):
        return _PERCENT_STEP
    rates = config["profile"].get("rating_per_percent", {})
    rate: float | None = rates.get(name.removesuffix("_rating"))
    return rate or max(1.0, round(config["player"]["stats"][name] * _STEP_OF_VALUE))


def _with(config: Config, name: str, value: float) -> Config:
    player = config["player"]
    return {**config, "player": {**player, "stats": {**player["stats"], name: value}}}


def yardstick(weights: Mapping[str, float]) -> str | None:
    """The stat by which others are measured: the attribute that is worth most, if any is."""
    known = {name: weights[name] for name in ATTRIBUTES if weights.get(name, 0) > 0}
    return max(known, key=lambda name: known[name]) if known else None
