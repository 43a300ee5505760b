"""From a lease to its end: gets what a chunk needs, runs it on a worker, reports in the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from node.engine import Engine, EngineError
from node.errors import NodeError, PoolUnavailableError
from node.model import Chunk, Ended
from node.worker.pool import Task, WorkerPool, failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.library import Library


class Runner:
    """Starts and stops chunks; `on_ended` is called in the event loop, once per started chunk."""

    def __init__(
        self,
        library: Library,
        engines: Callable[[str], Engine],
        on_ended: Callable[[Ended], None],
        *,
        niceness: int = 0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._library = library
        self._engines = engines
        self._on_ended = on_ended
        self._pool = WorkerPool(engines, self._report, niceness=niceness)
        self._preparing: dict[str, asyncio.Task[None]] = {}

    def resize(self, size: int) -> None:
        """Change the number of workers."""
        self._pool.resize(size)

    def start(self, chunk: Chunk) -> None:
        """Run a chunk on the next free worker."""
        task = asyncio.create_task(self._start(chunk), name=f"prepare {chunk.chunk_id}")
        self._preparing[chunk.chunk_id] = task
        task.add_done_callback(lambda _: self._preparing.pop(chunk.chunk_id, None))

    def stop(self, chunk_id: str) -> None:
        """Stop a chunk wherever it is."""
        if (task := self._preparing.get(chunk_id)) is not None:
            task.cancel()
        self._pool.cancel(chunk_id)

    async def close(self) -> None:
        """Stop everything and wait for it."""
        preparing = list(self._preparing.values())
        for task in preparing:
            task.cancel()
        await asyncio.gather(*preparing, return_exceptions=True)
        await asyncio.to_thread(self._pool.close)

    async def _start(self, chunk: Chunk) -> None:
        try:
            self._pool.submit(await self._prepare(chunk))
        except asyncio.CancelledError:
            self._on_ended(Ended(chunk.chunk_id, "stopped"))
        except PoolUnavailableError as error:
            # nobody is to blame, and another node may be luckier
            self._on_ended(Ended(chunk.chunk_id, "released", error=str(error)))
        except EngineError as error:
            self._on_ended(failure(chunk.chunk_id, error))
        except (NodeError, ValueError) as error:
            text = f"the config cannot be had: {error}"
            self._on_ended(Ended(chunk.chunk_id, "failed", error=text, retryable=True))

    async def _prepare(self, chunk: Chunk) -> Task:
        config = await self._library.config(chunk.config_hash)
        engine = await asyncio.to_thread(self._engines, chunk.engine)
        documents = await self._library.rotations(engine.documents(config))
        return Task(chunk, config, documents)

    def _report(self, ended: Ended) -> None:
        self._loop.call_soon_threadsafe(self._on_ended, ended)
