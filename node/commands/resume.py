"""`resume`: let the node of this machine work again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from rich.markup import escape

from node.commands.command import Command, Context, signed_in
from node.commands.local import followed, node_option, sharing_file, this_machine
from node.machines import OwnedMachine
from node.rests import rest_words
from node.sharing import PAUSE_REASONS


def run(context: Context) -> int:
    """Take the decision back, and wait until the machine follows."""
    if (name := context.values["node"]) is not None:
        return asyncio.run(_resume_remote(context, name))
    file = sharing_file(context, this_machine(context))
    file.change(lambda sharing: replace(sharing, pause=None))
    node = followed(context, lambda snapshot: not {*PAUSE_REASONS} & {*snapshot.rests})
    rests = list(node.rests) if node else []
    if context.as_json:
        context.print_json({"paused": bool(rests), "reasons": rests, "running": node is not None})
    elif node is None:
        context.out.print("Resumed. No node runs here; start one with: python -m node")
    elif rests:
        context.out.print(f"Resumed here, but the node is still paused {rest_words(rests)}.")
    else:
        context.out.print("Resumed: the node of this machine takes work again.")
    return 0


async def _resume_remote(context: Context, name: str) -> int:
    async with signed_in(context) as client:
        machine = await OwnedMachine.find(client, name)
        count = await machine.resume()
    shown = escape(machine.node["name"])
    if context.as_json:
        context.print_json({"node_id": machine.node["id"], "devices_resumed": count})
    else:
        context.out.print(f"{shown} works again." if count else f"Nothing of {shown} is paused.")
    return 0


COMMAND = Command(
    name="resume",
    summary="let the node of this machine work again",
    run=run,
    examples=("resume", "resume --node shed"),
    settings=("access_token",),
    options=(node_option("resume"),),
)
