"""Exact results: merging, presented statistics, canonical text, digest.

Everything here is integer arithmetic, and SQL computes the same, digit for digit.

Result
    `{"schema", "engine", "engine_version", "primary", "iterations", "metrics", "counters",
    "extremes"}`.
    A metric is `{"unit", "n", "sum", "sum_squares", "min", "max", "min_iteration",
    "max_iteration", "histogram"}`.  `sum` and `sum_squares` are always decimal strings; every
    other number is a JSON number up to 2^53 - 1 and a decimal string beyond.

Merging
    Adds `iterations`, counters, and of each metric `n`, `sum`, `sum_squares` and histogram counts;
    a name that only one side has is kept.  `min` is the lower one and `min_iteration` its
    iteration, on equal minima the lower iteration; `max` likewise.  An extreme is `{"min", "max"}`
    and merges by them.  The identity is `empty(...)`.

Histogram
    Log-linear: a value below 256 is its own bucket; above, a bucket keeps the 8 leading bits, so
    its lower bound is `(v >> s) << s` with `s = bit_length(v) - 8`, and its width `2^s` is at most
    1/128 of the value.  The key is the lower bound in decimal.  The width of a bucket follows from
    its lower bound: `2^max(0, bit_length(lower) - 8)`.

Statistics (of `n` values with sum `S` and sum of squares `Q`, unit divisor `u`, 1000 for "milli")
    mean = S / (n u); standard_deviation = sqrt((n Q - S^2) / (n (n - 1))) / u, 0 when n is 1;
    standard_error = sqrt((n Q - S^2) / (n^2 (n - 1))) / u, 0 when n is 1;
    confidence_low, confidence_high = mean -+ 1.959964 standard_error, from the two as rounded;
    minimum and maximum divided by u.
    Percentile p: of the buckets in rising order, the first whose cumulative count reaches
    ceil(p n / 100), presented as `lower + width // 2` limited to [min, max], divided by u.
    Every figure is rounded to 6 decimals, halves away from zero.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import isqrt
from operator import mul
from typing import Any

SCHEMA = 1
LARGEST_NUMBER = 2**53 - 1  #: the largest integer that every JSON reader keeps exact
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
NORMAL_95 = Fraction(1_959_964, 1_000_000)
UNITS = {"milli": 1000, "one": 1}

_BUCKET_BITS = 8
_PLACES = 10**6
_IDENTITY_KEYS = ("schema", "engine", "engine_version", "primary")

Result = dict[str, Any]
Metric = dict[str, Any]


class MergeError(ValueError):
    """The two results do not come from the same engine."""


def empty(engine: str, engine_version: str, primary: str) -> Result:
    """Give the result of no iterations."""
    return {
        "schema": SCHEMA,
        "engine": engine,
        "engine_version": engine_version,
        "primary": primary,
        "iterations": 0,
        "metrics": {},
        "counters": {},
        "extremes": {},
    }


def bucket(value: int) -> int:
    """Give the lower bound of the histogram bucket that holds a value."""
    shift = value.bit_length() - _BUCKET_BITS
    return value >> shift << shift if shift > 0 else value


def metric(unit: str, values: Iterable[int], first: int) -> Metric:
    """Describe the values of the iterations that start at `first`."""
    found = list(values)
    low, high = min(found), max(found)
    histogram = Counter(map(bucket, found))
    return {
        "unit": unit,
        "n": len(found),
        "sum": str(sum(found)),
        "sum_squares": str(sum(map(mul, found, found))),
        "min": json_integer(low),
        "max": json_integer(high),
        "min_iteration": first + found.index(low),
        "max_iteration": first + found.index(high),
        "histogram": {str(lower): count for lower, count in histogram.items()},
    }


def json_integer(value: int) -> int | str:
    """Write an integer as a number where every reader keeps it exact, else as a string."""
    return value if abs(value) <= LARGEST_NUMBER else str(value)


def merge(a: Result, b: Result) -> Result:
    """Add two results; associative and commutative."""
    if any(a[key] != b[key] for key in _IDENTITY_KEYS):
        raise MergeError(f"cannot merge results of {_origin(a)} and {_origin(b)}")
    return {
        **{key: a[key] for key in _IDENTITY_KEYS},
        "iterations": json_integer(int(a["iterations"]) + int(b["iterations"])),
        "metrics": _merge_metrics(a["metrics"], b["metrics"]),
        "counters": _add(a["counters"], b["counters"]),
        "extremes": _merge_extremes(a["extremes"], b["extremes"]),
    }


def _origin(result: Result) -> str:
    return " ".join(str(result[key]) for key in _IDENTITY_KEYS[1:])


def _add(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, int | str]:
    return {
        name: json_integer(int(a.get(name, 0)) + int(b.get(name, 0)))
        for name in sorted(a.keys() | b.keys())
    }


def _merge_extremes(a: Mapping[str, Metric], b: Mapping[str, Metric]) -> dict[str, Metric]:
    return {
        name: {
            "min": min((found[name]["min"] for found in (a, b) if name in found), key=int),
            "max": max((found[name]["max"] for found in (a, b) if name in found), key=int),
        }
        for name in sorted(a.keys() | b.keys())
    }


def _merge_metrics(a: Mapping[str, Metric], b: Mapping[str, Metric]) -> dict[str, Metric]:
    return {
        name: merge_metric(a[name], b[name])
        if name in a and name in b
        else (a if name in a else b)[name]
        for name in sorted(a.keys() | b.keys())
    }


def merge_metric(a: Metric, b: Metric) -> Metric:
    """Add a metric over some iterations and the same over others."""
    if a["unit"] != b["unit"]:
        raise MergeError(f"cannot merge units {a['unit']!r} and {b['unit']!r}")
    low = min((a, b), key=lambda m: (int(m["min"]), int(m["min_iteration"])))
    high = max((a, b), key=lambda m: (int(m["max"]), -int(m["max_iteration"])))
    return {
        "unit": a["unit"],
        "n": json_integer(int(a["n"]) + int(b["n"])),
        "sum": str(int(a["sum"]) + int(b["sum"])),
        "sum_squares": str(int(a["sum_squares"]) + int(b["sum_squares"])),
        "min": low["min"],
        "max": high["max"],
        "min_iteration": low["min_iteration"],
        "max_iteration": high["max_iteration"],
        "histogram": _add(a["histogram"], b["histogram"]),
    }


def statistics(result: Result) -> dict[str, dict[str, dict[str, Any]]]:
    """Compute what people read, in the units they expect."""
    return {"metrics": {name: describe(m) for name, m in result["metrics"].items()}}


def describe(m: Metric) -> dict[str, Any]:
    """Compute what people read of one metric, in the unit they expect."""
    unit, n = UNITS[m["unit"]], int(m["n"])
    total, squares = int(m["sum"]), int(m["sum_squares"])
    spread = Fraction(n * squares - total * total, n * (n - 1) * unit * unit if n > 1 else 1)
    mean, error = _rounded(Fraction(total, n * unit)), _root(spread / n)
    return {
        "n": n,
        "mean": float(mean),
        "standard_deviation": float(_root(spread)),
        "standard_error": float(error),
        "confidence_low": float(_rounded(mean - NORMAL_95 * error)),
        "confidence_high": float(_rounded(mean + NORMAL_95 * error)),
        "minimum": float(_rounded(Fraction(int(m["min"]), unit))),
        "maximum": float(_rounded(Fraction(int(m["max"]), unit))),
        "percentiles": {
            str(p): float(_rounded(Fraction(percentile(m, p), unit))) for p in PERCENTILES
        },
    }


def percentile(m: Metric, p: int) -> int:
    """Give the p-th percentile of a metric in its own unit, by the rule above."""
    rank = -(-p * int(m["n"]) // 100)
    counts = sorted((int(lower), int(count)) for lower, count in m["histogram"].items())
    for lower, count in counts:
        rank -= count
        if rank <= 0:
            width = 1 << max(0, lower.bit_length() - _BUCKET_BITS)
            return min(max(lower + width // 2, int(m["min"])), int(m["max"]))
    raise ValueError("the histogram holds fewer values than the metric")


def _rounded(value: Fraction) -> Fraction:
    """Round to 6 decimals, halves away from zero."""
    scaled = (abs(value) * _PLACES * 2 + 1) // 2
    return Fraction(scaled if value >= 0 else -scaled, _PLACES)


def _root(value: Fraction) -> Fraction:
    """Take the square root, rounded to 6 decimals."""
    floor = isqrt(int(value * 4 * _PLACES * _PLACES))
    return Fraction((floor + 1) // 2, _PLACES)


def jsonb_text(value: Any) -> str:
    """Write a value of objects, strings, integers, booleans and nulls as Postgres prints jsonb."""
    match value:
        case str():
            return _quoted(value)
        case None | bool() | int():
            return json.dumps(value)
        case Mapping():
            fields = sorted((key.encode(), item) for key, item in value.items())
            fields.sort(key=lambda field: len(field[0]))
            return f"{{{', '.join(f'{_quoted(k.decode())}: {jsonb_text(v)}' for k, v in fields)}}}"
        case list() | tuple():
            return f"[{', '.join(map(jsonb_text, value))}]"
    raise TypeError(f"a result holds no {type(value).__name__}")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def digest(result: Result) -> str:
    """Name a result by the SHA-256 of its jsonb text."""
    return hashlib.sha256(jsonb_text(result).encode()).hexdigest()
