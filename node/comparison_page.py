"""Comparisons and stat weights as HTML pages."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from node.comparison import names_of, verdict
from node.engine.results import describe
from node.markup import listed, page, plot, section, table
from node.plots import Interval, intervals
from node.summary import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, Any]


def comparison_page(
    sources: Sequence[str], results: Sequence[Row], rows: Sequence[Row], about: Row
) -> str:
    """Write the page of a comparison of configs with the first."""
    named = names_of(sources)
    means = [describe(result["metrics"][result["primary"]])["mean"] for result in results]
    primary = str(results[0]["primary"]).upper()
    shown = [
        Interval(
            name,
            row["confidence_low"],
            row["mean"],
            row["confidence_high"],
            f"{row['mean']:+,.1f}  ·  {100 * row['relative_mean']:+.2f} %",
        )
        for name, row in zip(named[1:], rows, strict=True)
    ]
    told = ", ".join(f"{one.label} {one.value}" for one in shown)
    caption = f"Difference of {primary} from {escape(named[0])}, with its 95 % interval."
    cells = [(named[0], f"{means[0]:,.1f}", "", "", "")]
    cells += [
        (
            name,
            f"{mean:,.1f}",
            f"{row['mean']:+,.1f}",
            f"{row['confidence_low']:+,.1f} to {row['confidence_high']:+,.1f}",
            verdict(row),
        )
        for name, mean, row in zip(named[1:], means[1:], rows, strict=True)
    ]
    return page(
        "Comparison",
        [
            _header("Comparison", about),
            section(
                "Differences",
                plot(intervals("Differences", told, shown), caption),
                table("", ("Config", primary, "Difference", "95 % sure", "Verdict"), cells),
            ),
        ],
    )


def weights_page(rows: Sequence[Row], measure: str | None, about: Row) -> str:
    """Write the page of stat weights."""
    shown = [
        Interval(
            spoken(row["stat"]),
            row["confidence_low"],
            row["mean"],
            row["confidence_high"],
            f"{row['mean']:,.4f}",
        )
        for row in rows
    ]
    told = ", ".join(f"{one.label} {one.value}" for one in shown)
    against = f"{spoken(measure)} = 1" if measure else "Relative"
    cells = [
        (
            spoken(row["stat"]),
            f"{row['mean']:,.4f}",
            f"{row['confidence_low']:,.4f} to {row['confidence_high']:,.4f}",
            "" if row["relative"] is None else f"{row['relative']:.3f}",
            "" if row["significant"] else verdict(row),
        )
        for row in rows
    ]
    return page(
        "Stat weights",
        [
            _header("Stat weights", about),
            section(
                "DPS per point",
                plot(intervals("Stat weights", told, shown), "With their 95 % intervals."),
                table("", ("Stat", "DPS per point", "95 % sure", against, "Verdict"), cells),
            ),
        ],
    )


def _header(title: str, about: Row) -> str:
    figures = {spoken(name): value for name, value in about.items()}
    return f"<header><h1>{escape(title)}</h1>{listed(figures)}</header>\n"
