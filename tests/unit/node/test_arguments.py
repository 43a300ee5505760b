"""The words of the command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from node import commands
from node.arguments import command_parser, read_call, split_command, top_parser
from node.commands.command import Argument, Command
from node.config import BY_KEY
from node.errors import ConfigurationError
from node.options import Option, switch, whole

if TYPE_CHECKING:
    from pathlib import Path

    from node.commands.command import Context


def nothing(_: Context) -> int:
    """Do nothing."""
    return 0


SEND = Command(
    name="submit",
    summary="send something",
    run=nothing,
    examples=("submit --iterations 5",),
    settings=("access_token",),
    arguments=(Argument(key="source", metavar="CONFIG", help="what to send", optional=True),),
    options=(
        Option(
            key="iterations",
            short="-n",
            group="submit",
            read=whole(1, 10),
            wanted="a number from 1 to 10",
            default=3,
            help="how many, 100 % of them",
            metavar="N",
        ),
        Option(
            key="wait",
            group="submit",
            read=switch,
            wanted="yes or no",
            default=False,
            help="wait for it",
        ),
    ),
)


@pytest.mark.parametrize(
    ("words", "name", "rest"),
    [
        ([], "run", []),
        (["--max-parallel", "2"], "run", ["--max-parallel", "2"]),
        (["-v"], "run", ["-v"]),
        (["status"], "status", []),
        (["status", "--json"], "status", ["--json"]),
        (["--json", "status"], "status", ["--json"]),
        (["-v", "--pool", "http://x", "jobs", "3f"], "jobs", ["-v", "--pool", "http://x", "3f"]),
        (["--pool=http://x", "jobs"], "jobs", ["--pool=http://x"]),
        (["--config", "status", "run"], "run", ["--config", "status"]),
        (["--help"], None, ["--help"]),
        (["--version"], None, ["--version"]),
        (["claim", "--help"], "claim", ["--help"]),
    ],
)
def test_the_command_is_found(words: list[str], name: str | None, rest: list[str]) -> None:
    """The command is `run` unless named, and shared flags may stand before it."""
    assert split_command(words) == (name, rest)


def test_an_unknown_command_is_guessed() -> None:
    """A mistyped command is answered with the likely one."""
    with pytest.raises(ConfigurationError, match=r"no command 'sumbit' \(did you mean submit\?\)"):
        split_command(["sumbit"])


def test_the_help_lists_each_command() -> None:
    """`--help` shows every command, examples and the exit codes."""
    text = top_parser().format_help()
    for name, summary in commands.SUMMARIES.items():
        assert re.search(rf"^  {name} +{re.escape(summary)}$", text, re.MULTILINE)
    assert "examples:" in text
    assert "exit codes:" in text


@pytest.mark.parametrize("name", commands.SUMMARIES)
def test_each_flag_shows_its_variable(name: str) -> None:
    """The help of every command names the environment variable of each of its flags."""
    command = commands.load(name)
    assert command.name == name
    text = " ".join(command_parser(command).format_help().split())
    own = [*command.options, *(BY_KEY[key] for key in command.settings)]
    for option in own:
        assert option.flag in text
        assert f"[{option.variable}]" in text
    assert "SIMPOOL_CONFIG" in text
    assert "examples: " in text


@pytest.mark.parametrize("name", commands.SUMMARIES)
def test_no_two_options_share_a_variable(name: str) -> None:
    """A variable means one thing within a command."""
    command = commands.load(name)
    variables = [one.variable for one in command.options]
    variables += [BY_KEY[key].variable for key in command.settings]
    assert len(variables) == len(set(variables))


def test_own_options_come_from_flags_then_variables_then_defaults() -> None:
    """A command's options follow the order of precedence of the settings."""
    environ = {"SIMPOOL_SUBMIT_ITERATIONS": "4", "SIMPOOL_SUBMIT_WAIT": "yes"}
    flags = vars(command_parser(SEND).parse_args(["-n", "5", "file.json"]))
    _, values = read_call(SEND, flags, environ)
    assert values["iterations"] == 5
    assert values["wait"] is True
    assert values["source"] == "file.json"
    assert read_call(SEND, {}, environ)[1]["iterations"] == 4
    assert read_call(SEND, {}, {})[1] == {
        "iterations": 3,
        "wait": False,
        "json": False,
        "verbose": False,
        "source": None,
    }


def test_a_wrong_option_names_its_variable() -> None:
    """A wrong value of a command's option says where it came from."""
    with pytest.raises(ConfigurationError, match="variable SIMPOOL_SUBMIT_ITERATIONS: iterations"):
        read_call(SEND, {}, {"SIMPOOL_SUBMIT_ITERATIONS": "11"})


def test_settings_of_the_command_reach_the_settings() -> None:
    """A setting given as a flag of the command is in force."""
    flags = vars(command_parser(SEND).parse_args(["--pool", "http://x", "--access-token", "t"]))
    settings, _ = read_call(SEND, flags, {})
    assert (settings.url, settings.access_token) == ("http://x", "t")


def test_variables_of_other_commands_are_no_strays(tmp_path: Path) -> None:
    """What is meant for another command is not reported; what is meant for none is."""
    environ = {
        "SIMPOOL_CONFIG": str(tmp_path / "none.toml"),
        "SIMPOOL_LOGIN_EMAIL": "me@example.org",
        "SIMPOOL_SUBMIT_WAIT": "1",
        "SIMPOOL_SUBMIT_SPEED": "1",
    }
    settings, _ = read_call(SEND, {}, environ)
    assert [notice.split()[0] for notice in settings.notices] == ["SIMPOOL_SUBMIT_SPEED"]


def test_wrong_usage_points_at_the_help() -> None:
    """An unknown flag is an error with exit code 2 that says where the help is."""
    with pytest.raises(ConfigurationError) as caught:
        command_parser(SEND).parse_args(["--iteration", "5"])
    assert caught.value.advice == "See python -m node submit --help."
