"""`pause`: let the node of this machine rest."""

from __future__ import annotations

from dataclasses import replace

from node.commands.command import Command, Context
from node.commands.local import followed, sharing_file, this_machine
from node.options import Option, one_of
from node.sharing import PAUSE_REASONS


def run(context: Context) -> int:
    """Decide that the machine rests, and wait until it does."""
    reason = context.values["reason"]
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


COMMAND = Command(
    name="pause",
    summary="let the node of this machine rest",
    run=run,
    examples=("pause", "pause --reason maintenance"),
    options=(
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
