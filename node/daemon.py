"""The shell around the state machine: carries its instructions out and tells it what came of them.

Everything that is decided is decided in `node.core`; everything here is input, output and tasks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final

from node import instructions as do
from node import stimuli as on
from node.auth import NodeKey
from node.cache import ContentCache
from node.core import NodeState
from node.engine import Engine, configure_cache, engine_names, get_engine
from node.errors import DaemonError
from node.http import new_client
from node.library import Library
from node.model import Ended, Event, Snapshot
from node.observer import Observer
from node.pushes import stimulus_of
from node.queries import Queries
from node.realtime import Subscription
from node.requests import Requests
from node.rules import Policy
from node.runner import Runner
from node.sentinel import Sentinel
from node.spool import Spool
from node.utils.logging import context
from node.utils.threads import in_background

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path

    import httpx

    from node.config import Settings

__all__ = ["Daemon", "Event", "Snapshot"]

logger = logging.getLogger(__name__)

ENGINE: Final = "combat"  # what this machine's speed is measured on
BENCHMARK_SECONDS: Final = 1.0
LEVELS: Final = logging.getLevelNamesMapping()


def key_path(data_dir: Path) -> Path:
    """Where a node keeps its key."""
    return data_dir / "node.key"


class Daemon:
    """One node, from its first request to its last.

    `on_event` is called in the event loop with what a person may want to see; it is the only way
    to learn the claim code. `registration` is the body of node-register, by default this machine's.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_event: Callable[[Event], None] = lambda _: None,
        registration: Mapping[str, Any] | None = None,
        engines: Callable[[str], Engine] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._on_event = on_event
        self._registration = registration
        self._engines = engines or _engines_of(settings)
        self._transport = transport
        self._state = NodeState(_policy(settings), SystemRandom())
        self._inbox: asyncio.Queue[on.Stimulus | BaseException] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._token = ""
        self._subscription: Subscription | None = None
        self._follower: asyncio.Task[None] | None = None
        self._failure: str | None = None

    # -- the face ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Be a node until it is stopped; raises DaemonError when it cannot be one any more."""
        async with new_client(self._settings.request_timeout, self._transport) as client:
            self._open(client)
            try:
                await self._live()
            finally:
                await self._close()
        if self._failure is not None:
            raise DaemonError(self._failure)

    def stop(self) -> None:
        """Drain: finish what runs, hand everything in, give leases back. Then `run` returns."""
        self._post(on.StopRequested(at=self._now()))

    def stop_now(self) -> None:
        """Stop at once; results that are not handed in wait on disk."""
        self._post(on.StopNowRequested(at=self._now()))

    def snapshot(self) -> Snapshot:
        """The node at this moment."""
        return self._state.snapshot()

    # -- life -------------------------------------------------------------------------------

    def _open(self, client: httpx.AsyncClient) -> None:
        settings = self._settings
        key = NodeKey.load_or_create(key_path(settings.data_dir))
        handlers = (settings.handlers_url, settings.publishable_key)
        sentinel = Sentinel(client, key, *handlers, clock=time.time)
        self._queries = Queries(client, settings.url, settings.publishable_key)
        self._observer = Observer(settings, self._post, self._now, registration=self._registration)
        self._requests = Requests(self._observer, sentinel, self._queries, self._now)
        self._spool = Spool(settings.data_dir / "spool")
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        cache = ContentCache(settings.cache_dir / "documents")
        library = Library(cache, self._queries.config, self._queries.rotation)
        self._runner = Runner(library, self._engines, self._ended, niceness=settings.niceness)

    async def _live(self) -> None:
        undelivered, damaged = await asyncio.to_thread(self._spool.load)
        for path in damaged:
            self._tell(Event("spool_damaged", f"A damaged result is kept as {path}", "warning"))
        await self._observer.open()
        self._post(on.Started(at=self._now(), undelivered=tuple(undelivered)))
        self._observer.look()  # what is shared is known before anything is begun
        self._spawn("observer", self._observer.watch(lambda: self._state.is_guarded))
        while self._state.status != "stopped":
            stimulus = await self._next()
            for instruction in self._state.handle(stimulus):
                self._carry_out(instruction)

    async def _next(self) -> on.Stimulus:
        wake = self._state.next_wake()
        timeout = None if wake is None else max(0.0, wake - self._now())
        try:
            async with asyncio.timeout(timeout):
                item = await self._inbox.get()
        except TimeoutError:
            return on.Tick(at=self._now())
        if isinstance(item, BaseException):
            raise item
        return item

    async def _close(self) -> None:
        """Leave no task, thread or half-written result behind, even when cancelled."""
        try:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._runner.close()
        finally:
            self._writer.shutdown()

    # -- instructions -----------------------------------------------------------------------

    def _carry_out(self, instruction: do.Instruction) -> None:
        if isinstance(instruction, do.Request):
            self._spawn(type(instruction).__name__, self._ask(instruction))
            return
        match instruction:
            case do.UseToken(token):
                self._use_token(token)
            case do.Subscribe(topic):
                self._follower = self._spawn("subscription", self._follow(topic, self._follower))
            case do.Calibrate():
                self._spawn("calibration", self._calibrate())
            case do.ResizePool(size):
                self._runner.resize(size)
            case do.SetTerms(terms):
                self._runner.arrange(terms)
            case do.StartChunk(chunk):
                self._runner.start(chunk)
            case do.StopChunk(chunk_id):
                self._runner.stop(chunk_id)
            case _:
                self._record(instruction)

    def _record(self, instruction: do.Instruction) -> None:
        match instruction:
            case do.Keep(finished):
                self._write(partial(self._spool.put, finished))
            case do.Discard(chunk_id):
                self._write(partial(self._spool.discard, chunk_id))
            case do.KeepShare(device_id, share):
                self._write(partial(self._observer.keep, device_id, share))
            case do.Tell(event):
                self._tell(event)
            case do.Shutdown(failure):
                self._failure = failure
            case _:
                raise TypeError(f"no way to carry out {instruction}")

    # -- what it takes ----------------------------------------------------------------------

    async def _ask(self, request: do.Request) -> None:
        self._post(await self._requests.answer(request))

    def _use_token(self, token: str) -> None:
        self._token = token
        self._queries.use_token(token)
        if self._subscription is not None:
            self._spawn("refresh subscription", self._subscription.use_token(token))

    async def _follow(self, topic: str, previous: asyncio.Task[None] | None) -> None:
        """Be subscribed until it ends, then say so."""
        if previous is not None:
            previous.cancel()
            await asyncio.wait({previous})
        pool = (self._settings.url, self._settings.publishable_key)
        subscription = self._subscription = Subscription(*pool, topic, self._receive)
        try:
            lost = await subscription.run(self._token, self._subscribed)
        finally:
            self._subscription = None
        self._post(
            on.SubscriptionLost(
                at=self._now(),
                reason=lost.reason,
                token_refused=lost.token_refused,
                rate_limited=lost.rate_limited,
            )
        )

    def _subscribed(self) -> None:
        self._post(on.Subscribed(at=self._now()))

    def _receive(self, event: str, payload: Mapping[str, Any]) -> None:
        stimulus = stimulus_of(event, payload, self._now())
        if stimulus is not None:
            self._post(stimulus)

    async def _calibrate(self) -> None:
        try:
            speed, versions = await in_background("calibration", self._benchmark)
        except Exception as error:
            logger.exception("The benchmark failed", extra=context("calibration_failed"))
            message = f"{type(error).__name__}: {error}"
            self._post(on.CalibrationFailed(at=self._now(), message=message))
            return
        self._post(on.Calibrated(at=self._now(), engine=ENGINE, speed=speed, versions=versions))

    def _benchmark(self) -> tuple[float, dict[str, str]]:
        versions = {name: self._engines(name).version for name in engine_names()}
        return self._engines(ENGINE).benchmark(BENCHMARK_SECONDS), versions

    def _ended(self, ended: Ended) -> None:
        self._post(on.ChunkEnded(at=self._now(), ended=ended))

    def _write(self, action: Callable[[], None]) -> None:
        self._writer.submit(action).add_done_callback(_log_write_failure)

    def _tell(self, event: Event) -> None:
        level = LEVELS[event.level.upper()]
        logger.log(level, event.message, extra=context(event.action, **event.context))
        self._on_event(event)

    def _post(self, item: on.Stimulus | BaseException) -> None:
        self._inbox.put_nowait(item)

    def _now(self) -> float:
        return time.monotonic()

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._supervise)
        return task

    def _supervise(self, task: asyncio.Task[None]) -> None:
        """A task that dies of a defect takes the node down with it, visibly."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._post(error)


def _engines_of(settings: Settings) -> Callable[[str], Engine]:
    def load(name: str) -> Engine:
        # the cache must be set before the first kernel is compiled; later calls change nothing
        configure_cache(settings.cache_dir / "kernels")
        return get_engine(name)

    return load


def _policy(settings: Settings) -> Policy:
    return Policy(
        poll_interval=settings.poll_interval,
        heartbeat_interval=settings.heartbeat_interval,
        claim_poll_interval=settings.claim_poll_interval,
        drain_timeout=settings.drain_timeout,
        max_parallel=settings.max_parallel,
    )


def _log_write_failure(write: Future[None]) -> None:
    if (error := write.exception()) is not None:
        logger.warning(
            "A result could not be written to disk: %s",
            error,
            extra=context("spool_failed"),
        )
