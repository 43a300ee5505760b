"""From a lease to its end: gets what a chunk needs, runs it on a worker, reports in the loop."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from node.errors import EngineVersionError, MissingError, NodeError, PoolUnavailableError
from node.model import Chunk, Ended
from node.utils.cpu import cpus_for
from node.utils.logging import context
from node.versions import accepts
from node.worker.pool import Task, WorkerPool, failure
from node.worker.terms import WorkTerms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.allocation import Priority
    from node.engine import Engine
    from node.library import Library
    from node.steward import Terms

logger = logging.getLogger(__name__)

#: How far workers stand back at least, by priority; whoever decided nothing has the settings alone.
NICENESS: Final[Mapping[Priority | None, int]] = {"low": 19, "normal": 5, "high": 0}


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
        self._niceness = niceness
        self._pool = WorkerPool(engines, self._report, WorkTerms(niceness=niceness))
        self._preparing: dict[str, asyncio.Task[Task]] = {}
        self._unwanted: set[str] = set()

    def resize(self, size: int) -> None:
        """Change the number of workers."""
        self._pool.resize(size)

    def arrange(self, terms: Terms) -> None:
        """Change the terms on which workers work."""
        self._pool.arrange(
            WorkTerms(
                cpus=None if terms.cores is None else cpus_for(terms.cores),
                niceness=max(self._niceness, NICENESS.get(terms.priority, 0)),
                power_percent=terms.max_power_percent,
            )
        )

    def start(self, chunk: Chunk) -> None:
        """Run a chunk on the next free worker."""
        task = asyncio.create_task(self._prepare(chunk), name=f"prepare {chunk.chunk_id}")
        self._preparing[chunk.chunk_id] = task
        task.add_done_callback(partial(self._hand_over, chunk.chunk_id))

    def stop(self, chunk_id: str) -> None:
        """Stop a chunk wherever it is."""
        if (task := self._preparing.get(chunk_id)) is not None:
            self._unwanted.add(chunk_id)
            task.cancel()
        self._pool.cancel(chunk_id)

    async def close(self) -> None:
        """Stop everything and wait for it."""
        preparing = list(self._preparing.values())
        for task in preparing:
            task.cancel()
        await asyncio.gather(*preparing, return_exceptions=True)
        await asyncio.to_thread(self._pool.close)

    def _hand_over(self, chunk_id: str, task: asyncio.Task[Task]) -> None:
        """Everything is there, or the chunk is over: a callback, so that no way out is missed."""
        del self._preparing[chunk_id]
        if task.cancelled() or chunk_id in self._unwanted:
            self._unwanted.discard(chunk_id)
            self._on_ended(Ended(chunk_id, "stopped"))
        elif (error := task.exception()) is not None:
            self._on_ended(_ended_by(chunk_id, error))
        else:
            self._pool.submit(task.result())

    async def _prepare(self, chunk: Chunk) -> Task:
        config = await self._library.config(chunk.config_hash)
        engine = await asyncio.to_thread(self._engines, chunk.engine)
        _check_version(chunk, engine)
        documents = await self._library.rotations(engine.documents(config))
        return Task(chunk, config, documents)

    def _report(self, ended: Ended) -> None:
        self._loop.call_soon_threadsafe(self._on_ended, ended)


def _check_version(chunk: Chunk, engine: Engine) -> None:
    """Raise EngineVersionError where the pool has given this node what it must not run."""
    wanted = chunk.engine_versions
    if wanted is not None and not accepts(wanted, engine.version):
        raise EngineVersionError(
            f"the job accepts {engine.name} {wanted}, but this node has {engine.version}"
        )


def _ended_by(chunk_id: str, error: BaseException) -> Ended:
    """What a chunk comes to when it cannot be prepared."""
    if isinstance(error, PoolUnavailableError | MissingError):
        # nobody is to blame, and another node may be luckier
        return Ended(chunk_id, "released", error=str(error))
    if not isinstance(error, NodeError):
        logger.error(
            "A chunk could not be prepared",
            exc_info=error,
            extra=context("preparation_failed", chunk_id=chunk_id),
        )
    return failure(chunk_id, error)
