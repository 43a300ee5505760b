"""What must hold of every result, whatever was simulated."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from node.engine import results
from node.engine.configs import default_config
from tests.unit.engine.fights import run

ITERATIONS = 200


@functools.cache
def result() -> dict[str, Any]:
    """Simulate Beast Mastery on three targets, in fights of varying length."""
    return run({**default_config(duration=120, targets=3), "duration_variation": 0.2}, ITERATIONS)


def counted() -> dict[str, int]:
    """Give the counters of that result."""
    return {name: int(value) for name, value in result()["counters"].items()}


@pytest.mark.parametrize("parts", [("ability.", "pet."), ("target.",), ("timeline.",)])
def test_parts_sum_to_the_total(parts: tuple[str, ...]) -> None:
    """The damage of all sources, on all targets, in all of the time is that of the fights."""
    found = counted()
    damage = [
        value
        for name, value in found.items()
        if name.startswith(parts) and name.endswith(".damage_milli")
    ]

    assert sum(damage) == found["fight.damage_milli"]


def test_every_source_sums_over_its_targets() -> None:
    """What a source did is what it did to each target, in every column."""
    found = counted()
    of_targets: dict[str, int] = {}
    for name, value in found.items():
        if name.startswith("target."):
            _, _, source = name.split(".", 2)
            of_targets[source] = of_targets.get(source, 0) + value

    assert any(name.startswith("target.2.") for name in found)
    for source, value in of_targets.items():
        assert found[source] == value


def test_the_timeline_covers_the_fights() -> None:
    """The time spent in its parts is the length of the fights, and none gets longer."""
    found = counted()
    spent = [
        (int(name.split(".")[1]), value)
        for name, value in found.items()
        if name.startswith("timeline.") and name.endswith(".ms")
    ]
    spent.sort()

    assert sum(value for _, value in spent) == found["fight.length_ms"]
    assert spent[0] == (0, 1000 * ITERATIONS)
    assert [value for _, value in spent] == sorted((value for _, value in spent), reverse=True)


def test_the_mean_hit_lies_between_the_extremes() -> None:
    """Everything that did damage has a least and a most, around its mean."""
    found = counted()
    for name, extreme in result()["extremes"].items():
        counts = found.get(f"{name}.hits", 0) + found.get(f"{name}.ticks", 0)
        assert extreme["min"] * counts <= found[f"{name}.damage_milli"] <= extreme["max"] * counts
    assert result()["extremes"].keys() == {
        name.removesuffix(".damage_milli")
        for name, value in found.items()
        if name.endswith(".damage_milli") and value and not name.startswith(("fight", "timeline"))
    }


def test_dps_is_damage_by_length() -> None:
    """With fights of one length, the sum of DPS is the sum of damage over that length."""
    found = run(default_config(duration=100), 50)

    dps = int(found["metrics"]["dps"]["sum"])
    assert dps == pytest.approx(int(found["counters"]["fight.damage_milli"]) / 100, abs=25)


def test_what_was_spent_is_casts_times_cost() -> None:
    """Every focus that was spent paid for a cast."""
    found = counted()
    spec = default_config()["spec"]
    paid = sum(
        found[f"ability.{name}.casts"] * ability.get("cost", {}).get("focus", 0)
        for name, ability in spec["abilities"].items()
    )

    assert found["resource.focus.spent_milli"] == 1000 * paid


def test_a_resource_never_exceeds_its_maximum_nor_falls_below_zero() -> None:
    """Start + gained - overflow - spent lies between nothing and the maximum, in every fight."""
    found = counted()
    change = (
        found["resource.focus.gained_milli"]
        - found["resource.focus.overflow_milli"]
        - found["resource.focus.spent_milli"]
    )

    assert 0 <= ITERATIONS * 100_000 + change <= ITERATIONS * 100_000


def test_uptime_is_at_most_the_length() -> None:
    """No aura or pet is there for longer than the fight, and stacks at most as many times."""
    found = counted()
    uptimes = [value for name, value in found.items() if name.endswith(".uptime_ms")]

    assert uptimes
    assert max(uptimes) <= found["fight.length_ms"]
    assert found["aura.frenzy.stack_ms"] <= 3 * found["aura.frenzy.uptime_ms"]


def test_lines_fired_are_the_casts() -> None:
    """Each cast was one line of the rotation."""
    found = counted()

    for ability in ("bestial_wrath", "kill_command", "cobra_shot", "multi_shot"):
        fired = [
            value
            for name, value in found.items()
            if name.startswith("line.") and name.endswith(f".{ability}.fired")
        ]
        assert sum(fired) == found[f"ability.{ability}.casts"]


def test_the_length_varies_as_stated() -> None:
    """Lengths are spread evenly over +-20 % of two minutes."""
    length = results.statistics(result())["metrics"]["fight_length"]

    assert 96 <= length["minimum"] < 97
    assert 143 < length["maximum"] <= 144
    assert length["mean"] == pytest.approx(120, abs=4 * length["standard_error"])
    assert length["standard_deviation"] == pytest.approx(48 / 12**0.5, rel=0.1)


def test_the_result_has_the_shape_of_the_contract() -> None:
    """Every number of a result is an integer or a decimal string, and `primary` names a metric."""
    document = result()

    assert document["iterations"] == ITERATIONS
    assert document["primary"] in document["metrics"]
    results.jsonb_text(document)
    for metric in document["metrics"].values():
        assert sum(metric["histogram"].values()) == metric["n"] == ITERATIONS
        assert metric["min"] <= metric["max"]
        assert isinstance(metric["sum"], str)
        assert isinstance(metric["sum_squares"], str)
