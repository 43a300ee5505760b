"""The words of the command line: which command is meant, its flags, and its help."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

from node import commands
from node.config import BY_KEY, Settings, load_settings
from node.errors import ConfigurationError
from node.options import (
    ENVIRONMENT_PREFIX,
    Option,
    from_environment,
    from_flags,
    path,
    read_given,
    suggestion,
    switch,
)
from node.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from node.commands.command import Argument, Command

PROGRAM = "python -m node"
EXAMPLES = """\
examples:
  python -m node                                run this machine as a node
  python -m node submit modern/beast_mastery --iterations 20000 --wait
  python -m node sim modern/beast_mastery       the same, on this machine alone
  python -m node COMMAND --help                 all about one command
"""
EXIT_CODES = """\
exit codes:
  0 done   1 failed   2 wrong usage or setting   3 the pool does not answer
  4 not signed in, or not allowed   130 interrupted
"""
EVERYWHERE = ("pool", "handlers", "key", "data_dir", "cache_dir")
CONFIG = Option(
    key="config",
    read=path,
    wanted="a file",
    help="settings file (default: node.toml in the configuration directory of the platform)",
    metavar="FILE",
)
JSON = Option(
    key="json", read=switch, wanted="yes or no", default=False, help="write JSON, for programs"
)
VERBOSE = Option(
    key="verbose",
    short="-v",
    read=switch,
    wanted="yes or no",
    default=False,
    help="say more, and show where an error comes from",
)
SHARED = (CONFIG, JSON, VERBOSE)


class Parser(argparse.ArgumentParser):
    """Reports wrong usage in the way all errors are reported."""

    def error(self, message: str) -> NoReturn:
        """Raise the message; the help is one flag away."""
        raise ConfigurationError(message, advice=f"See {self.prog} --help.")


def split_command(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The command that is meant and the words for it; None where only help is asked for.

    Flags that every command has may stand before the command.
    """
    place = _first_word(words)
    if place < len(words) and not words[place].startswith("-"):
        name = words[place]
        if name not in commands.SUMMARIES:
            hint = suggestion(name, commands.SUMMARIES)
            raise ConfigurationError(
                f"there is no command {name!r}{hint}", advice=f"See {PROGRAM} --help."
            )
        return name, [*words[:place], *words[place + 1 :]]
    if place < len(words) and words[place] in {"-h", "--help", "--version"}:
        return None, [words[place]]
    return commands.DEFAULT, list(words)


def _first_word(words: Sequence[str]) -> int:
    """The place of the first word that is neither a shared flag nor the value of one."""
    shared = [*SHARED, *(BY_KEY[key] for key in EVERYWHERE)]
    valued = {option.flag for option in shared if option.metavar}
    switches = {name for option in shared if not option.metavar for name in _names(option)}
    place = 0
    while place < len(words):
        flag, equals, _ = words[place].partition("=")
        if flag in valued:
            place += 1 if equals else 2
        elif flag in switches:
            place += 1
        else:
            break
    return place


def top_parser() -> Parser:
    """The parser behind `python -m node --help`."""
    width = max(map(len, commands.SUMMARIES))
    table = "\n".join(f"  {name:<{width}}  {text}" for name, text in commands.SUMMARIES.items())
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [COMMAND] [OPTIONS]",
        description="Run this machine as a node of a simulation pool, or send work to the pool.",
        epilog=f"commands:\n{table}\n\n{EXAMPLES}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"simpool {VERSION}")
    return parser


def command_parser(command: Command) -> Parser:
    """The parser of one command: its own options, then the settings, then what all share."""
    examples = "\n".join(f"  {PROGRAM} {line}" for line in command.examples)
    parser = Parser(
        prog=f"{PROGRAM} {command.name}",
        description=f"{command.summary[0].upper()}{command.summary[1:]}.",
        epilog=f"examples:\n{examples}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for argument in command.arguments:
        parser.add_argument(
            argument.key,
            metavar=argument.metavar,
            help=argument.help,
            nargs=_count_of(argument),
        )
    for option in command.options:
        add_option(parser, option)
    settings = parser.add_argument_group("settings (also in the settings file)")
    for key in (*command.settings, *EVERYWHERE):
        add_option(settings, BY_KEY[key])
    shared = parser.add_argument_group("all commands")
    for option in SHARED:
        add_option(shared, option)
    shared.add_argument("--version", action="version", version=f"simpool {VERSION}")
    return parser


def _count_of(argument: Argument) -> str | None:
    if argument.many:
        return "*"
    return "?" if argument.optional else None


def add_option(parser: argparse._ActionsContainer, option: Option) -> None:
    """Add a flag; its help names its environment variable and its default."""
    default = "" if option.default in {None, False} else f" (default: {option.default})"
    about = f"{option.help}{default} [{option.variable}]".replace("%", "%%")
    if option.metavar is None:
        parser.add_argument(
            *_names(option), dest=option.key, action="store_const", const=True, help=about
        )
    else:
        parser.add_argument(*_names(option), dest=option.key, metavar=option.metavar, help=about)


def _names(option: Option) -> tuple[str, ...]:
    return (option.short, option.flag) if option.short else (option.flag,)


def read_call(
    command: Command, flags: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[Settings, dict[str, Any]]:
    """The settings in force and the values of the command's own options and arguments."""
    own = {option.key: option for option in (*command.options, JSON, VERBOSE)}
    given = {**from_environment(own.values(), environ), **from_flags(own.values(), flags)}
    problems: list[str] = []
    values = {key: option.default for key, option in own.items()}
    values.update(read_given(own, given, problems))
    if problems:
        raise ConfigurationError("\n".join(problems))
    values.update({argument.key: flags.get(argument.key) for argument in command.arguments})
    taken = {"config", *EVERYWHERE, *command.settings}
    chosen = {key: value for key, value in flags.items() if key in taken}
    known = {option.variable for option in own.values()}
    return load_settings(chosen, _without_others(command, environ), known=known), values


def _without_others(command: Command, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment less the variables of other commands."""
    others = tuple(
        f"{ENVIRONMENT_PREFIX}{name.upper().replace('-', '_')}_"
        for name in commands.SUMMARIES
        if name != command.name
    )
    return {name: value for name, value in environ.items() if not name.startswith(others)}
