"""`sim` and `bench`."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from node.arguments import command_parser, read_call
from node.commands import bench, sim
from node.engine import ConfigError
from node.engine.results import digest
from node.errors import ConfigurationError
from tests.unit.node import engines

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.node.terminal import Shell


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> engines.CountingEngine:
    """The engine that commands use."""
    return engines.install(monkeypatch)


def test_a_simulation_is_reproducible(shell: Shell, engine: engines.CountingEngine) -> None:
    """The result, its mean in presented units and its digest are those of one run."""
    values = {
        "iterations": 101,
        "seed": 7,
        "workers": 3,
        "source": ["modern/beast_mastery"],
        "duration": 60.0,
        "targets": 2,
    }
    document = shell.call(sim.COMMAND, values, as_json=True).json
    expected = engine.run(engine.prepare(engines.CONFIG), 7, 0, 101, lambda: False)
    assert expected is not None
    assert document["result"] == expected
    assert document["digest"] == digest(expected)
    assert document["metrics"]["dps"]["mean"] == 57.0
    assert (document["seed"], document["workers"]) == (7, 3)
    assert document["speed"]["iterations"] == 101
    assert document["summary"]["sources"] == []
    assert engine.prepared[0][0]["duration_ms"] == 60_000
    assert engine.prepared[0][0]["target"]["count"] == 2


@pytest.mark.usefixtures("engine")
def test_a_player_reads_a_table(shell: Shell) -> None:
    """The table goes to standard output, everything else does not."""
    outcome = shell.call(sim.COMMAND, {"iterations": 50})
    assert "DPS" in outcome.out
    assert "digest " in outcome.out
    assert "seed 1" in outcome.err


@pytest.mark.usefixtures("engine")
def test_a_spreadsheet_reads_values(shell: Shell) -> None:
    """--csv writes one line for each figure and counter."""
    rows = list(
        csv.reader(io.StringIO(shell.call(sim.COMMAND, {"iterations": 50, "csv": True}).out))
    )
    assert rows[0] == ["kind", "name", "figure", "value"]
    assert ["counter", "ability.shot.casts", "count", "50"] in rows


@pytest.mark.usefixtures("engine")
def test_a_page_is_written_beside_the_table(shell: Shell, tmp_path: Path) -> None:
    """--html writes a page, and the rest stays as it is."""
    file = tmp_path / "report.html"
    outcome = shell.call(sim.COMMAND, {"iterations": 50, "html": file})
    assert "DPS" in outcome.out
    assert "report.html" in outcome.err
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.usefixtures("engine")
def test_a_page_needs_a_place(shell: Shell, tmp_path: Path) -> None:
    """Before anything is simulated, the directory is looked for, and the name is looked at."""
    with pytest.raises(ConfigurationError, match="no directory"):
        shell.call(sim.COMMAND, {"html": tmp_path / "none" / "report.html"})
    flags = vars(command_parser(sim.COMMAND).parse_args(["--html", "my_hunter.json"]))
    with pytest.raises(ConfigurationError, match=r"must be a file whose name ends in \.html"):
        read_call(sim.COMMAND, flags, {})


@pytest.mark.usefixtures("engine")
def test_a_bad_config_is_not_simulated(shell: Shell) -> None:
    """What the engine refuses is told, with the place in the config."""
    with pytest.raises(ConfigError, match="/duration_ms"):
        shell.call(sim.COMMAND, {"duration": 1.0})


@pytest.mark.usefixtures("engine")
def test_a_benchmark_measures_one_and_all(shell: Shell) -> None:
    """The speed of one worker, and of all together."""
    document = shell.call(bench.COMMAND, {"workers": 3}, as_json=True).json
    assert document["iterations_per_second_one_worker"] == 2000.0
    assert document["iterations_per_second_all_workers"] == 6000.0
    outcome = shell.call(bench.COMMAND, {"workers": 3})
    assert "6,000" in outcome.out
    assert "2,000" in outcome.out
