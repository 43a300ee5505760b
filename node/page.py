"""A result as one HTML page: it opens offline, in light and dark, and needs no script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from node.engine import results
from node.markup import listed, page, plot, section, table
from node.plots import Bar, Mark, bars, histogram, line
from node.report import called, percent
from node.summary import Summary, spoken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from node.engine.results import Result
    from node.summary import Source

_MOST_BARS = 16
_FEW_FIGHTS = 0.02  #: of all: what fewer fights lived to see says little
_NONE = "\N{EN DASH}"


def result_page(result: Result, title: str, about: Mapping[str, object]) -> str:
    """Write the page of a result; `about` is told at its top."""
    summary = Summary(result)
    parts = [
        _header(result, summary, title, about),
        _distribution(result, summary),
        _shares(summary),
        _timeline(summary),
        _uptimes(summary),
        _targets(summary),
        f'<div class="pair">\n{"".join(_tables(summary))}</div>\n',
        _lines(summary),
        _footer(result),
    ]
    return page(title, parts)


def _header(result: Result, summary: Summary, title: str, about: Mapping[str, object]) -> str:
    metric = summary.primary
    error = (metric["confidence_high"] - metric["confidence_low"]) / 2
    margin = f"± {error:,.0f} (95 % sure)" if metric["n"] > 1 else "in a single fight"
    figures = {
        "Median": f"{metric['percentiles']['50']:,.0f}",
        "Deviation": f"{metric['standard_deviation']:,.0f}",
        "Worst fight": f"{metric['minimum']:,.0f}, iteration {summary.worst}",
        "Best fight": f"{metric['maximum']:,.0f}, iteration {summary.best}",
        "Fights": f"{summary.iterations:,} of {summary.fight_seconds:,.1f} s",
        **{spoken(name): value for name, value in about.items()},
    }
    return (
        f'<header><h1>{escape(title)}</h1><p class="hero">{metric["mean"]:,.0f} '
        f"<small>{escape(str(result['primary']).upper())} {margin}</small></p>"
        f"{listed(figures)}</header>\n"
    )


def _distribution(result: Result, summary: Summary) -> str:
    metric = summary.primary
    low, high = (metric["percentiles"][name] for name in ("5", "95"))
    primary = str(result["primary"]).upper()
    about = (
        f"mean {metric['mean']:,.0f}, nine fights of ten between {low:,.0f} and {high:,.0f}, "
        f"all between {metric['minimum']:,.0f} and {metric['maximum']:,.0f}"
    )
    mark = Mark(metric["mean"], f"mean {metric['mean']:,.0f}")
    svg = histogram(f"Distribution of {primary}", about, summary.distribution, [mark])
    return section(
        "Distribution", plot(svg, f"{primary} of a fight: {about}. Areas stand for fights.")
    )


def _shares(summary: Summary) -> str:
    if not summary.sources:
        return ""
    longest = max(source.share for source in summary.sources)
    shown, rest = summary.sources[:_MOST_BARS], summary.sources[_MOST_BARS:]
    rows = [_share(source, longest) for source in shown]
    if rest:
        share = sum(source.share for source in rest)
        value = _share_value(share, sum(source.dps for source in rest))
        rows.append(Bar(f"{len(rest)} more", min(1.0, share / longest), value))
    top = f"{called(shown[0])} does the most, {percent(shown[0].share)}"
    key = (
        '<span class="key one"></span>player<span class="key two"></span>pets'
        if summary.pets
        else "By ability."
    )
    return section("Damage", plot(bars("Shares of damage", top, rows), key), _sources(summary))


def _share(source: Source, longest: float) -> Bar:
    kind = "two" if source.pet else "one"
    value = _share_value(source.share, source.dps)
    return Bar(called(source), source.share / longest, value, kind)


def _share_value(share: float, dps: float) -> str:
    return f"{percent(share)}  ·  {dps:,.0f}"


def _sources(summary: Summary) -> str:
    columns = [
        "Ability", "DPS", "Casts", "Hits", "Ticks", "Average", "Least", "Most", "Crit", "Missed"
    ]  # fmt: skip
    glances = any(one.glances for one in summary.sources)
    rows = [_row(one, glances=glances) for one in summary.sources]
    return table("Counts are per fight.", [*columns, *["Glanced"][: int(glances)]], rows)


def _row(source: Source, *, glances: bool) -> tuple[str, ...]:
    return (
        called(source),
        f"{source.dps:,.1f}",
        _count(source.casts),
        _count(source.hits),
        _count(source.ticks),
        f"{source.average:,.0f}",
        f"{source.least:,.0f}",
        f"{source.most:,.0f}",
        percent(source.crits),
        _part(source.misses),
        *([_part(source.glances)] if glances else []),
    )


def _part(value: float) -> str:
    return percent(value) if value else _NONE


def _timeline(summary: Summary) -> str:
    moments = [one for one in summary.timeline if one.fights >= _FEW_FIGHTS]
    if len(moments) < 2:  # noqa: PLR2004 - a line has two ends
        return ""
    top = max(moments, key=lambda one: one.dps)
    mean = summary.primary["mean"]
    about = f"{top.dps:,.0f} at the most, {top.second} s into the fight, {mean:,.0f} on average"
    svg = line("DPS over the fight", about, moments)
    caption = f"DPS by the time into the fight, and smoothed: {about}."
    return section("Timeline", plot(svg, caption))


def _uptimes(summary: Summary) -> str:
    if not summary.auras:
        return ""
    rows = [
        Bar(spoken(aura.name), min(1.0, aura.uptime), _uptime(aura.uptime, aura.stacks))
        for aura in summary.auras[:_MOST_BARS]
    ]
    columns = ("Aura", "Uptime", "Stacks", "Applied", "Refreshed")
    cells = [
        (
            spoken(aura.name),
            percent(aura.uptime),
            f"{aura.stacks:.2f}",
            _count(aura.applied),
            _count(aura.refreshed),
        )
        for aura in summary.auras
    ]
    longest = summary.auras[0]
    about = f"{spoken(longest.name)} is up the longest, {percent(longest.uptime)} of the time"
    svg = bars("Uptimes of buffs and debuffs", about, rows)
    caption = "Part of the fight that each was up, and its stacks meanwhile."
    return section("Buffs and debuffs", plot(svg, caption), table("", columns, cells))


def _uptime(uptime: float, stacks: float) -> str:
    return f"{percent(uptime)}  ·  {stacks:.1f} stacks" if stacks > 1 else percent(uptime)


def _targets(summary: Summary) -> str:
    """Give the DPS of each ability on each of several targets."""
    if not summary.targets:
        return ""
    columns = ("Ability", *(_target(one.name) for one in summary.targets))
    rows = [
        (
            called(source),
            *(_count(summary.dps_on(one.name, source)) for one in summary.targets),
        )
        for source in summary.sources
    ]
    whole = ("All", *(f"{one.dps:,.1f}" for one in summary.targets))
    return section("Targets", table("DPS by target.", columns, [*rows, whole]))


def _target(name: str) -> str:
    return name if name.isdigit() else "Others"


def _tables(summary: Summary) -> Iterable[str]:
    yield _tabulated(
        "Resources",
        ("Resource", "Gained", "Spent", "Wasted", "At maximum"),
        [
            (
                spoken(one.name),
                _count(one.gained),
                _count(one.spent),
                _count(one.wasted),
                percent(one.capped),
            )
            for one in summary.resources
        ],
    )
    yield _tabulated(
        "Pets",
        ("Pet", "Share", "DPS", "There", "Summoned"),
        [
            (
                spoken(one.name),
                percent(one.share),
                f"{one.dps:,.1f}",
                percent(one.uptime),
                _count(one.summons),
            )
            for one in summary.pets
        ],
    )
    yield _tabulated(
        "Procs",
        ("Proc", "Chances", "Procs", "Per minute"),
        [
            (spoken(one.name), _count(one.attempts), _count(one.procs), f"{one.per_minute:.2f}")
            for one in summary.procs
        ],
    )


def _lines(summary: Summary) -> str:
    rows = [(one.name, _count(one.fired), percent(one.share)) for one in summary.lines]
    return _tabulated("Rotation", ("Line", "Followed", "Share"), rows)


def _tabulated(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return section(title, table("", columns, rows)) if rows else ""


def _count(value: float) -> str:
    return f"{value:,.1f}" if value else _NONE


def _footer(result: dict[str, Any]) -> str:
    return (
        f"<footer>Simpool, engine {escape(result['engine'])} {escape(result['engine_version'])}."
        f" Digest <code>{results.digest(result)}</code></footer>\n"
    )
