"""`import-simc`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from node import commands
from node.commands import import_simc
from node.engine import get_engine
from node.errors import ConfigurationError

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell

PROFILES = Path(__file__).parents[1] / "profiles"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands write into a directory of their own, and keep the kernels of all tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(import_simc, "load_engine", lambda *_: get_engine("combat"))


def values(name: str, **more: object) -> dict[str, object]:
    """The words of a call."""
    return {"file": str(PROFILES / f"{name}.simc"), "spec": "modern/beast_mastery", **more}


def test_a_config_is_written_and_told(shell: Shell, tmp_path: Path) -> None:
    """The file is named after the character; each line is said to be in it or not."""
    outcome = shell.call(import_simc.COMMAND, values("saved"))

    written = tmp_path / "tww2_hunter_beast_mastery.json"
    config = json.loads(written.read_text(encoding="utf-8"))
    assert config["player"]["stats"]["agility"] == 46_212
    assert get_engine("combat").validate(config) == []
    assert "/player/stats/agility" in outcome.out
    assert "flask=flask_of_alchemical_chaos_3" in outcome.out
    assert f"python -m node sim {written}" in outcome.out


def test_programs_are_told_in_json(shell: Shell, tmp_path: Path) -> None:
    """Where the config is, what is in it by place, and what is not by line."""
    target = tmp_path / "mine.json"
    told = shell.call(import_simc.COMMAND, values("mists", output=target), as_json=True).json

    assert told["config"] == str(target)
    assert told["spec"] == "modern/beast_mastery"
    assert told["player"] == json.loads(target.read_text(encoding="utf-8"))["player"]
    places = {one["place"]: one["text"] for one in told["mapped"]}
    assert places["/player/stats/agility"] == "# gear_agility=25821"
    reasons = {one["line"]: one["reason"] for one in told["unmapped"]}
    assert "choices by row" in reasons[8]


def test_a_file_is_not_overwritten_by_accident(shell: Shell, tmp_path: Path) -> None:
    """It has to be asked for."""
    target = tmp_path / "mine.json"
    target.write_text("mine", encoding="utf-8")

    with pytest.raises(ConfigurationError, match="is there already"):
        shell.call(import_simc.COMMAND, values("mists", output=target))
    assert target.read_text(encoding="utf-8") == "mine"

    shell.call(import_simc.COMMAND, values("mists", output=target, overwrite=True))
    assert json.loads(target.read_text(encoding="utf-8"))["player"]["level"] == 90


@pytest.mark.parametrize("content", [b"\xff\xfe", None, b" " * 4_000_001])
def test_what_cannot_be_read_is_refused(
    shell: Shell, tmp_path: Path, content: bytes | None
) -> None:
    """No text, no file, too much."""
    source = tmp_path / "bad.simc"
    if content is not None:
        source.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"bad\.simc"):
        shell.call(import_simc.COMMAND, {"file": str(source)})


def test_a_place_that_cannot_be_written_is_refused(shell: Shell, tmp_path: Path) -> None:
    """A directory that is not there."""
    with pytest.raises(ConfigurationError, match="cannot be written"):
        shell.call(import_simc.COMMAND, values("mists", output=tmp_path / "no" / "a.json"))


def test_the_command_has_its_name() -> None:
    """It is found by the word with a hyphen."""
    assert commands.load("import-simc") is import_simc.COMMAND
