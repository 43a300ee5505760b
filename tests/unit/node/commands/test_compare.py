"""`sim --compare` and `sim --stat-weights`."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from node.commands.sim import COMMAND
from node.errors import ConfigurationError
from tests.unit.node import engines

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.node.terminal import Shell

STATS = {"agility": 100, "haste_rating": 50}


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> engines.CountingEngine:
    """The engine that commands use."""
    return engines.install(monkeypatch)


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    """Two files that hold configs."""
    paths = [tmp_path / name for name in ("old.json", "new.json")]
    document = engines.CONFIG | {"profile": {}, "player": {"stats": STATS}}
    for path in paths:
        path.write_text(json.dumps(document), encoding="utf-8")
    return [str(path) for path in paths]


def compared(shell: Shell, sources: list[str], **values: Any) -> Any:
    """Compare two configs, for a program."""
    values = {"source": sources, "compare": True, "iterations": 50, **values}
    return shell.call(COMMAND, values, as_json=True).json


def test_a_comparison_for_programs(shell: Shell, sources: list[str]) -> None:
    """Each config has its statistics and digest, and each but the first its difference."""
    document = compared(shell, sources)

    assert [one["config"] for one in document["configs"]] == sources
    assert document["configs"][0]["metrics"]["dps"]["mean"] == 25.5
    assert document["configs"][0]["digest"] == document["configs"][1]["digest"]
    (difference,) = document["differences"]
    assert (difference["config"], difference["baseline"]) == (sources[1], sources[0])
    assert (difference["mean"], difference["significant"]) == (0.0, False)


def test_a_comparison_for_a_player(shell: Shell, sources: list[str]) -> None:
    """Names, means, the difference and a verdict."""
    outcome = shell.call(COMMAND, {"source": sources, "compare": True, "iterations": 50})

    assert "old.json" in outcome.out
    assert "the same" in outcome.out
    assert "50 fights each" in outcome.out


def test_a_comparison_for_a_spreadsheet(shell: Shell, sources: list[str]) -> None:
    """One line for each difference."""
    values = {"source": sources, "compare": True, "iterations": 50, "csv": True}
    header, row = csv.reader(io.StringIO(shell.call(COMMAND, values).out))

    assert header[:3] == ["config", "baseline", "mean"]
    assert row[:3] == [sources[1], sources[0], "0.0"]


def test_one_config_is_not_a_comparison(shell: Shell, sources: list[str]) -> None:
    """A comparison needs two, and a simulation takes one."""
    with pytest.raises(ConfigurationError, match="two configs"):
        compared(shell, sources[:1])
    with pytest.raises(ConfigurationError, match="there are 2 configs"):
        shell.call(COMMAND, {"source": sources})


def test_two_forms_of_output_are_refused(shell: Shell, sources: list[str]) -> None:
    """JSON and CSV at once are neither."""
    with pytest.raises(ConfigurationError, match="choose one"):
        compared(shell, sources, csv=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"compare": True, "stat_weights": True}, "two questions"),
        ({"stats": ("agility",)}, "what --stat-weights weighs"),
    ],
)
def test_questions_that_do_not_go_together_are_refused(
    shell: Shell, sources: list[str], values: dict[str, Any], message: str
) -> None:
    """Nothing that was asked for is left out in silence."""
    with pytest.raises(ConfigurationError, match=message):
        shell.call(COMMAND, {"source": sources, **values})


def test_a_page_is_written_of_either(shell: Shell, sources: list[str], tmp_path: Path) -> None:
    """--html shows differences and weights with their intervals."""
    file = tmp_path / "page.html"
    values = {"source": sources, "iterations": 50, "html": file}
    shell.call(COMMAND, {**values, "compare": True})
    assert "Difference of DPS from old.json" in file.read_text(encoding="utf-8")
    shell.call(COMMAND, {**values, "source": sources[:1], "stat_weights": True})
    assert "<h1>Stat weights</h1>" in file.read_text(encoding="utf-8")


def test_stat_weights_for_programs(shell: Shell, sources: list[str]) -> None:
    """Every stat has a weight with its error, measured by the best attribute if one counts."""
    values = {"source": sources[:1], "stat_weights": True, "iterations": 50}
    document = shell.call(COMMAND, values, as_json=True).json

    assert {one["stat"] for one in document["weights"]} == STATS.keys()
    assert document["relative_to"] is None
    assert {one["mean"] for one in document["weights"]} == {0.0}
    table = shell.call(COMMAND, values).out
    assert "Agility" in table
    assert "the same" in table  # it is no matter of luck that nothing comes of a stat


def test_only_chosen_stats_are_weighed(shell: Shell, sources: list[str]) -> None:
    """--stats names them."""
    values = {"source": sources[:1], "stat_weights": True, "iterations": 50, "csv": True}
    rows = list(csv.reader(io.StringIO(shell.call(COMMAND, values | {"stats": ("agility",)}).out)))

    assert [row[0] for row in rows] == ["stat", "agility"]
