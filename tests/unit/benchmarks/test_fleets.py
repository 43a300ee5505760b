"""The simulated fleet's figures, chart and results."""

from __future__ import annotations

import json
import math
from xml.etree import ElementTree as ET

import pytest

from benchmarks.fleets import chart, documents
from benchmarks.fleets.records import Records, percentile


def test_a_percentile_is_the_nearest_rank() -> None:
    """Of a hundred values, the 95th of 100 is the 95th smallest; of none there is none."""
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.01) == 7.0
    assert math.isnan(percentile([], 0.5))


def _records() -> Records:
    records = Records()
    for period in (1, 2):
        for number in range(10):
            records.note("exchange", 0.001, period * 0.01 * (number + 1))
        records.sample(5.0 * period, 5.0, server_cpu=1.5, size=10, dead_rows=3, finished_chunks=4)
    return records


def test_a_sample_is_of_its_own_period() -> None:
    """What was called before is counted in the whole, and not again."""
    records = _records()
    assert [sample.exchanges for sample in records.samples] == [2.0, 2.0]
    assert [sample.calls["exchange"][0] for sample in records.samples] == [0.05, 0.1]
    assert len(records.all["exchange"]) == 20


def test_the_chart_is_a_picture_of_all_samples() -> None:
    """Every line has a point for each, within its frame, and kinds without calls are at zero."""
    drawn = ET.fromstring(chart.draw("A <fleet> & more", _records().samples, 1000.0))  # noqa: S314 - our own
    lines = [one for one in drawn.iter() if one.tag.endswith("polyline")]
    assert len(lines) == 12
    for line in lines:
        points = [point.split(",") for point in line.attrib["points"].split()]
        assert [float(x) for x, _ in points] == [
            chart.LEFT + chart.WIDTH / 2,
            chart.LEFT + chart.WIDTH,
        ]
    texts = [one.text for one in drawn.iter() if one.tag.endswith("text")]
    assert "A <fleet> & more" in texts


@pytest.mark.parametrize("iterations", [1, 59, 60, 12_345])
def test_a_made_up_result_adds_up(iterations: int) -> None:
    """Its buckets count every iteration, and its sums are those of its buckets."""
    document = json.loads(documents.result({"seed_offset": 7, "iterations": iterations}))
    metric = document["metrics"]["dps"]
    counts = {int(value): n for value, n in metric["histogram"].items()}
    assert sum(counts.values()) == metric["n"] == document["iterations"] == iterations
    assert int(metric["sum"]) == sum(value * n for value, n in counts.items())
    assert (metric["min"], metric["max"]) == (min(counts), max(counts))
    assert (metric["min_iteration"], metric["max_iteration"]) == (7, 6 + iterations)
