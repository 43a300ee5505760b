"""`doctor`: check everything a node needs, and say what to fix."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from node.commands.command import Command, Context
from node.doctor import Finding, PoolExamination, check_engine, check_machine

if TYPE_CHECKING:
    from node.doctor import Health

MARKS: dict[Health, tuple[str, str]] = {
    "ok": ("ok  ", "green"),
    "warn": ("warn", "yellow"),
    "fail": ("FAIL", "bold red"),
}


def run(context: Context) -> int:
    """Show each finding as it is made; 1 when any check fails."""
    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        findings.append(finding)
        if not context.as_json:
            context.out.print(_line(finding), soft_wrap=True)

    for finding in check_machine(context.settings):
        tell(finding)
    examination = PoolExamination(context.settings, context.transport, context.clock)
    asyncio.run(examination.run(tell))
    tell(check_engine(context.settings))
    failed = [finding.check for finding in findings if finding.health == "fail"]
    if context.as_json:
        context.print_json({"ok": not failed, "checks": [asdict(one) for one in findings]})
    elif failed:
        context.out.print(f"\nTo fix: {', '.join(failed)}.")
    else:
        context.out.print("\nThis machine can be a node of the pool.")
    return 1 if failed else 0


def _line(finding: Finding) -> Text:
    mark, color = MARKS[finding.health]
    line = Text.assemble((mark, color), f"  {finding.check:<16}", finding.found)
    if finding.fix and finding.health != "ok":
        line.append(f"\n{'':<22}{finding.fix}", style="dim")
    return line


COMMAND = Command(
    name="doctor",
    summary="check everything a node needs, and say what to fix",
    run=run,
    examples=(
        "doctor",
        "doctor --pool https://abc.supabase.co --key sb_publishable_...",
        "doctor --json",
    ),
    settings=("access_token", "max_parallel", "request_timeout"),
)
