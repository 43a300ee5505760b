"""Shows a result as a table that a player can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from node.engine import results

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST_ROWS = 20
_MILLI = 1000


@dataclass(frozen=True)
class _Source:
    """What one ability of the player or of a pet did, over all iterations."""

    name: str
    damage: float
    casts: float
    hits: int
    crits: int


class _Counters:
    """The counters of a result, by name and per iteration."""

    def __init__(self, result: Mapping[str, Any]) -> None:
        self._values = {name: int(value) for name, value in result["counters"].items()}
        self._iterations = max(1, int(result["iterations"]))

    def total(self, name: str) -> int:
        return self._values.get(name, 0)

    def mean(self, name: str) -> float:
        return self.per_fight(self.total(name))

    def per_fight(self, total: int) -> float:
        return total / self._iterations

    def names(self, kind: str, column: str) -> list[str]:
        """Name what a kind of counter is kept for."""
        return [
            name.removeprefix(f"{kind}.").removesuffix(f".{column}")
            for name in sorted(self._values)
            if name.startswith(f"{kind}.") and name.endswith(f".{column}")
        ]


def result_table(result: Mapping[str, Any], statistics: Mapping[str, Any]) -> RenderableType:
    """Lay out a merged result and its statistics, 80 columns wide at most."""
    counters = _Counters(result)
    parts: list[RenderableType] = [_headline(result, statistics), _abilities(counters)]
    if counters.names("aura", "uptime_ms"):
        parts.append(_auras(counters))
    if counters.names("resource", "gained_milli"):
        parts.append(_resources(counters))
    parts.append(_footer(result, statistics))
    return Group(*parts)


def _headline(result: Mapping[str, Any], statistics: Mapping[str, Any]) -> Text:
    metric = statistics["metrics"][result["primary"]]
    error = (metric["confidence_high"] - metric["confidence_low"]) / 2
    share = 100 * error / metric["mean"] if metric["mean"] else 0.0
    text = Text()
    text.append(f"{result['primary'].upper()} {metric['mean']:,.1f}", style="bold")
    text.append(f" ± {error:,.1f} ({share:.2f} %, 95 % sure)\n")
    text.append(
        f"min {metric['minimum']:,.1f}   median {metric['percentiles']['50']:,.1f}   "
        f"max {metric['maximum']:,.1f}   deviation {metric['standard_deviation']:,.1f}\n",
        style="dim",
    )
    return text


def begin_table(title: str, *columns: str) -> Table:
    """Begin a table whose first column is text and whose others are numbers."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    return table


def _abilities(counters: _Counters) -> Table:
    table = begin_table("Damage", "Ability", "Share", "DPS", "Casts", "Hits", "Average", "Crit")
    whole = max(1, counters.total("fight.damage_milli"))
    seconds = max(1, counters.total("fight.length_ms")) / _MILLI
    for source in sorted(_sources(counters), key=lambda s: -s.damage)[:_MOST_ROWS]:
        table.add_row(
            source.name,
            f"{100 * source.damage * _MILLI / whole:.1f} %",
            f"{source.damage / seconds:,.1f}",
            f"{source.casts:,.1f}" if source.casts else "",
            f"{counters.per_fight(source.hits):,.1f}",
            f"{source.damage / source.hits:,.0f}",
            f"{100 * source.crits / source.hits:.1f} %",
        )
    return table


def _sources(counters: _Counters) -> Iterator[_Source]:
    for kind in ("ability", "pet"):
        for name in counters.names(kind, "damage_milli"):
            source = _source(counters, kind, name)
            if source.hits:
                yield source


def _source(counters: _Counters, kind: str, name: str) -> _Source:
    """Take hits and ticks together: both are damage that can be critical."""
    prefix = f"{kind}.{name}"
    hits = counters.total(f"{prefix}.hits") + counters.total(f"{prefix}.ticks")
    crits = counters.total(f"{prefix}.crits") + counters.total(f"{prefix}.crit_ticks")
    pet, _, ability = name.rpartition(".")
    return _Source(
        f"{spoken(ability)} ({spoken(pet)})" if pet else spoken(ability),
        counters.total(f"{prefix}.damage_milli") / _MILLI,
        counters.mean(f"ability.{ability}.casts"),
        hits,
        crits,
    )


def _auras(counters: _Counters) -> Table:
    table = begin_table("Buffs and debuffs", "Aura", "Uptime", "Stacks", "Applied", "Refreshed")
    whole = max(1, counters.total("fight.length_ms"))
    for name in counters.names("aura", "uptime_ms"):
        if uptime := counters.total(f"aura.{name}.uptime_ms"):
            table.add_row(
                spoken(name),
                f"{100 * uptime / whole:.1f} %",
                f"{counters.total(f'aura.{name}.stack_ms') / uptime:.2f}",
                f"{counters.mean(f'aura.{name}.applications'):,.1f}",
                f"{counters.mean(f'aura.{name}.refreshes'):,.1f}",
            )
    return table


def _resources(counters: _Counters) -> Table:
    table = begin_table("Resources", "Resource", "Gained", "Spent", "Wasted", "At maximum")
    whole = max(1, counters.total("fight.length_ms"))
    for name in counters.names("resource", "gained_milli"):
        prefix = f"resource.{name}"
        table.add_row(
            spoken(name),
            f"{counters.mean(f'{prefix}.gained_milli') / _MILLI:,.1f}",
            f"{counters.mean(f'{prefix}.spent_milli') / _MILLI:,.1f}",
            f"{counters.mean(f'{prefix}.overflow_milli') / _MILLI:,.1f}",
            f"{100 * counters.total(f'{prefix}.capped_ms') / whole:.1f} %",
        )
    return table


def _footer(result: Mapping[str, Any], statistics: Mapping[str, Any]) -> Text:
    length = statistics["metrics"]["fight_length"]["mean"]
    return Text(
        f"{int(result['iterations']):,} fights of {length:,.1f} s, "
        f"{result['engine']} {result['engine_version']}, "
        f"digest {results.digest(dict(result))[:12]}",
        style="dim",
    )


def spoken(name: str) -> str:
    """Give a name as people write it."""
    return name.replace("_", " ").title()
