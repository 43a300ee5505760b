"""`python -m node` as a whole: exit codes, and how failures are said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from node import commands
from node.cli import main
from node.commands.command import Command, Context
from node.errors import (
    CommandError,
    ConfigurationError,
    NodeError,
    PoolRefusalError,
    PoolUnavailableError,
    SignInError,
)
from node.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment that touches nothing of the user."""
    return {
        "SIMPOOL_CONFIG": str(tmp_path / "node.toml"),
        "SIMPOOL_DATA_DIR": str(tmp_path / "data"),
    }


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Context], int]], None]:
    """Puts a function in the place of what `status` does."""

    def replace(run: Callable[[Context], int]) -> None:
        command = Command(name="status", summary="a test", run=run, examples=())
        monkeypatch.setattr(commands, "load", lambda _: command)

    return replace


def raising(error: BaseException) -> Callable[[Context], int]:
    """A command that fails."""

    def run(_: Context) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError("broken"), 1),
        (PoolRefusalError("no", status=409, code="CONFLICT"), 1),
        (ConfigurationError("wrong"), 2),
        (PoolUnavailableError("gone"), 3),
        (SignInError("who?"), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_failure_has_its_exit_code(
    error: BaseException,
    code: int,
    environ: dict[str, str],
    replaced: Callable[[Callable[[Context], int]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A script can tell from the exit code what went wrong, and nothing is on standard output."""
    replaced(raising(error))
    assert main(["status"], environ) == code
    assert not capsys.readouterr().out


def test_a_failure_is_one_line_and_advice(
    environ: dict[str, str],
    replaced: Callable[[Callable[[Context], int]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """People read what went wrong and what to do, and no trace; brackets are left alone."""
    replaced(raising(NodeError("it [broke]", advice="Repair it.")))
    assert main(["status"], environ) == 1
    assert capsys.readouterr().err == "error: it [broke]\nRepair it.\n"


def test_a_refusal_names_each_field(
    environ: dict[str, str],
    replaced: Callable[[Callable[[Context], int]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What the pool says of single fields is shown, however it is nested."""
    replaced(raising(PoolRefusalError("Not valid.", details={"body.name": "is missing", "n": 3})))
    main(["status"], environ)
    assert capsys.readouterr().err == "error: Not valid.\n  body.name: is missing\n"
    replaced(raising(PoolRefusalError("Not valid.", details={"fields": {"seed": "is negative"}})))
    main(["status"], environ)
    assert capsys.readouterr().err == "error: Not valid.\n  seed: is negative\n"


def test_a_defect_is_one_line_too(
    environ: dict[str, str],
    replaced: Callable[[Callable[[Context], int]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What nobody foresaw is told without a trace, and asks to be reported."""
    replaced(raising(ZeroDivisionError("division by zero")))
    assert main(["status"], environ) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: ZeroDivisionError: division by zero"
    assert "report it" in lines[1]
    assert len(lines) == 2


def test_verbose_shows_the_trace(
    environ: dict[str, str],
    replaced: Callable[[Callable[[Context], int]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """--verbose shows where the failure comes from."""
    replaced(raising(NodeError("it broke")))
    main(["status", "--verbose"], environ)
    assert "Traceback" in capsys.readouterr().err


def test_json_failures_are_json(
    environ: dict[str, str],
    replaced: Callable[[Callable[[Context], int]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Programs read a failure in the shape of every error of the pool."""
    replaced(raising(PoolRefusalError("no", status=409, code="CONFLICT", details={"id": "x"})))
    assert main(["status", "--json"], environ) == 1
    assert json.loads(capsys.readouterr().err) == {
        "success": False,
        "error": "no",
        "code": "CONFLICT",
        "details": {"id": "x"},
    }


def test_a_reader_that_has_seen_enough_is_no_failure(environ: dict[str, str]) -> None:
    """`python -m node jobs | head -1` ends quietly."""
    with subprocess.Popen(
        [sys.executable, "-m", "node", "--help"],
        env={**os.environ, **environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_the_exit_code_of_the_command_is_returned(
    environ: dict[str, str],
    replaced: Callable[[Callable[[Context], int]], None],
) -> None:
    """What the command returns is what the process returns."""
    replaced(lambda _: 7)
    assert main(["status"], environ) == 7


def test_notices_are_said_once_and_not_to_programs(
    environ: dict[str, str],
    replaced: Callable[[Callable[[Context], int]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A stray variable is reported to people on standard error."""
    replaced(lambda _: 0)
    main(["status"], {**environ, "SIMPOOL_POL": "x"})
    assert "SIMPOOL_POL is not a setting" in capsys.readouterr().err
    main(["status", "--json"], {**environ, "SIMPOOL_POL": "x"})
    assert not capsys.readouterr().err


@pytest.mark.parametrize("words", [["--version"], ["status", "--version"]])
def test_the_version_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints the version and succeeds."""
    assert main(words, {}) == 0
    assert capsys.readouterr().out == f"simpool {VERSION}\n"


def test_help_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    """--help prints to standard output and succeeds."""
    assert main(["--help"], {}) == 0
    assert "commands:" in capsys.readouterr().out


def test_wrong_settings_are_wrong_usage(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong setting ends with exit code 2 before anything is done."""
    assert main(["status", "--pool", "nowhere"], environ) == 2
    assert "flag --pool: pool is 'nowhere'" in capsys.readouterr().err


def test_the_version_is_that_of_the_package() -> None:
    """The node tells the pool the version that the package has."""
    project = Path(__file__).parents[3] / "pyproject.toml"
    document = tomllib.loads(project.read_text(encoding="utf-8"))
    assert document["project"]["version"] == VERSION
