"""`validate`: say everything that is wrong with a document."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from node.checking import Checked, check_document
from node.commands.command import Argument, Command, Context
from node.commands.inputs import DEFAULT_CONFIG
from node.engine.configs import spec_names
from node.engine.publish import published
from node.errors import ConfigurationError
from node.options import Option, one_of

if TYPE_CHECKING:
    from node.engine import Problem

_PUBLISHED = {
    "config-schema": "schemas/config.schema.json",
    "rotation-schema": "schemas/rotation.schema.json",
    "reference": "REFERENCE.md",
}
_STYLES = {"error": "bold red", "warning": "yellow"}


def run(context: Context) -> int:
    """List the problems of a document; the exit code is 1 when there are errors."""
    if show := context.values["show"]:
        context.out.file.write(published()[_PUBLISHED[show]])
        return 0
    source = context.values["source"]
    if source is None:
        raise ConfigurationError("there is no document to check", advice="Name a file.")
    checked = check_document(source, context.values["against"])
    if context.as_json:
        context.print_json(
            {
                "valid": not checked.errors,
                "kind": checked.kind,
                "problems": [asdict(problem) for problem in checked.problems],
            }
        )
    else:
        _print(context, source, checked)
    return 1 if checked.errors else 0


def _print(context: Context, source: str, checked: Checked) -> None:
    for problem in checked.problems:
        context.out.print(_line(problem), soft_wrap=True)
    verdict = "not valid" if checked.errors else "valid"
    counts = [
        _counted(len(checked.errors), "error"),
        _counted(len(checked.warnings), "warning"),
    ]
    found = f": {', '.join(filter(None, counts))}" if any(counts) else ""
    kind = f"{checked.kind} for {checked.against}" if checked.against else checked.kind
    context.out.print(Text(f"{source} is a {kind}, {verdict}{found}"), soft_wrap=True)


def _line(problem: Problem) -> Text:
    return Text.assemble((problem.severity, _STYLES[problem.severity]), f" {problem}")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}" if count else ""


COMMAND = Command(
    name="validate",
    summary="say everything that is wrong with a config, a spec or a rotation",
    run=run,
    examples=(
        "validate my_hunter.json",
        "validate my_rotation.json --against modern/beast_mastery",
        "validate node/engine/specs/modern/beast_mastery.json --json",
        "validate --show rotation-schema",
    ),
    arguments=(
        Argument(
            key="source",
            metavar="FILE",
            help="a file of JSON, or a built-in config",
            optional=True,
        ),
    ),
    options=(
        Option(
            key="against",
            group="validate",
            read=one_of(*spec_names()),
            wanted=f"one of {', '.join(spec_names())}",
            default=DEFAULT_CONFIG,
            help="the built-in config that a rotation is for, where no spec lies beside it",
            metavar="CONFIG",
        ),
        Option(
            key="show",
            group="validate",
            read=one_of(*_PUBLISHED),
            wanted=f"one of {', '.join(_PUBLISHED)}",
            help="write the JSON Schema of configs or of rotations, or the reference of both",
            metavar="WHAT",
        ),
    ),
)
