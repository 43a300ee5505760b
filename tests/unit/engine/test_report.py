"""A result is shown as a table that a player can read."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from node.engine import results
from node.report import result_table


def document() -> dict[str, Any]:
    """Build a result of two fights of 100 s."""
    return {
        **results.empty("combat", "1.2.3", "dps"),
        "iterations": 2,
        "metrics": {
            "dps": results.metric("milli", [1_000_000, 1_100_000], 0),
            "fight_length": results.metric("milli", [100_000, 100_000], 0),
        },
        "counters": {
            "fight.damage_milli": 210_000_000,
            "fight.length_ms": 200_000,
            "ability.cobra_shot.casts": 20,
            "ability.cobra_shot.hits": 20,
            "ability.cobra_shot.crits": 5,
            "ability.cobra_shot.ticks": 20,
            "ability.cobra_shot.crit_ticks": 5,
            "ability.cobra_shot.damage_milli": 70_000_000,
            "ability.never.damage_milli": 0,
            "ability.kill_command.casts": 10,
            "pet.wolf.kill_command.hits": 10,
            "pet.wolf.kill_command.crits": 4,
            "pet.wolf.kill_command.ticks": 0,
            "pet.wolf.kill_command.crit_ticks": 0,
            "pet.wolf.kill_command.damage_milli": 140_000_000,
            "pet.wolf.uptime_ms": 200_000,
            "pet.wolf.summons": 0,
            "proc.wild_call.attempts": 40,
            "proc.wild_call.procs": 8,
            "line.actions.0.kill_command.fired": 10,
            "line.actions.10.cobra_shot.fired": 10,
            "line.actions.9.cobra_shot.fired": 20,
            "target.1.ability.cobra_shot.damage_milli": 70_000_000,
            "target.1.pet.wolf.kill_command.damage_milli": 40_000_000,
            "target.rest.pet.wolf.kill_command.damage_milli": 100_000_000,
            "aura.frenzy.uptime_ms": 150_000,
            "aura.frenzy.stack_ms": 300_000,
            "aura.frenzy.applications": 4,
            "aura.frenzy.refreshes": 10,
            "aura.never.uptime_ms": 0,
            "resource.focus.gained_milli": 1_000_000,
            "resource.focus.spent_milli": 900_000,
            "resource.focus.overflow_milli": 20_000,
            "resource.focus.capped_ms": 10_000,
        },
        "extremes": {"ability.cobra_shot": {"min": 1_500_000, "max": 5_000_000}},
    }


def shown(*, terminal: bool = False, width: int = 80, **changes: Any) -> list[str]:
    """Render the result, 80 columns wide if nothing else is said."""
    result = document() | changes
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal)
    console.print(result_table(result, wide=width > 80))
    return file.getvalue().splitlines()


def row(name: str, width: int = 80) -> list[str]:
    """Give the cells of the row that begins with a name."""
    line = next(line for line in shown(width=width) if line.strip().startswith(name))
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_the_headline_has_mean_error_and_range() -> None:
    """DPS with its 95 % interval, minimum, median and maximum come first."""
    first, second, *_ = shown()

    assert first.startswith("DPS 1,050.0 ± 98.0 (9.33 %")
    assert "min 1,000.0" in second
    assert "max 1,100.0" in second


def test_a_single_fight_makes_nobody_sure() -> None:
    """There is nothing to tell an error by, so none is told."""
    first, *_ = shown(iterations=1, metrics={"dps": results.metric("milli", [1_000_000], 0)})

    assert first.rstrip() == "DPS 1,000.0 in a single fight"


def test_abilities_are_listed_by_their_share() -> None:
    """Share, DPS, casts, hits, average hit and crit rate stand beside each name."""
    names = [line.split("  ")[0].strip() for line in shown()]

    assert row("Kill Command") == [
        "Kill Command (Wolf)", "66.7 %", "700.0", "5.0", "5.0", "14,000", "40.0 %"
    ]  # fmt: skip
    assert row("Cobra Shot")[1:] == ["33.3 %", "350.0", "10.0", "20.0", "1,750", "25.0 %"]
    assert names.index("Kill Command (Wolf)") < names.index("Cobra Shot")
    assert not any("Never" in name for name in names)


def test_auras_and_resources_are_listed() -> None:
    """Uptime, stacks and counts per fight; gains, spending and waste."""
    assert row("Frenzy")[1:] == ["75.0 %", "2.00", "2.0", "5.0"]
    assert row("Focus")[1:] == ["500.0", "450.0", "10.0", "5.0 %"]


def test_a_wide_terminal_shows_more_of_each_ability() -> None:
    """Ticks, the least and the most at once, and misses have columns of their own."""
    assert row("Cobra Shot", 120)[1:] == [
        "33.3 %", "350.0", "10.0", "20.0", "1,750", "25.0 %", "10.0", "1,500", "5,000"
    ]  # fmt: skip
    assert "Missed" in "".join(shown(width=120))
    assert "Missed" not in "".join(shown())


def test_a_long_name_is_wrapped_and_no_number_is_cut() -> None:
    """On a narrow terminal names give way to figures."""
    text = "\n".join(shown(width=60))

    assert "…" not in text
    assert "40.0 %" in text


def test_pets_targets_and_procs_are_listed() -> None:
    """Pets with their damage, targets in their order, procs with their frequency."""
    assert row("Wolf")[1:] == ["66.7 %", "700.0", "100.0 %"]
    assert row("Target 1")[1:] == ["52.4 %", "550.0"]
    assert row("All others")[1:] == ["47.6 %", "500.0"]
    assert row("Wild Call")[1:] == ["20.0", "4.0", "2.40"]


def test_lines_of_the_rotation_are_in_its_order() -> None:
    """The ninth line comes before the tenth."""
    names = [line.split("  ")[0].strip() for line in shown()]
    lines = [name for name in names if name.startswith("actions.")]

    assert lines == [
        "actions.0.kill_command", "actions.9.cobra_shot", "actions.10.cobra_shot"
    ]  # fmt: skip
    assert row("actions.9")[1:] == ["10.0", "50.0 %"]


def test_the_last_line_says_what_was_simulated() -> None:
    """Fights, their length, which was the best and the worst, and the engine."""
    assert shown()[-1] == "2 fights of 100.0 s, best 1, worst 0, combat 1.2.3"


def test_it_fits_80_columns_and_is_plain_off_a_terminal() -> None:
    """No line is wider than 80 columns, and there are no control codes in a file."""
    assert max(map(len, shown())) <= 80
    assert "\x1b" not in "".join(shown())
    assert "\x1b" in "".join(shown(terminal=True))
