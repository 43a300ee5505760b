"""Shows comparisons and stat weights as tables that a player can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from node.comparison import BETTER, LUCK, WORSE, names_of, verdict
from node.engine.results import NORMAL_95, describe
from node.report import begin_table
from node.summary import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, Any]

WORTH_TELLING = 1.5  #: times; less is as good as none
_HALF_WIDTH = float(NORMAL_95)


def comparison_table(
    sources: Sequence[str], results: Sequence[Row], rows: Sequence[Row]
) -> RenderableType:
    """Lay out the mean of each config and its difference from the first."""
    primary = results[0]["primary"]
    shown = begin_table("Comparison", "Config", primary.upper(), "Difference", "", "Verdict")
    named = names_of(sources)
    first, *others = [describe(result["metrics"][primary])["mean"] for result in results]
    shown.add_row(named[0], f"{first:,.1f}", "", "", "")
    for name, mean, row in zip(named[1:], others, rows, strict=True):
        shown.add_row(name, f"{mean:,.1f}", _with_error(row), _share(row), _verdict(row))
    iterations = f"{int(results[0]['iterations']):,} fights each, with the same luck"
    saved = _saved(rows)
    is_told = saved >= WORTH_TELLING
    note = f"{iterations}: as sure as {saved:,.0f} times as many apart" if is_told else iterations
    return Group(shown, Text(note, style="dim"))


def _with_error(row: Row) -> str:
    return f"{row['mean']:+,.1f} ± {_HALF_WIDTH * row['standard_error']:,.1f}"


def _share(row: Row) -> str:
    return f"{100 * row['relative_mean']:+.2f} %"


def _verdict(row: Row) -> Text:
    styles = {BETTER: "bold green", WORSE: "bold red", LUCK: "yellow"}
    word = verdict(row)
    return Text(word, style=styles.get(word, "dim"))


def _saved(rows: Sequence[Row]) -> float:
    return min((row["saved"] or 0 for row in rows), default=0)


def weights_table(rows: Sequence[Row], measure: str | None) -> RenderableType:
    """Lay out what a point of each stat is worth."""
    against = f"{spoken(measure)} = 1" if measure else ""
    shown = begin_table("Stat weights", "Stat", "DPS per point", "", against, "Step")
    for row in rows:
        shown.add_row(
            spoken(row["stat"]),
            f"{row['mean']:,.4f} ± {_HALF_WIDTH * row['standard_error']:,.4f}",
            Text("") if row["significant"] else _verdict(row),
            "" if row["relative"] is None else f"{row['relative']:.3f}",
            f"{row['apart']:g}",
        )
    return shown
