"""`resume`: let the node of this machine work again."""

from __future__ import annotations

from dataclasses import replace

from node.commands.command import Command, Context
from node.commands.local import followed, sharing_file, this_machine
from node.rests import rest_words
from node.sharing import PAUSE_REASONS


def run(context: Context) -> int:
    """Take the decision back, and wait until the machine follows."""
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


COMMAND = Command(
    name="resume",
    summary="let the node of this machine work again",
    run=run,
    examples=("resume",),
)
