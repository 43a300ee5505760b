"""The command line: runs one command and turns its failures into exit codes."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from node import commands
from node.arguments import JSON, VERBOSE, command_parser, read_call, split_command, top_parser
from node.commands.command import Context
from node.errors import ConfigurationError, NodeError, PoolRefusalError
from node.options import TRUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from node.options import Option

OK, INTERRUPTED = 0, 130


class DefectError(NodeError):
    """A failure that nobody foresaw."""

    default_advice = "This is a defect of Simpool: please report it with what --verbose shows."

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    environ = os.environ if environ is None else environ
    try:
        return _run(words, environ)
    except SystemExit:  # argparse has shown the help or the version
        return OK
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough, and Python would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except NodeError as error:
        _report(error, words, environ)
        return error.exit_code
    except Exception as error:  # noqa: BLE001  # a defect is told in one line like any failure
        _report(DefectError(error), words, environ)
        return DefectError.exit_code


def _run(words: list[str], environ: Mapping[str, str]) -> int:
    name, rest = split_command(words)
    if name is None:
        top_parser().parse_args(rest)
        return OK
    command = commands.load(name)
    flags = vars(command_parser(command).parse_intermixed_args(rest))
    settings, values = read_call(command, flags, environ)
    context = Context(
        settings=settings,
        values=values,
        as_json=values[JSON.key],
        verbose=values[VERBOSE.key],
        out=Console(highlight=False),
        err=Console(highlight=False, stderr=True),
    )
    for notice in settings.notices:
        context.say(f"[yellow]note:[/] {escape(notice)}")
    return command.run(context)


def _report(error: NodeError, words: Sequence[str], environ: Mapping[str, str]) -> None:
    """Say on standard error what went wrong and what to do, as text or as a line of JSON."""
    if _is_on(JSON, words, environ):
        sys.stderr.write(json.dumps(_document(error), ensure_ascii=False) + "\n")
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if _is_on(VERBOSE, words, environ):
        console.print_exception()
    console.print(Text("error: ", style="bold red"), Text(str(error)), sep="")
    if isinstance(error, PoolRefusalError):
        for place, problem in _problems(error.details):
            console.print(Text(f"  {place}: {problem}"))
    if error.advice:
        console.print(Text(error.advice))


def _is_on(option: Option, words: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether a switch is on, so far as that can be told when the words could not be read."""
    is_given = option.flag in words or (option.short in words and option.short != "")
    return is_given or environ.get(option.variable, "").lower() in TRUE


def _problems(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the pool says of each field; what else it may tell is for programs."""
    fields = details.get("fields", details)
    if isinstance(fields, dict):
        yield from ((key, value) for key, value in fields.items() if isinstance(value, str))


def _document(error: NodeError) -> dict[str, object]:
    """The failure in the shape of every error of the pool."""
    document: dict[str, object] = {
        "success": False,
        "error": str(error),
        "code": "FAILED",
        "details": {},
    }
    if isinstance(error, PoolRefusalError):
        document |= {"code": error.code, "details": error.details}
    elif isinstance(error, ConfigurationError):
        document |= {"code": "INVALID_USAGE"}
    return document
