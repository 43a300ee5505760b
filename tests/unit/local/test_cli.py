"""The command line of the stand-in, as far as it needs no process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local import cli, record
from local.config import variable_of
from local.keys import PUBLISHABLE_KEY
from local.record import FILE

if TYPE_CHECKING:
    from pathlib import Path


def test_every_flag_names_its_environment_variable(capsys: pytest.CaptureFixture[str]) -> None:
    """The help says both ways to set a value."""
    with pytest.raises(SystemExit) as caught:
        cli.main(["up", "--help"], {})
    text = capsys.readouterr().out
    assert caught.value.code == 0
    assert [field for field in cli.FLAGS if variable_of(field) not in text] == []


@pytest.mark.parametrize("command", list(cli.COMMANDS))
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """The first line of its help is the fact about it."""
    with pytest.raises(SystemExit):
        cli.main([command, "--help"], {})
    run, _ = cli.COMMANDS[command]
    assert str(run.__doc__) in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["fly"], ["up", "--api-port", "many"], ["up", "--x"]])
def test_a_wrong_command_line_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Exit status 2, with the usage."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments, {})
    assert caught.value.code == 2
    assert "usage: python -m local" in capsys.readouterr().err


def test_a_wrong_variable_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1, and the message quotes the value."""
    assert cli.main(["status"], {"SIMPOOL_LOCAL_API_PORT": "many"}) == 1
    assert "'many' cannot be understood as api_port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        (["up"], {}, True),
        (["up", "--no-reload"], {}, False),
        (["up"], {"SIMPOOL_LOCAL_RELOAD": "no"}, False),
        (["up", "--reload"], {"SIMPOOL_LOCAL_RELOAD": "no"}, True),
    ],
)
def test_a_start_reloads_handlers_unless_told_otherwise(
    arguments: list[str],
    environ: dict[str, str],
    expected: bool,  # noqa: FBT001
) -> None:
    """`up` is for development."""
    settings = cli._settings(cli._parser().parse_args(arguments), environ)
    assert settings.reload is expected


def test_a_record_of_a_process_that_has_gone_is_no_stand_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After SIGKILL the record stays, and status knows better."""
    gone = {"pid": 2**22 + 1, "url": "http://127.0.0.1:1", "db_url": ""}
    (tmp_path / FILE).write_text(json.dumps(gone))
    assert cli.main(["status", "--json", "--data-dir", str(tmp_path)], {}) == cli.NOT_RUNNING
    assert json.loads(capsys.readouterr().out) == {"running": False}


def test_keys_are_shown_to_people_by_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each, aligned."""
    assert cli.main(["keys", "--data-dir", str(tmp_path)], {}) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["publishable", "key", PUBLISHABLE_KEY]
    assert len(lines) == 6


def test_a_second_interrupt_ends_a_command_quietly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit status 130, no traceback."""

    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(record, "read", interrupted)
    assert cli.main(["status", "--data-dir", str(tmp_path)], {}) == 130
