"""Shows a result as a table that a player can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from node.summary import Summary, spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.summary import Source

WIDE = 110  #: columns of a terminal on which there is room for more figures
_MOST_ROWS = 20
_NARROW = ("Ability", "Share", "DPS", "Casts", "Hits", "Average", "Crit")
_MORE = ("Ticks", "Least", "Most", "Missed")


def result_table(result: Mapping[str, Any], *, wide: bool = False) -> RenderableType:
    """Lay out a merged result, 80 columns wide at most, or with more figures of each ability."""
    summary = Summary(dict(result))
    parts: list[RenderableType] = [_headline(result, summary), _sources(summary, wide=wide)]
    tables = {
        _pets: summary.pets,
        _targets: summary.targets,
        _auras: summary.auras,
        _resources: summary.resources,
        _procs: summary.procs,
        _lines: summary.lines,
    }
    parts += [lay_out(summary) for lay_out, rows in tables.items() if rows]
    parts.append(_footer(result, summary))
    return Group(*parts)


def _headline(result: Mapping[str, Any], summary: Summary) -> Text:
    metric = summary.primary
    text = Text()
    text.append(f"{result['primary'].upper()} {metric['mean']:,.1f}", style="bold")
    text.append(f" {_margin(metric)}\n")
    text.append(
        f"min {metric['minimum']:,.1f}   median {metric['percentiles']['50']:,.1f}   "
        f"max {metric['maximum']:,.1f}   deviation {metric['standard_deviation']:,.1f}\n",
        style="dim",
    )
    return text


def _margin(metric: Mapping[str, Any]) -> str:
    """Say how sure a mean is; of one fight nobody can say."""
    if metric["n"] == 1:
        return "in a single fight"
    error = (metric["confidence_high"] - metric["confidence_low"]) / 2
    share = 100 * error / metric["mean"] if metric["mean"] else 0.0
    return f"± {error:,.1f} ({share:.2f} %, 95 % sure)"


def begin_table(title: str, *columns: str) -> Table:
    """Begin a table whose first column is text, which may wrap, and whose others are numbers."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=index > 0)
    return table


def _sources(summary: Summary, *, wide: bool) -> Table:
    table = begin_table("Damage", *_NARROW, *(_MORE if wide else ()))
    for source in summary.sources[:_MOST_ROWS]:
        table.add_row(*_row(source), *(_more(source) if wide else ()))
    rest = summary.sources[_MOST_ROWS:]
    if rest:
        share, dps = (sum(getattr(one, name) for one in rest) for name in ("share", "dps"))
        table.add_row(f"{len(rest)} more", percent(share), f"{dps:,.1f}")
    return table


def _row(source: Source) -> tuple[str, ...]:
    return (
        called(source),
        percent(source.share),
        f"{source.dps:,.1f}",
        f"{source.casts:,.1f}" if source.casts else "",
        f"{source.hits + source.ticks:,.1f}",
        f"{source.average:,.0f}",
        percent(source.crits),
    )


def _more(source: Source) -> tuple[str, ...]:
    return (
        f"{source.ticks:,.1f}" if source.ticks else "",
        f"{source.least:,.0f}",
        f"{source.most:,.0f}",
        percent(source.misses) if source.misses else "",
    )


def called(source: Source) -> str:
    """Name an ability, and the pet whose it is."""
    return f"{spoken(source.name)} ({spoken(source.pet)})" if source.pet else spoken(source.name)


def percent(part: float) -> str:
    """Give a part as people write it."""
    return f"{100 * part:.1f} %"


def _pets(summary: Summary) -> Table:
    table = begin_table("Pets", "Pet", "Share", "DPS", "There", "Summoned")
    for pet in summary.pets:
        there, summons = percent(pet.uptime), f"{pet.summons:,.1f}" if pet.summons else ""
        table.add_row(spoken(pet.name), percent(pet.share), f"{pet.dps:,.1f}", there, summons)
    return table


def _targets(summary: Summary) -> Table:
    table = begin_table("Targets", "Target", "Share", "DPS")
    for target in summary.targets:
        name = f"Target {target.name}" if target.name.isdigit() else "All others"
        table.add_row(name, percent(target.share), f"{target.dps:,.1f}")
    return table


def _auras(summary: Summary) -> Table:
    table = begin_table("Buffs and debuffs", "Aura", "Uptime", "Stacks", "Applied", "Refreshed")
    for aura in summary.auras:
        table.add_row(
            spoken(aura.name),
            percent(aura.uptime),
            f"{aura.stacks:.2f}",
            f"{aura.applied:,.1f}",
            f"{aura.refreshed:,.1f}",
        )
    return table


def _resources(summary: Summary) -> Table:
    table = begin_table("Resources", "Resource", "Gained", "Spent", "Wasted", "At maximum")
    for resource in summary.resources:
        table.add_row(
            spoken(resource.name),
            f"{resource.gained:,.1f}",
            f"{resource.spent:,.1f}",
            f"{resource.wasted:,.1f}",
            percent(resource.capped),
        )
    return table


def _procs(summary: Summary) -> Table:
    table = begin_table("Procs", "Proc", "Chances", "Procs", "Per minute")
    for proc in summary.procs:
        counts = f"{proc.attempts:,.1f}", f"{proc.procs:,.1f}", f"{proc.per_minute:,.2f}"
        table.add_row(spoken(proc.name), *counts)
    return table


def _lines(summary: Summary) -> Table:
    table = begin_table("Rotation", "Line", "Followed", "Share")
    for line in summary.lines:
        table.add_row(line.name, f"{line.fired:,.1f}", percent(line.share))
    return table


def _footer(result: Mapping[str, Any], summary: Summary) -> Text:
    return Text(
        f"{summary.iterations:,} fights of {summary.fight_seconds:,.1f} s, "
        f"best {summary.best}, worst {summary.worst}, "
        f"{result['engine']} {result['engine_version']}",
        style="dim",
    )
