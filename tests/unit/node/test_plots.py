"""Plots draw what they are given where it belongs."""

from __future__ import annotations

import re

import pytest

from node.plots import (
    WIDTH,
    Bar,
    Interval,
    Mark,
    bars,
    histogram,
    intervals,
    line,
    smooth,
    ticks,
)
from node.summary import Bin, Moment


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 7, [0, 1, 2, 3, 4, 5, 6, 7]),
        (0, 300, [0, 50, 100, 150, 200, 250, 300]),
        (10_072, 12_754, [10_500, 11_000, 11_500, 12_000, 12_500]),
        (5, 5, [5]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    """A few round numbers, all between the ends."""
    assert ticks(low, high) == expected


def test_a_bar_is_as_long_as_its_part() -> None:
    """Half is half of the track."""
    svg = bars("Shares", "a 1", [Bar("a", 1.0, "10"), Bar("b", 0.5, "5", "two")])
    tracks = re.findall(r'class="track"[^>]* width="([\d.]+)"', svg)
    one, two = re.findall(r'class="(?:one|two)"[^>]* width="([\d.]+)"', svg)

    assert float(one) == float(tracks[0])
    assert float(two) == float(tracks[0]) / 2


def test_an_interval_lies_around_its_figure() -> None:
    """Nothing is in the plot, and the figure between its ends."""
    svg = intervals("Differences", "a 1", [Interval("a", 10.0, 20.0, 40.0, "+20")])
    zero = float(re.findall(r'class="axis" x1="([\d.]+)"', svg)[0])
    first, last = map(float, *re.findall(r'class="whisker" x1="([\d.]+)" x2="([\d.]+)"', svg))
    middle = float(re.findall(r'cx="([\d.]+)"', svg)[0])

    assert zero < first < middle < last
    assert middle - first == pytest.approx((last - first) / 3, abs=0.2)


def test_areas_of_a_histogram_are_counts() -> None:
    """A bucket twice as wide with as many fights is half as high."""
    svg = histogram("DPS", "1", [Bin(0, 100, 10), Bin(100, 300, 10)], [Mark(50, "mean 50")])
    first, second = re.findall(r'class="one"[^>]* height="([\d.]+)"', svg)

    assert float(first) == pytest.approx(2 * float(second))
    assert "mean 50" in svg


def test_a_line_spans_the_plot() -> None:
    """It begins at the left and ends at the right."""
    svg = line("DPS", "1", [Moment(0, 5.0, 1.0), Moment(1, 9.0, 1.0), Moment(2, 7.0, 1.0)])
    places = [float(x) for x in re.findall(r'cx="([\d.]+)"', svg)]

    assert places == sorted(places)
    assert (places[0], places[-1]) == (64, WIDTH - 16)


def test_smoothing_keeps_a_level() -> None:
    """An average of neighbours leaves a flat line flat and takes the top off a peak."""
    assert smooth([4.0] * 50) == [4.0] * 50
    assert max(smooth([0.0] * 24 + [5.0] + [0.0] * 25)) == pytest.approx(1.0)
