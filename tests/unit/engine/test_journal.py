"""The combat log of an iteration tells what its result counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from node.engine import get_engine
from node.engine.combat import journal
from node.engine.configs import default_config
from tests.unit.engine.fights import config, run, strike

if TYPE_CHECKING:
    from node.engine import Replay

SEED = 7


def fight() -> dict[str, Any]:
    """Build a fight with everything in it."""
    return default_config(duration=60, targets=3)


def replay(document: dict[str, Any], iteration: int = 3) -> Replay:
    """Replay an iteration."""
    engine = get_engine("combat")
    return engine.replay(engine.prepare(document), SEED, iteration)


def test_a_replayed_iteration_is_the_one_that_was_simulated() -> None:
    """Keeping a log changes nothing, and the damage of its lines is that of the result."""
    result = run(fight(), seed=SEED, first=3)

    found = replay(fight())

    assert found.metrics == result["metrics"]
    dealt = sum(line.about.get("damage_milli", 0) for line in found.lines)
    assert dealt == result["counters"]["fight.damage_milli"]


@pytest.mark.parametrize(
    ("event", "counter"),
    [("cast", ".casts"), ("proc", ".procs"), ("apply", ".applications"), ("refresh", ".refreshes")],
)
def test_the_log_holds_what_is_counted(event: str, counter: str) -> None:
    """Casts, procs and auras stand in it as often as the result counts them."""
    counted = run(fight(), seed=SEED, first=3)["counters"]
    expected = [
        value
        for name, value in counted.items()
        if name.endswith(counter) and not name.startswith("target.")
    ]

    lines = [line for line in replay(fight()).lines if line.event == event]

    assert len(lines) == sum(expected)


def test_the_log_is_in_order() -> None:
    """No line is earlier than the one before it."""
    moments = [line.ms for line in replay(fight()).lines]

    assert moments == sorted(moments)
    assert moments[-1] <= 60_000


def test_a_log_without_room_is_kept_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many records there are, none is missing."""
    whole = replay(fight()).lines
    monkeypatch.setattr(journal, "USUAL_RECORDS", 5)

    assert replay(fight()).lines == whole


def test_a_log_reads_as_sentences() -> None:
    """Casts name their line of the rotation, hits their target and damage."""
    document = config(
        4000,
        resources={"mana": {"maximum": 100, "per_second": 1}},
        abilities={
            "bolt": {
                "cast_ms": 1500,
                "cost": {"mana": 20},
                "effects": [strike(), {"apply": {"aura": "burn"}}],
            }
        },
        auras={
            "burn": {
                "on": "target",
                "duration_ms": 2000,
                "tick": {"period_ms": 1000, "effects": [strike(0.5)]},
            }
        },
        rotation=[{"cast": "bolt"}],
    )

    told = [(line.ms, line.text) for line in replay(document).lines]

    assert told[:9] == [
        (0, "Player arrives"),
        (0, "begins Bolt (1.500 s) [actions.0.bolt]"),
        (1500, "spends 20 Mana (now 80)"),
        (1500, "casts Bolt"),
        (1500, "Bolt hits target 1 for 1,000"),
        (1500, "Burn on target 1 begins (1 stack, until 3.500)"),
        (1500, "begins Bolt (1.500 s) [actions.0.bolt]"),
        (2500, "Burn ticks on target 1 for 500"),
        (3000, "spends 20 Mana (now 61.5)"),
    ]


def test_an_aura_without_an_end_tells_none() -> None:
    """What lasts to the end of the fight is not up until a certain moment."""
    form = {"form": {"effects": [{"apply": {"aura": "form"}}], "cooldown": {"ms": 60_000}}}
    document = config(
        3000, abilities=form, auras={"form": {"on": "player"}}, rotation=[{"cast": "form"}]
    )

    line = next(line for line in replay(document).lines if line.event == "apply")

    assert line.text == "Form begins (1 stack)"
    assert line.about == {"name": "form", "stacks": 1}


def test_a_line_of_the_log_is_an_object_for_programs() -> None:
    """It says who did what to whom, and how much."""
    pet = {"permanent": True, "swing": {"name": "bite", "period_ms": 9000, "effects": [strike()]}}
    document = config(3000, pets={"wolf": {**pet, "inherits": {"attack_power": 1}}})

    line = next(line for line in replay(document).lines if line.event == "hit")

    assert line.text == "Wolf: Bite hits target 1 for 1,000"
    assert line.about == {
        "name": "bite",
        "by": "wolf",
        "target": 1,
        "damage_milli": 1_000_000,
        "crit": False,
    }


def test_a_channel_tells_its_ticks() -> None:
    """Its beginning says how many there are to be, and its end how many there were."""
    effects = {"period_ms": 1000, "ticks": 3, "effects": [strike()]}
    drain = {"drain": {"effects": [], "channel": effects, "cooldown": {"ms": 60_000}}}

    lines = replay(config(5000, abilities=drain, rotation=[{"cast": "drain"}])).lines
    told = [line.text for line in lines]

    assert told[1:] == [
        "casts Drain [actions.0.drain]",
        "channels Drain (3 ticks, every 1.000 s)",
        *["Drain ticks on target 1 for 1,000"] * 3,
        "ends Drain (3 of 3 ticks)",
    ]


def test_what_is_no_cast_is_told_by_its_line() -> None:
    """A line that waits or breaks off a cast stands in the log by its name."""
    document = config(
        3000,
        abilities={"bolt": {"cast_ms": 2000, "effects": [strike()]}},
        rotation=[
            {"cancel_cast": True, "if": {">": ["combat.time", 1]}, "while_casting": True},
            {"cast": "bolt"},
        ],
    )

    told = [(line.event, line.text) for line in replay(document).lines][1:4]

    assert told == [
        ("cast_start", "begins Bolt (2.000 s) [actions.1.bolt]"),
        ("line", "follows actions.0.cancel_cast"),
        ("cast_cut", "breaks off Bolt"),
    ]
