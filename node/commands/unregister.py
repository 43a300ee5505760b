"""`unregister`: take this node out of the pool."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from node.auth import NodeKey
from node.commands.command import Command, Context
from node.daemon import key_path
from node.errors import CommandError, UnauthorizedError
from node.http import new_client
from node.lock import locked
from node.options import Option, switch
from node.sentinel import Sentinel

if TYPE_CHECKING:
    from pathlib import Path


def run(context: Context) -> int:
    """Remove the node's row and give its leases back; the key stays unless told otherwise."""
    settings = context.settings
    path = key_path(settings.data_dir)
    if not path.exists():
        raise CommandError(
            f"there is no node in {settings.data_dir}",
            advice="Name the directory of the node with --data-dir.",
        )
    refusal = "this node is running"
    with locked(settings.data_dir / "node.lock", refusal, "Stop it first, with Ctrl-C."):
        node_id = asyncio.run(_unregister(context, path))
        if context.values["forget_key"]:
            path.unlink()
    if context.as_json:
        context.print_json({"id": node_id, "key_forgotten": context.values["forget_key"]})
    else:
        context.out.print(f"The node {node_id} is out of the pool.")
    return 0


async def _unregister(context: Context, path: Path) -> str:
    settings = context.settings
    async with new_client(settings.request_timeout) as client:
        key = NodeKey.load_or_create(path)
        handlers = (settings.handlers_url, settings.publishable_key)
        try:
            return await Sentinel(client, key, *handlers, clock=time.time).unregister()
        except UnauthorizedError as error:
            raise CommandError(
                f"the pool at {settings.url} does not know this node ({error})",
                advice="It may be unregistered already, or belong to another pool (--pool).",
            ) from error


COMMAND = Command(
    name="unregister",
    summary="take this node out of the pool",
    run=run,
    examples=("unregister", "unregister --forget-key"),
    options=(
        Option(
            key="forget_key",
            group="unregister",
            read=switch,
            wanted="yes or no",
            default=False,
            help="delete the key too, so that the next start is that of a new node",
        ),
    ),
)
