"""Resources that live in a task of their own, so that any task may start and end them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager


@asynccontextmanager
async def in_own_task(manager: AbstractAsyncContextManager[Any], name: str) -> AsyncIterator[None]:
    """Holds `manager` open in a task called `name`.

    Task groups and cancel scopes must be left by the task that entered them; a fixture or a
    request that opens a resource is often not the one that closes it.
    """
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with manager:
            entered.set()
            await leave.wait()

    task = asyncio.create_task(hold(), name=name)
    try:
        await _first(task, entered)
        yield
    finally:
        leave.set()
        await task


async def _first(task: asyncio.Task[None], event: asyncio.Event) -> None:
    """Returns when `event` is set, or raises what ended `task` before that."""
    waiting = asyncio.create_task(event.wait(), name=f"{task.get_name()} is ready")
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not event.is_set():
        waiting.cancel()
        await task
