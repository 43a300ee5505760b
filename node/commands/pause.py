"""`pause`: let the node of this machine rest."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from rich.markup import escape

from node.commands.command import Command, Context, signed_in
from node.commands.local import followed, node_option, sharing_file, this_machine
from node.machines import OwnedMachine
from node.options import Option, one_of
from node.sharing import PAUSE_REASONS


def run(context: Context) -> int:
    """Decide that the machine rests, and wait until it does."""
    reason = context.values["reason"]
    if (name := context.values["node"]) is not None:
        return asyncio.run(_pause_remote(context, name, reason))
    file = sharing_file(context, this_machine(context))
    file.change(lambda sharing: replace(sharing, pause=reason))
    node = followed(
        context, lambda snapshot: reason in snapshot.rests and not snapshot.workers_busy
    )
    if context.as_json:
        context.print_json({"paused": True, "reason": reason, "running": node is not None})
    elif node is None:
        context.out.print(
            "Paused. No node runs here; one that is started rests until it is resumed."
        )
    else:
        context.out.print("Paused: the node of this machine does nothing until it is resumed.")
    return 0


async def _pause_remote(context: Context, name: str, reason: str) -> int:
    async with signed_in(context) as client:
        machine = await OwnedMachine.find(client, name)
        count = await machine.pause(reason)
    shown = escape(machine.node["name"])
    if context.as_json:
        context.print_json({"node_id": machine.node["id"], "devices_paused": count})
    else:
        context.out.print(f"{shown} is paused." if count else f"Nothing of {shown} works now.")
    return 0


COMMAND = Command(
    name="pause",
    summary="let the node of this machine rest",
    run=run,
    examples=("pause", "pause --reason maintenance", "pause --node shed"),
    settings=("access_token",),
    options=(
        node_option("pause"),
        Option(
            key="reason",
            group="pause",
            read=one_of(*PAUSE_REASONS),
            wanted=" or ".join(PAUSE_REASONS),
            default="user_requested",
            help="why: user_requested or maintenance",
            metavar="REASON",
        ),
    ),
)
