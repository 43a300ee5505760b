"""`validate` says what is wrong with a document, and where."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from node.commands.validate import COMMAND
from node.engine.configs import SPECS, default_config
from node.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.node.terminal import Shell

SHOT = {"cast": "kill_shot"}


def written(path: Path, document: Any) -> str:
    """Write a document, and give where."""
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return str(path)


def test_a_built_in_config_is_valid(shell: Shell) -> None:
    """Every document that ships passes, and the exit code is 0."""
    outcome = shell.call(COMMAND, {"source": "modern/beast_mastery"})

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == "modern/beast_mastery is a config, valid\n"


@pytest.mark.parametrize(
    ("name", "kind"), [("beast_mastery.json", "spec"), ("beast_mastery.rotation.json", "rotation")]
)
def test_specs_and_rotations_are_told_apart(shell: Shell, name: str, kind: str) -> None:
    """A spec takes the profile and rotation beside it, a rotation the spec beside it."""
    outcome = shell.call(COMMAND, {"source": str(SPECS / "modern" / name)}, as_json=True)

    assert outcome.code == 0
    assert outcome.json == {"valid": True, "kind": kind, "problems": []}


def test_errors_point_into_the_file(shell: Shell, tmp_path: Path) -> None:
    """Each error has its place in the document that was given, and a hint."""
    rotation = {"name": "x", "actions": [{"cast": "kill_shott"}, {**SHOT, "if": "combat.tim"}]}
    outcome = shell.call(COMMAND, {"source": written(tmp_path / "r.json", rotation)})

    assert outcome.code == 1
    assert outcome.out.splitlines() == [
        "error /actions/0/cast: there is no ability 'kill_shott' (did you mean 'kill_shot'?)",
        "error /actions/1/if: there is no operand 'combat.tim' (did you mean 'time'?)",
        f"{tmp_path / 'r.json'} is a rotation for modern/beast_mastery, not valid: 2 errors",
    ]


def test_errors_of_a_spec_point_into_the_file(shell: Shell, tmp_path: Path) -> None:
    """What is a part of a config is named as the spec names it."""
    spec = json.loads((SPECS / "modern" / "beast_mastery.json").read_text("utf-8"))
    spec["default_player"]["stats"]["speed"] = 1
    spec["abilities"]["kill_shot"]["cast_ms"] = -1

    outcome = shell.call(COMMAND, {"source": written(tmp_path / "s.json", spec)}, as_json=True)

    assert outcome.code == 1
    assert outcome.json["kind"] == "spec"
    assert {problem["pointer"] for problem in outcome.json["problems"]} == {
        "/default_player/stats/speed",
        "/abilities/kill_shot/cast_ms",
    }


def test_warnings_do_not_refuse(shell: Shell, tmp_path: Path) -> None:
    """What is probably not meant is told, and the exit code is still 0."""
    rotation = {
        "name": "x",
        "actions": [{**SHOT, "if": {"and": [{">": [2, 1]}, "gcd.active"]}}],
        "variables": {"used_by_none": 1, "alone": "used_by_none"},
        "lists": {"spare": [SHOT]},
    }
    config = {**default_config(), "rotation": rotation}

    outcome = shell.call(COMMAND, {"source": written(tmp_path / "c.json", config)}, as_json=True)

    assert outcome.code == 0
    assert outcome.json["valid"] is True
    found = {problem["pointer"]: problem for problem in outcome.json["problems"]}
    assert {pointer: one["message"] for pointer, one in found.items()} == {
        "/rotation/actions/0/if/and/0": "this is always true",
        "/rotation/variables/used_by_none": "the variable 'used_by_none' is never used",
        "/rotation/variables/alone": "the variable 'alone' is never used",
        "/rotation/lists/spare": "the list 'spare' is never called",
    }
    assert {problem["severity"] for problem in found.values()} == {"warning"}


def test_what_is_not_json_is_one_problem(shell: Shell, tmp_path: Path) -> None:
    """Nothing else is said of what could not be read."""
    values = {"source": written(tmp_path / "x.json", '{"a":')}

    assert len(shell.call(COMMAND, values, as_json=True).json["problems"]) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "error /: the file is not JSON: Expecting property name"),
        ('{"actions": NaN}', "error /: the file is not JSON: NaN is not a number of JSON"),
        ("[" * 100_000, "error /: the file is not JSON: it is nested deeper than 500 levels"),
        ("[]", "error /: a document is an object"),
        (
            '{"name": "x", "actions": [{"cast": "kill_shot", "cast": "cobra_shot"}]}',
            "error /actions/0/cast: 'cast' stands twice (give each a name of its own)",
        ),
    ],
)
def test_what_json_readers_pass_over_is_found(
    shell: Shell, tmp_path: Path, text: str, line: str
) -> None:
    """A name that stands twice, a number that is none and a bottomless list are errors."""
    outcome = shell.call(COMMAND, {"source": written(tmp_path / "x.json", text)})

    assert outcome.code == 1
    assert outcome.out.startswith(line)


def test_the_schema_and_the_reference_can_be_had(shell: Shell) -> None:
    """What is published of the documents is written as it is."""
    schema = shell.call(COMMAND, {"show": "rotation-schema"})
    page = shell.call(COMMAND, {"show": "reference"})

    assert schema.json["title"] == "A rotation of the combat engine"
    assert page.out.startswith("# Reference of the combat engine")


def test_nothing_to_check_is_wrong_usage(shell: Shell) -> None:
    """Without a file, and without anything to show, there is nothing to do."""
    with pytest.raises(ConfigurationError, match="no document to check"):
        shell.call(COMMAND)


def test_a_file_that_is_not_there_is_wrong_usage(shell: Shell, tmp_path: Path) -> None:
    """The error names what is built in."""
    with pytest.raises(ConfigurationError, match="there is no file") as error:
        shell.call(COMMAND, {"source": str(tmp_path / "none.json")})

    assert "modern/beast_mastery" in (error.value.advice or "")
