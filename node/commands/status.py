"""`status`: the node on this machine, and the nodes of the user in the pool."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from node.amounts import age, duration
from node.commands.command import Command, Context, signed_in
from node.errors import NodeError, SignInError
from node.rests import rest_words
from node.status_file import LocalStatus, StatusFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.client import PoolClient

NODE_COLUMNS = (
    "id,name,status,hostname,platform,version,total_cores,max_parallel,iterations_per_second,"
    "paused_at,last_seen_at"
)
COLORS = {"online": "green", "offline": "red", "pending": "yellow"}
#: reasons of `explain_node` that an owner should do something about
TROUBLES = {"backed_off", "quarantined"}


def run(context: Context) -> int:
    """Show what is known here, then what the pool knows."""
    local = StatusFile(context.settings).read()
    nodes, trouble = asyncio.run(_nodes(context))
    if context.as_json:
        context.print_json(
            {
                "local": asdict(local) if local else None,
                "pool": {"url": context.settings.url, "error": trouble and str(trouble)},
                "nodes": nodes,
            }
        )
        return 0
    _show_local(context, local)
    if trouble is None:
        _show_nodes(context, nodes)
    else:
        context.out.print(f"\n[yellow]Your nodes are not shown:[/] {escape(str(trouble))}")
        if trouble.advice:
            context.out.print(trouble.advice, style="dim", markup=False)
    return 0 if trouble is None or isinstance(trouble, SignInError) else trouble.exit_code


async def _nodes(context: Context) -> tuple[list[dict[str, Any]], NodeError | None]:
    """The user's nodes, each with its troubles in words, or why they cannot be known."""
    try:
        async with signed_in(context) as client:
            nodes = await client.rows("nodes", select=NODE_COLUMNS, order="name")
            troubles = await asyncio.gather(*(_troubles(client, node["id"]) for node in nodes))
    except NodeError as error:
        return [], error
    return [node | {"troubles": told} for node, told in zip(nodes, troubles, strict=True)], None


async def _troubles(client: PoolClient, node_id: str) -> list[str]:
    """Why the pool gives the node no work, if it is the node's fault."""
    answer = await client.rpc("explain_node", {"id": node_id})
    return [reason["text"] for reason in answer["reasons"] if reason["code"] in TROUBLES]


def _show_local(context: Context, local: LocalStatus | None) -> None:
    if local is None:
        context.out.print(f"No node runs here with {escape(str(context.settings.data_dir))}.")
        context.out.print("Start one with: python -m node", style="dim")
        return
    node = local.snapshot
    table = Table.grid(padding=(0, 2))
    up = duration(context.clock() - local.started_at)
    rows = {
        "node": escape(node.name or node.node_id or "not registered yet"),
        "state": f"[bold]{node.state}[/]"
        + (f" (paused {rest_words(node.rests)})" if node.paused else ""),
        "update": node.required_version
        and f"[red]the pool gives it no work before it is {escape(node.required_version)}[/]",
        "claim code": node.claim_code and f"[bold]{node.claim_code}[/]",
        "pool": f"{local.url} ({node.connection})",
        "workers": f"{node.workers_busy} of {node.workers_size} busy",
        "done": f"{node.chunks_completed:,} chunks, {node.iterations_completed:,} iterations",
        "speed": f"{node.iterations_per_second:,.0f} iterations/s",
        "process": f"{local.pid}, up {up}",
        "last error": escape(node.last_error or ""),
    }
    for label, value in rows.items():
        if value:
            table.add_row(f"[dim]{label}[/]", value)
    context.out.print(table)


def _show_nodes(context: Context, nodes: list[dict[str, Any]]) -> None:
    if not nodes:
        context.out.print("\nYou have no nodes yet. Claim one with: python -m node claim CODE")
        return
    table = Table(title="Your nodes", title_justify="left")
    for column in ("name", "state", "platform", "workers", "iterations/s", "seen"):
        table.add_column(
            column, justify="right" if column in {"workers", "iterations/s"} else "left"
        )
    for node in nodes:
        table.add_row(*_row(node, context.clock()))
    context.out.print()
    context.out.print(table)
    for node in nodes:
        for trouble in node["troubles"]:
            context.out.print(f"[yellow]{_name(node)}:[/] {escape(trouble)}")


def _name(node: Mapping[str, Any]) -> str:
    return escape(str(node.get("name") or node.get("hostname") or node["id"]))


def _row(node: Mapping[str, Any], now: float) -> tuple[str, ...]:
    status = str(node["status"])
    paused = " (paused)" if node.get("paused_at") else ""
    return (
        _name(node),
        f"[{COLORS.get(status, 'default')}]{status}[/]{paused}",
        escape(str(node.get("platform") or "")),
        f"{node.get('max_parallel')} of {node.get('total_cores')}",
        f"{float(node.get('iterations_per_second') or 0):,.0f}",
        age(node.get("last_seen_at"), now) or "never",
    )


COMMAND = Command(
    name="status",
    summary="show the node on this machine, and your nodes in the pool",
    run=run,
    examples=("status", "status --json"),
    settings=("access_token",),
)
