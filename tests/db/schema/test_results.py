"""Merging and summarising, in SQL as in Python."""

from __future__ import annotations

import random
from functools import reduce
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.types.json import Jsonb

from node.engine import results

if TYPE_CHECKING:
    from tests.db.schema.pool import Json, Pool


def _random_result(dice: random.Random, first: int, count: int) -> Json:
    """A result whose metrics and counters differ from one to the next, at all magnitudes."""
    magnitude = 10 ** dice.randint(1, 17)
    metrics = {
        name: results.metric(unit, [dice.randrange(magnitude) for _ in range(count)], first)
        for name, unit in (("dps", "milli"), ("length", "one"), ("healing", "milli"))
        if name == "dps" or dice.random() < 0.5
    }
    counters = {
        f"ability.{name}": results.json_integer(dice.randrange(10 ** dice.randint(1, 18)))
        for name in ("shot", "bite", "sting", "caf\u00e9")
        if dice.random() < 0.6
    }
    extremes = {
        name: {"min": least, "max": least + dice.randrange(10**15)}
        for name in ("shot", "bite", "sting")
        if dice.random() < 0.6
        for least in [dice.randrange(10**15)]
    }
    empty = results.empty("combat", "1.0.0", "dps")
    parts = {"metrics": metrics, "counters": counters, "extremes": extremes}
    return {**empty, "iterations": count, **parts}


def _random_results(seed: int) -> list[Json]:
    dice = random.Random(seed)  # noqa: S311 - a reproducible sample, not a secret
    parts, first = [], 0
    for _ in range(dice.randint(2, 9)):
        count = dice.randint(1, 60)
        parts.append(_random_result(dice, first, count))
        first += count
    return parts


def _merged(pool: Pool, parts: list[Json]) -> Any:
    return pool.scalar(
        "select private.merge_all(array_agg(value)) from jsonb_array_elements(%s)", Jsonb(parts)
    )


def test_the_samples_are_valid_results(pool: Pool) -> None:
    """What the other tests merge is what a node may hand in."""
    for seed in range(20):
        first = 0
        for part in _random_results(seed):
            assert (
                pool.scalar(
                    "select private.result_problem(%s, %s, %s, 'combat')",
                    Jsonb(part),
                    part["iterations"],
                    first,
                )
                is None
            )
            first += part["iterations"]


def test_sql_merges_as_python_does(pool: Pool) -> None:
    """Metrics and counters that only some results have are kept; big integers stay exact."""
    for seed in range(40):
        parts = _random_results(seed)
        assert _merged(pool, parts) == reduce(results.merge, parts)


def test_merging_does_not_depend_on_grouping_or_order(pool: Pool) -> None:
    """Any tree of merges over any order of the results gives the same document."""
    for seed in range(25):
        parts = _random_results(seed)
        whole = _merged(pool, parts)
        dice = random.Random(seed)  # noqa: S311 - a reproducible sample, not a secret
        dice.shuffle(parts)
        while len(parts) > 1:
            left = parts.pop(dice.randrange(len(parts)))
            right = parts.pop(dice.randrange(len(parts)))
            parts.append(_merged(pool, [left, right]))
        assert parts == [whole]


def test_a_tie_goes_to_the_lowest_iteration(pool: Pool) -> None:
    """Whichever side it is on."""
    empty = results.empty("combat", "1.0.0", "dps")
    low, high = (
        {**empty, "iterations": 3, "metrics": {"dps": results.metric("milli", [5, 5, 5], first)}}
        for first in (10, 20)
    )
    for parts in ([low, high], [high, low]):
        metric = _merged(pool, parts)["metrics"]["dps"]
        assert (metric["min_iteration"], metric["max_iteration"]) == (10, 10)


def test_sql_digests_as_python_does(pool: Pool) -> None:
    """A node can check the digest of a job without asking the database."""
    for seed in range(20):
        whole = reduce(results.merge, _random_results(seed))
        assert pool.scalar("select private.result_digest(%s)", Jsonb(whole)) == results.digest(
            whole
        )


def test_sql_summarises_as_python_does(pool: Pool) -> None:
    """Mean, spread, confidence interval and percentiles agree to the last of six decimals."""
    for seed in range(40):
        whole = reduce(results.merge, _random_results(seed))
        in_sql = pool.scalar("select private.result_statistics(%s)", Jsonb(whole))
        assert _as_doubles(in_sql) == _as_doubles(results.statistics(whole))


def _as_doubles(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: _as_doubles(value) for name, value in document.items()}
    return float(document)


def test_every_bucket_has_its_middle(pool: Pool) -> None:
    """From each magnitude, also at powers of two, where logarithms are delicate."""
    lows = sorted({results.bucket(2**power + add) for power in range(62) for add in (-1, 0, 1)})
    in_sql = pool.scalar(
        "select array_agg(private.bucket_middle(low)::text order by low) from unnest(%s::numeric[])"
        " as lows (low)",
        lows,
    )
    widths = [2 ** max(0, low.bit_length() - 8) for low in lows]
    assert [int(middle.split(".")[0]) for middle in in_sql] == [
        low + width // 2 for low, width in zip(lows, widths, strict=True)
    ]


def test_a_single_sample_has_no_error_yet(pool: Pool) -> None:
    """One iteration says nothing of the precision of the mean."""
    assert pool.scalar("select private.relative_error(1, 5, 25)") is None
    assert pool.scalar("select private.relative_error(2, 0, 0)") is None
    error = pool.scalar("select private.relative_error(4, 20, 104)")
    assert error == pytest.approx(0.11547005383792515, abs=1e-14)
