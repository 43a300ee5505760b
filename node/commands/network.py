"""`network`: what all devices of the pool offer together, now and lately."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from rich.table import Table

from node.amounts import unix_seconds
from node.client import PoolClient
from node.commands.command import Command, Context
from node.options import Option, one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = 86_400
PERIODS = {"hour": 3_600, "day": DAY, "week": 7 * DAY, "month": 31 * DAY, "year": 366 * DAY}
WIDTH = 60
BARS = "▁▂▃▄▅▆▇█"


def run(context: Context) -> int:
    """Show the sums over all devices, and how many there were."""
    now, history = asyncio.run(_ask(context))
    period = context.values["period"]
    if context.as_json:
        context.print_json({"now": now, "period": period, "history": history})
        return 0
    table = Table.grid(padding=(0, 2))
    for label, value in _sums(now).items():
        table.add_row(f"[dim]{label}[/]", value)
    context.out.print(table)
    if history:
        _show_chart(context, history)
    else:
        context.out.print(f"\nNothing was recorded in the last {period}.", style="dim")
    return 0


async def _ask(context: Context) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The sums now, and those of the period, the oldest first. Anybody may ask."""
    async with PoolClient(context.settings, transport=context.transport) as client:
        (now,) = await client.rpc("get_network_stats")
        history = await client.rpc("network_history", {"period": context.values["period"]})
    return now, history


def _sums(now: dict[str, Any]) -> dict[str, str]:
    return {
        "devices": f"{now['active_nodes']:,}",
        "cores": f"{now['total_cpu_cores']:,}",
        "memory": f"{now['total_ram_gb']:,.0f} GB",
        "storage": f"{now['total_storage_gb']:,.0f} GB",
        "score": f"{now['total_compute_score']:,.0f}",
    }


def _show_chart(context: Context, history: list[dict[str, Any]]) -> None:
    """The devices over the period as a line of bars; times that were not recorded are empty."""
    period = context.values["period"]
    began = context.clock() - PERIODS[period]
    places: list[int | None] = [None] * WIDTH
    for sample in history:
        age = (unix_seconds(sample["sampled_at"]) or began) - began
        places[min(max(int(age / PERIODS[period] * WIDTH), 0), WIDTH - 1)] = sample["active_nodes"]
    counts = [count for count in places if count is not None]
    context.out.print(f"\n{bars(places)}", highlight=False)
    context.out.print(
        f"devices of the last {period}: {min(counts):,} to {max(counts):,}", style="dim"
    )


def bars(values: Sequence[int | None]) -> str:
    """A bar for each value, from nothing to the largest, and a space for none."""
    largest = max((value for value in values if value is not None), default=0)
    heights = ((value, (len(BARS) - 1) * (value or 0) / max(largest, 1)) for value in values)
    return "".join(" " if value is None else BARS[round(height)] for value, height in heights)


COMMAND = Command(
    name="network",
    summary="show what all devices of the pool offer together",
    run=run,
    examples=("network", "network --period week", "network --json"),
    options=(
        Option(
            key="period",
            group="network",
            read=one_of(*PERIODS),
            wanted="hour, day, week, month or year",
            default="day",
            help="how far the chart goes back",
            metavar="PERIOD",
        ),
    ),
)
