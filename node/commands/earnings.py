"""`earnings`: what your machines earned, in all and by day."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from node.amounts import duration
from node.commands.command import Command, Context, signed_in
from node.options import Option, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 3660  # days that the pool answers at once
SPANS = {
    "earnings_today": "today",
    "earnings_this_week": "this week",
    "earnings_this_month": "this month",
    "total_earnings": "ever",
}
COLUMNS = (
    "day (UTC)",
    "machine",
    "device",
    "results",
    "for results",
    "uptime",
    "for uptime",
    "all",
)
TEXTS = 3  # columns of words; the others are figures


def run(context: Context) -> int:
    """Show sums and the last days."""
    earned = asyncio.run(_earned(context))
    if context.as_json:
        context.print_json(earned)
    elif not earned["total_earnings"] and not earned["days"]:
        context.out.print("Your machines have not earned anything yet.")
        context.out.print("Run one with: python -m node, and claim it", style="dim")
    else:
        _show(context, earned)
    return 0


async def _earned(context: Context) -> dict[str, Any]:
    async with signed_in(context) as client:
        answer: dict[str, Any] = await client.rpc("my_earnings", {"days": context.values["days"]})
    return answer


def _show(context: Context, earned: Mapping[str, Any]) -> None:
    sums = Table.grid(padding=(0, 2))
    sums.add_column()
    sums.add_column(justify="right")
    for key, words in SPANS.items():
        sums.add_row(f"[dim]{words}[/]", _credits(earned[key]))
    sums.add_row("[dim]in the ledger[/]", _credits(earned["ledger"]))
    context.out.print("Credits that your machines earned")
    context.out.print(sums)
    if earned["days"]:
        context.out.print()
        context.out.print(_days(earned["days"]))


def _days(records: list[dict[str, Any]]) -> Table:
    """A line for each device and day, the newest first."""
    # without lines it fits a terminal of 80 columns
    table = Table(box=None, padding=(0, 1, 0, 0))
    for place, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if place < TEXTS else "right", no_wrap=True)
    for record in records:
        table.add_row(
            record["date"],
            escape(record["machine"] or "(gone)"),
            escape(record["device_id"]),
            f"{record['tasks_completed']:,}",
            _credits(record["task_earnings"]),
            duration(float(record["uptime_seconds"])),
            _credits(record["uptime_earnings"]),
            _credits(record["total_earnings"]),
        )
    return table


def _credits(amount: float) -> str:
    """An amount as the pool keeps it: to the millionth."""
    return f"{amount:,.6f}"


COMMAND = Command(
    name="earnings",
    summary="show what your machines earned",
    run=run,
    examples=("earnings", "earnings --days 31 --json"),
    settings=("access_token",),
    options=(
        Option(
            key="days",
            group="earnings",
            read=whole(1, LONGEST),
            wanted=f"a whole number from 1 to {LONGEST}",
            default=7,
            help="days to list, with today",
            metavar="N",
        ),
    ),
)
