"""Results merge exactly, whatever the partition."""

from __future__ import annotations

import functools
import itertools
import json
import math
import random
import statistics as reference
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.engine import results

values_of_iterations = st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=40)


def result_of(values: list[int], first: int = 0, **counters: int) -> dict[str, Any]:
    """Give the result of iterations that start at `first`."""
    return {
        **results.empty("combat", "1.0.0", "dps"),
        "iterations": len(values),
        "metrics": {"dps": results.metric("milli", values, first)},
        "counters": {"casts": results.json_integer(sum(values)), **counters},
        "extremes": {"shot": {"min": min(values), "max": max(values)}},
    }


@st.composite
def partitions(draw: st.DrawFn) -> tuple[list[int], list[dict[str, Any]]]:
    """Draw the values of a job and the results of its chunks in any order."""
    values = draw(values_of_iterations)
    cuts = sorted(draw(st.sets(st.integers(1, len(values)), max_size=6)) | {0, len(values)})
    chunks = [result_of(values[a:b], a) for a, b in itertools.pairwise(cuts)]
    return values, draw(st.permutations(chunks))


@given(partitions())
def test_any_partition_in_any_order_gives_the_whole(
    case: tuple[list[int], list[dict[str, Any]]],
) -> None:
    """Chunks merged in any order equal the job run in one piece, bit for bit."""
    values, chunks = case

    merged = functools.reduce(results.merge, chunks)

    assert result_of(values) == merged
    assert results.digest(result_of(values)) == results.digest(merged)


@given(values_of_iterations, values_of_iterations, values_of_iterations)
def test_merging_is_associative_and_commutative(a: list[int], b: list[int], c: list[int]) -> None:
    """Neither order nor grouping changes a merge."""
    x, y, z = result_of(a), result_of(b, len(a)), result_of(c, len(a) + len(b), procs=3)

    assert results.merge(x, y) == results.merge(y, x)
    assert results.merge(results.merge(x, y), z) == results.merge(x, results.merge(y, z))


@given(values_of_iterations)
def test_the_empty_result_changes_nothing(values: list[int]) -> None:
    """Merging the result of no iterations is the identity."""
    whole = result_of(values, procs=1)

    assert results.merge(whole, results.empty("combat", "1.0.0", "dps")) == whole
    assert results.merge(results.empty("combat", "1.0.0", "dps"), whole) == whole


def test_ties_go_to_the_lowest_iteration() -> None:
    """Of equal extremes the earliest iteration is kept, whichever side it is on."""
    early, late = result_of([5, 7], 10), result_of([5, 7], 2)

    merged = results.merge(early, late)["metrics"]["dps"]

    assert (merged["min_iteration"], merged["max_iteration"]) == (2, 3)


def test_results_of_different_engines_do_not_merge() -> None:
    """A result of another engine version is refused."""
    with pytest.raises(results.MergeError, match=r"combat 1\.0\.0 dps and combat 2\.0\.0 dps"):
        results.merge(result_of([1]), result_of([1]) | {"engine_version": "2.0.0"})


def test_metrics_of_different_units_do_not_merge() -> None:
    """The same name in another unit is refused."""
    other = result_of([1])
    other["metrics"]["dps"]["unit"] = "one"

    with pytest.raises(results.MergeError, match="units"):
        results.merge(result_of([1]), other)


@given(st.integers(0, 2**63))
def test_a_bucket_holds_its_value_within_one_percent(value: int) -> None:
    """A bucket starts at or below its value and is at most 1/128 wide."""
    lower = results.bucket(value)
    width = 1 << max(0, lower.bit_length() - 8)

    assert lower <= value < lower + width
    assert results.bucket(lower) == lower
    assert width == 1 or 128 * width <= lower


def test_integers_beyond_53_bits_are_decimal_strings() -> None:
    """Counters become strings exactly where a JSON reader may lose digits."""
    merged = results.merge(result_of([2**53 - 2]), result_of([1], 1))
    assert merged["counters"]["casts"] == 2**53 - 1

    merged = results.merge(merged, result_of([1], 2))
    assert merged["counters"]["casts"] == "9007199254740992"
    assert isinstance(merged["metrics"]["dps"]["sum"], str)


def test_statistics_are_those_of_the_textbook() -> None:
    """Mean, deviation, error and interval agree with floating-point formulas."""
    draws = random.Random(5)  # noqa: S311 - test data
    values = [draws.randrange(50_000_000, 150_000_000) for _ in range(1000)]
    presented = [value / 1000 for value in values]

    dps = results.statistics(result_of(values))["metrics"]["dps"]

    deviation = reference.stdev(presented)
    error = deviation / math.sqrt(1000)
    assert dps["mean"] == pytest.approx(reference.fmean(presented), abs=1e-6)
    assert dps["standard_deviation"] == pytest.approx(deviation, abs=1e-6)
    assert dps["standard_error"] == pytest.approx(error, abs=1e-6)
    assert dps["confidence_low"] == pytest.approx(dps["mean"] - 1.959964 * error, abs=2e-6)
    assert dps["confidence_high"] == pytest.approx(dps["mean"] + 1.959964 * error, abs=2e-6)
    assert (min(presented), max(presented), 1000) == (dps["minimum"], dps["maximum"], dps["n"])


def test_percentiles_follow_the_rank_rule() -> None:
    """Percentile p is the middle of the bucket that holds the value of rank ceil(p n / 100)."""
    values = [value * 1000 for value in range(1, 201)]

    percentiles = results.statistics(result_of(values))["metrics"]["dps"]["percentiles"]

    assert {"1", "5", "25", "50", "75", "95", "99"} == set(percentiles)
    for p, found in percentiles.items():
        lower = results.bucket(values[int(p) * 2 - 1])
        middle = lower + (1 << lower.bit_length() - 8) // 2
        assert middle / 1000 == found


def test_percentiles_stay_between_minimum_and_maximum() -> None:
    """The middle of an outer bucket never exceeds the extremes."""
    percentiles = results.statistics(result_of([1_000_001]))["metrics"]["dps"]["percentiles"]

    assert {1000.001} == set(percentiles.values())


def test_a_single_iteration_has_no_spread() -> None:
    """One value has deviation and error zero."""
    dps = results.statistics(result_of([1500]))["metrics"]["dps"]

    assert (dps["mean"], dps["standard_deviation"], dps["standard_error"]) == (1.5, 0.0, 0.0)


def test_halves_round_away_from_zero() -> None:
    """The sixth decimal is rounded as SQL's numeric does."""
    presented = result_of([0] * 1999 + [1])["metrics"]["dps"]

    # 1 / (2000 * 1000) = 0.0000005
    assert results.describe(presented)["mean"] == 0.000001


def test_jsonb_text_sorts_keys_by_length_and_then_bytes() -> None:
    """Keys are ordered and spaced as Postgres prints jsonb."""
    document = {"bb": 1, "a": [True, None, "x"], "é": 2, "ab": {}, "": -3}

    expected = '{"": -3, "a": [true, null, "x"], "ab": {}, "bb": 1, "é": 2}'
    assert expected == results.jsonb_text(document)


def test_jsonb_text_escapes_like_postgres() -> None:
    """Control characters are escaped in lower case and other text is left as it is."""
    assert (
        results.jsonb_text('\b\f\n\r\t"\\/\x1f\x7f→') == r'"\b\f\n\r\t\"\\/\u001f' + "\x7f→" + '"'
    )


def test_jsonb_text_refuses_floats() -> None:
    """A float has no single text, so a result may not hold one."""
    with pytest.raises(TypeError, match="float"):
        results.jsonb_text({"mean": 0.5})


@given(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=5))
def test_jsonb_text_is_json(document: dict[str, Any]) -> None:
    """The text reads back as the same document."""
    assert document == json.loads(results.jsonb_text(document))
