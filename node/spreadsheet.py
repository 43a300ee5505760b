"""Results as comma-separated values."""

from __future__ import annotations

import csv
from typing import IO, TYPE_CHECKING, Any

from node.engine.results import statistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from node.engine.results import Result


def write_result(file: IO[str], result: Result) -> None:
    """One line for each metric and figure, each counter, and each extreme."""
    writer = csv.writer(file)
    writer.writerow(("kind", "name", "figure", "value"))
    for name, figures in statistics(result)["metrics"].items():
        writer.writerows(("metric", name, key, value) for key, value in _flat(figures).items())
    for name, value in result["counters"].items():
        writer.writerow(("counter", name, "count", value))
    for name, extreme in result["extremes"].items():
        writer.writerows(("extreme", name, key, value) for key, value in extreme.items())


def write_rows(file: IO[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """One line for each row, under the names of the columns of the first."""
    writer = csv.writer(file)
    for number, row in enumerate(rows):
        if number == 0:
            writer.writerow(row.keys())
        writer.writerow(row.values())


def _flat(figures: Mapping[str, Any]) -> dict[str, Any]:
    percentiles = figures.get("percentiles", {})
    plain = {key: value for key, value in figures.items() if key != "percentiles"}
    return plain | {f"p{key}": value for key, value in percentiles.items()}
