"""What a result counts is what the logs of its iterations tell, added up."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from node.engine import get_engine
from node.engine.configs import default_config, spec_names
from tests.unit.engine.fights import config, run, strike

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.engine import LogLine

Group = TypeVar("Group")

SEED, ITERATIONS, TARGETS = 7, 12, 10


@functools.cache
def fight() -> dict[str, Any]:
    """Build a fight of varying length and damage against more targets than are told apart."""
    return config(
        200_000,
        variation=0.2,
        targets=TARGETS,
        stats={"crit_rating": 3000},
        abilities={
            "bolt": {"effects": [strike(variance=0.5), {"apply": {"aura": "burn"}}]},
            "wave": {"effects": [{**strike(), "to": "all"}], "cooldown": {"ms": 7000}},
        },
        auras={
            "burn": {
                "on": "target",
                "duration_ms": 9000,
                "tick": {"period_ms": 1000, "effects": [strike(0.1, variance=0.9)]},
            }
        },
        rotation=[{"cast": "wave"}, {"cast": "bolt"}],
    )


@functools.cache
def result() -> dict[str, Any]:
    """Simulate it."""
    return run(fight(), ITERATIONS, seed=SEED)


@functools.cache
def lines() -> list[LogLine]:
    """Replay every iteration of it, and give all that did damage."""
    engine = get_engine("combat")
    plan = engine.prepare(fight())
    logs = [engine.replay(plan, SEED, iteration).lines for iteration in range(ITERATIONS)]
    return [line for log in logs for line in log if "damage_milli" in line.about]


def damage(of: Callable[[LogLine], Group]) -> dict[Group, list[int]]:
    """Group the damage of the logs."""
    found: dict[Group, list[int]] = {}
    for line in lines():
        found.setdefault(of(line), []).append(line.about["damage_milli"])
    return found


def test_the_timeline_is_the_damage_by_its_time() -> None:
    """Each part of the fight holds what the logs have in it, up to the last millisecond."""
    width = 2000  # 240 s in 150 parts at most are parts of two seconds
    expected = {
        f"timeline.{2 * part}.damage_milli": sum(dealt)
        for part, dealt in damage(lambda line: min(line.ms // width, 119)).items()
    }

    counted = result()["counters"]

    found = {
        name: value
        for name, value in counted.items()
        if name.startswith("timeline.") and name.endswith(".damage_milli") and value
    }
    assert expected == found


def test_the_time_of_the_timeline_is_that_which_fights_lasted() -> None:
    """A fight of 199 s spends all of the first 198 s and a half of the next part in it."""
    engine = get_engine("combat")
    plan = engine.prepare(fight())
    replays = [engine.replay(plan, SEED, iteration) for iteration in range(ITERATIONS)]
    lengths = [int(replay.metrics["fight_length"]["sum"]) for replay in replays]

    for second in range(0, 240, 2):
        spent = sum(min(2000, max(0, length - 1000 * second)) for length in lengths)
        assert result()["counters"][f"timeline.{second}.ms"] == spent


def test_extremes_are_the_least_and_the_most_of_the_logs() -> None:
    """Of every ability over all its targets, however often it struck."""
    for name, dealt in damage(lambda line: str(line.about["name"])).items():
        extreme = result()["extremes"][f"ability.{name}"]
        assert extreme == {"min": min(dealt), "max": max(dealt)}


def test_targets_from_the_eighth_on_are_counted_together() -> None:
    """Each of the first seven has counters of its own, and so do the others as one."""

    def row(line: LogLine) -> str:
        target = line.about["target"]
        return f"target.{'rest' if target > 7 else target}.ability.{line.about['name']}"

    for prefix, dealt in damage(row).items():
        assert result()["counters"][f"{prefix}.damage_milli"] == sum(dealt)
        assert result()["extremes"][prefix] == {"min": min(dealt), "max": max(dealt)}
    assert "target.8.ability.wave.hits" not in result()["counters"]


def test_hits_ticks_and_crits_are_those_of_the_logs() -> None:
    """Hits and ticks are counted apart, and the critical of each."""
    counted = result()["counters"]
    for event, column in (("hit", "hits"), ("tick", "ticks")):
        crits = "crits" if event == "hit" else "crit_ticks"
        for name in ("bolt", "wave", "burn"):
            found = [
                line.about["crit"]
                for line in lines()
                if line.event == event and line.about["name"] == name
            ]
            assert counted[f"ability.{name}.{column}"] == len(found)
            assert counted[f"ability.{name}.{crits}"] == sum(found)


def test_an_hour_has_no_more_parts_than_a_minute_may() -> None:
    """The size of a result does not grow with the length of the fight."""
    long = run(config(3_600_000), 1)["counters"]

    parts = [name for name in long if name.startswith("timeline.") and name.endswith(".ms")]
    assert len(parts) == 150
    assert "timeline.24.ms" in parts


def test_an_aura_of_several_targets_is_up_while_any_of_them_has_it() -> None:
    """Four seconds on one and four on another, two of them together, are six in all."""
    document = config(
        30_000,
        targets=2,
        abilities={
            "one": {"effects": [{"apply": {"aura": "mark"}}], "cooldown": {"ms": 60_000}},
            "other": {
                "effects": [{"apply": {"aura": "mark"}, "to": "others"}],
                "cooldown": {"ms": 60_000},
            },
        },
        auras={"mark": {"on": "target", "duration_ms": 4000, "stacks": 3}},
        rotation=[{"cast": "one"}, {"cast": "other", "if": {">=": ["combat.time", 2]}}],
    )

    counted = run(document)["counters"]

    assert counted["aura.mark.uptime_ms"] == 6000
    assert counted["aura.mark.stack_ms"] == 8000
    assert counted["aura.mark.applications"] == 2
    for target in (1, 2):
        assert counted[f"target.{target}.aura.mark.uptime_ms"] == 4000
        assert counted[f"target.{target}.aura.mark.applications"] == 1


@pytest.mark.parametrize("targets", [1, 9])
@pytest.mark.parametrize("name", spec_names())
def test_every_document_that_ships_adds_up(name: str, targets: int) -> None:
    """Sources, targets, the timeline and the log all come to the damage of the fight."""
    engine = get_engine("combat")
    document = {**default_config(name, duration=60, targets=targets), "duration_variation": 0.1}
    plan = engine.prepare(document)

    replay = engine.replay(plan, SEED, 1)

    counted = run(document, 1, seed=SEED, first=1)["counters"]
    whole = counted["fight.damage_milli"]
    for kinds in (("ability.", "pet."), ("timeline.",), ("target.",)):
        parts = [
            value
            for counter, value in counted.items()
            if counter.startswith(kinds) and counter.endswith(".damage_milli")
        ]
        assert sum(parts) == (0 if targets == 1 and "target." in kinds else whole)
    assert sum(line.about.get("damage_milli", 0) for line in replay.lines) == whole
    for counter, value in counted.items():
        if counter.endswith((".uptime_ms", ".capped_ms")):
            assert value <= counted["fight.length_ms"], counter
