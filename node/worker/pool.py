"""Worker threads that run chunks. Engines release the GIL, so threads use all cores."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from node.engine import Engine, EngineError, Plan, UnknownEngineError
from node.model import Ended
from node.utils.logging import context
from node.worker.pacer import Pacer
from node.worker.plans import Plans
from node.worker.terms import UNRESTRICTED, impose

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.model import Chunk
    from node.worker.terms import WorkTerms

logger = logging.getLogger(__name__)

LONGEST_ERROR: Final = 2000  # characters that reach the pool


@dataclass(frozen=True, slots=True)
class Task:
    """A chunk with all it takes to run it."""

    chunk: Chunk
    config: Mapping[str, Any]
    documents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Entry:
    task: Task
    stop: threading.Event = field(default_factory=threading.Event)


class WorkerPool:
    """Threads that take tasks in turn; `on_ended` is called on a worker's thread.

    A task is stopped by its chunk id whether it runs or waits; either way it ends exactly once.
    """

    def __init__(
        self,
        engines: Callable[[str], Engine],
        on_ended: Callable[[Ended], None],
        terms: WorkTerms = UNRESTRICTED,
    ) -> None:
        self._engines = engines
        self._on_ended = on_ended
        self.terms = terms
        self._plans = Plans()
        self._waiting: deque[_Entry] = deque()
        self._entries: dict[str, _Entry] = {}
        self._threads: set[threading.Thread] = set()
        self._replaced: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._size = 0
        self._started = 0

    @property
    def size(self) -> int:
        """Workers wanted; more may be finishing their last chunk."""
        return self._size

    def resize(self, size: int) -> None:
        """Add workers, or send some home after their current chunk."""
        with self._lock:
            for _ in range(size - len(self._threads - self._replaced)):
                self._hire()
            self._size = size
            self._news.notify_all()

    def arrange(self, terms: WorkTerms) -> None:
        """Work on these terms from now on, in the middle of a chunk too.

        A worker that cannot follow them goes home after its chunk, and a new one comes. Call it
        where `resize` is called: a thread begins on the terms of who starts it.
        """
        self.terms = terms
        with self._lock:
            threads = list(self._threads)
            stuck = [one for one in threads if not impose(terms, one.native_id or 0)]
            for thread in set(stuck) - self._replaced:
                self._replaced.add(thread)
                self._hire()
            self._news.notify_all()

    def submit(self, task: Task) -> None:
        """Queue a task for the next free worker."""
        entry = _Entry(task)
        with self._lock:
            self._entries[task.chunk.chunk_id] = entry
            self._waiting.append(entry)
            self._news.notify()

    def cancel(self, chunk_id: str) -> None:
        """Stop a task; it ends as `stopped` unless it was just done."""
        with self._lock:
            entry = self._entries.get(chunk_id)
        if entry is not None:
            entry.stop.set()

    def close(self) -> None:
        """Stop every task and wait for the threads; nothing may be submitted after."""
        with self._lock:
            entries = list(self._entries.values())
        for entry in entries:
            entry.stop.set()
        self.resize(0)
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _hire(self) -> None:
        self._started += 1
        thread = threading.Thread(target=self._work, name=f"worker-{self._started}")
        self._threads.add(thread)
        thread.start()

    def _work(self) -> None:
        impose(self.terms, threading.get_native_id())
        while (entry := self._next()) is not None:
            ended = self._run(entry)
            with self._lock:
                del self._entries[entry.task.chunk.chunk_id]
            self._on_ended(ended)

    def _next(self) -> _Entry | None:
        """The next task; None for going home, replaced or not needed, with nothing left to do."""
        me = threading.current_thread()
        with self._lock:
            while me not in self._replaced:
                if self._waiting:
                    return self._waiting.popleft()
                if len(self._threads - self._replaced) > self._size:
                    break
                self._news.wait()
            self._threads.discard(me)
            self._replaced.discard(me)
            # what this one was told may have been meant for another
            self._news.notify()
        return None

    def _run(self, entry: _Entry) -> Ended:
        """Run one task; whatever the engine raises becomes a failed chunk."""
        chunk_id = entry.task.chunk.chunk_id
        try:
            return self._simulate(entry)
        except EngineError as error:
            return failure(chunk_id, error)
        except Exception as error:
            logger.exception(
                "The engine crashed on a chunk",
                extra=context("engine_crashed", chunk_id=chunk_id),
            )
            return failure(chunk_id, error)

    def _simulate(self, entry: _Entry) -> Ended:
        chunk = entry.task.chunk
        if entry.stop.is_set():
            return Ended(chunk.chunk_id, "stopped")
        engine = self._engines(chunk.engine)
        plan = self._plan(engine, entry.task)
        started = time.perf_counter()
        pacer = Pacer(entry.stop, lambda: self.terms.power_percent)
        result = engine.run(plan, chunk.seed, chunk.seed_offset, chunk.iterations, pacer)
        seconds = time.perf_counter() - started
        if result is None:
            return Ended(chunk.chunk_id, "stopped")
        return Ended(chunk.chunk_id, "completed", result=result, seconds=seconds)

    def _plan(self, engine: Engine, task: Task) -> Plan:
        return self._plans.get(
            task.chunk.config_hash, lambda: engine.prepare(task.config, task.documents)
        )


def failure(chunk_id: str, error: BaseException) -> Ended:
    """The failed chunk that an engine's exception stands for.

    An engine is a pure function: what it refuses once it refuses everywhere, unless it is missing
    here. Anything else may be this machine's fault, and another node may do better.
    """
    lasting = isinstance(error, EngineError) and not isinstance(error, UnknownEngineError)
    text = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
    return Ended(chunk_id, "failed", error=text, retryable=not lasting)
