"""Rows of an independent simulator, and how far a result of ours may lie from them."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path
from typing import Any

ROWS = Path(__file__).parent / "oracle"


def rows(path: str) -> list[dict[str, Any]]:
    """Read the rows of a file, like `fire/rotation.json`."""
    found: list[dict[str, Any]] = json.loads((ROWS / path).read_text(encoding="utf-8"))["rows"]
    return found


def dps(result: dict[str, Any]) -> tuple[float, float]:
    """Give the mean of the damage per second and the standard error of that mean."""
    metric = result["metrics"]["dps"]
    n, total, squares = (int(metric[name]) for name in ("n", "sum", "sum_squares"))
    mean = total / n
    variance = max(0.0, squares / n - mean * mean)
    return mean / 1000, sqrt(variance / n) / 1000


def standard_error(row: dict[str, Any]) -> float:
    """Give the standard error of a row's damage per second."""
    error: float = row["deviation"] / sqrt(row["iterations"])
    return error


def count_slack(count: float, iterations: int, row: dict[str, Any], at_once: int = 1) -> float:
    """Give how far apart two mean counts may be: one percent, or what chance makes of few events.

    Events may come `at_once`, as the ticks of an application do.
    """
    chance = 4 * sqrt(at_once * count * (1 / iterations + 1 / row["iterations"]))
    return max(0.01 * count, min(chance, 0.05 * count + 0.05))
