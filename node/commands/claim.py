"""`claim`: make a node yours with the code it shows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from node.commands.command import Argument, Command, Context, signed_in
from node.config import MAX_NAME_LENGTH, MAX_WORKERS
from node.errors import CommandError, ConfigurationError
from node.glyphs import GLYPHS
from node.options import Option, printable, switch, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE_LENGTH = 6


def run(context: Context) -> int:
    """Show what the code stands for, then claim it."""
    return asyncio.run(_claim(context))


async def _claim(context: Context) -> int:
    code = _code(context.values["code"])
    async with signed_in(context) as client:
        found = await client.handler("GET", "claim", query={"code": code})
        if not context.as_json:
            context.err.print(_about(found))
        if not _agreed(context):
            raise CommandError("nothing is claimed")
        body = {
            "code": code,
            "name": context.values["name"],
            "maxParallel": context.values["max_parallel"],
        }
        node = await client.handler(
            "POST", "claim", body={key: value for key, value in body.items() if value is not None}
        )
    if context.as_json:
        context.print_json(node)
    else:
        context.out.print(
            f"[bold green]The node {escape(str(node.get('name') or code))} is yours.[/]"
        )
        context.say("It starts by itself. See your nodes with: python -m node status")
    return 0


def _code(typed: str) -> str:
    """The code as the pool knows it, however it was typed."""
    code = "".join(character for character in typed.upper() if character.isalnum())
    if len(code) != CODE_LENGTH or not set(code) <= set(GLYPHS):
        raise ConfigurationError(
            f"{typed!r} is not a claim code",
            advice="It is the six letters and digits that the node shows; I, O, 0 and 1 are never "
            "among them.",
        )
    return code


def _about(node: Mapping[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    rows = {
        "name": node.get("name"),
        "platform": node.get("platform"),
        "processor": _processor(node.get("hardware") or {}),
        "cores": node.get("totalCores"),
        "workers": node.get("maxParallel"),
    }
    for label, value in rows.items():
        if value not in {None, ""}:
            table.add_row(f"[dim]{label}[/]", escape(str(value)))
    return table


def _processor(hardware: Mapping[str, Any]) -> str:
    memory = hardware.get("ram_total_gb")
    names = [str(cpu.get("name", "")) for cpu in hardware.get("cpus") or []]
    return ", ".join([*names, *([f"{memory:g} GB"] if memory else [])])


def _agreed(context: Context) -> bool:
    """Ask only a person, and only where one can answer."""
    if context.as_json or context.values["yes"] or not context.stdin.isatty():
        return True
    answer = context.err.input("Is this your machine? [Y/n] ")
    return answer.strip().lower() in {"", "y", "yes"}


COMMAND = Command(
    name="claim",
    summary="make a node yours, with the code it shows",
    run=run,
    examples=("claim K7WQ2M", "claim K7WQ2M --name desk --max-parallel 6"),
    settings=("access_token",),
    arguments=(
        Argument(key="code", metavar="CODE", help="the six characters that the node shows"),
    ),
    options=(
        Option(
            key="name",
            group="claim",
            read=printable(MAX_NAME_LENGTH),
            wanted=f"1 to {MAX_NAME_LENGTH} printable characters",
            help="name of the node (default: its hostname)",
            metavar="NAME",
        ),
        Option(
            key="max_parallel",
            group="claim",
            read=whole(0, MAX_WORKERS),
            wanted=f"a whole number from 0 to {MAX_WORKERS}",
            help="workers it may run (default: its fast cores)",
            metavar="N",
        ),
        Option(
            key="yes",
            short="-y",
            group="claim",
            read=switch,
            wanted="yes or no",
            default=False,
            help="do not ask whether it is the right machine",
        ),
    ),
)
