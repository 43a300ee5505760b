"""Worker threads, and the way of a chunk to them and back."""

from __future__ import annotations

import asyncio
import hashlib
import json
import queue
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from node.cache import ContentCache
from node.engine import ConfigError, Engine, Problem, SimulationError, UnknownEngineError
from node.errors import PoolUnavailableError
from node.library import Library
from node.model import Chunk, Ended
from node.runner import Runner
from node.steward import Terms
from node.utils.cpu import cpus_for
from node.worker.pool import Task, WorkerPool
from node.worker.terms import WorkTerms
from tests.patience import PATIENCE
from tests.unit.node.gated import GatedEngine, counted
from tests.unit.node.machine import chunk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Bench:
    """A pool with one engine, and what its workers report."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.reports: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        self.pool = WorkerPool(lambda _: cast("Engine", engine), self.reports.put)

    def submit(self, *numbers: int) -> None:
        """Queue these chunks."""
        for number in numbers:
            self.pool.submit(Task(chunk(number), {}))

    def ended(self) -> Ended:
        """The next report."""
        return self.reports.get(timeout=PATIENCE)

    def wait_until_running(self, count: int) -> None:
        """Until so many chunks are inside the engine."""
        for _ in range(count):
            assert self.engine.running.acquire(timeout=PATIENCE)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A pool without workers; no thread outlives the test."""
    bench = Bench(GatedEngine())
    yield bench
    bench.engine.gate.set()
    bench.pool.close()
    assert not worker_threads()


def worker_threads() -> list[threading.Thread]:
    """Threads of pools."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("worker-")]


def test_a_chunk_is_run_for_its_own_range(bench: Bench) -> None:
    """Seed, first iteration and count are the chunk's; the time is measured."""
    bench.pool.resize(1)
    bench.submit(3)
    ended = bench.ended()
    assert (ended.chunk_id, ended.end) == (chunk(3).chunk_id, "completed")
    assert ended.result == counted(7, 300, 100)
    assert ended.seconds > 0.0


def test_as_many_chunks_run_as_there_are_workers(bench: Bench) -> None:
    """The next one starts when a worker is free."""
    bench.engine.gate.clear()
    bench.pool.resize(2)
    bench.submit(1, 2, 3)
    bench.wait_until_running(2)
    assert not bench.engine.running.acquire(blocking=False)
    bench.engine.gate.set()
    assert {bench.ended().chunk_id for _ in range(3)} == {
        chunk(number).chunk_id for number in (1, 2, 3)
    }


def test_a_pool_grows_while_it_works(bench: Bench) -> None:
    """New workers take what waits."""
    bench.engine.gate.clear()
    bench.pool.resize(1)
    bench.submit(1, 2)
    bench.wait_until_running(1)
    bench.pool.resize(2)
    bench.wait_until_running(1)


def test_a_pool_shrinks_after_the_running_chunks(bench: Bench) -> None:
    """Nobody is interrupted; who is done goes home."""
    bench.engine.gate.clear()
    bench.pool.resize(3)
    bench.submit(1, 2, 3)
    bench.wait_until_running(3)
    bench.pool.resize(1)
    assert bench.pool.size == 1
    bench.engine.gate.set()
    assert [bench.ended().end for _ in range(3)] == ["completed"] * 3
    while len(worker_threads()) > 1:
        next(thread for thread in worker_threads()).join(0.01)
    bench.submit(4)
    assert bench.ended().end == "completed"


def test_a_running_chunk_is_stopped(bench: Bench) -> None:
    """Its worker takes the next one."""
    bench.engine.gate.clear()
    bench.pool.resize(1)
    bench.submit(1)
    bench.wait_until_running(1)
    bench.pool.cancel(chunk(1).chunk_id)
    assert bench.ended() == Ended(chunk(1).chunk_id, "stopped")
    bench.engine.gate.set()
    bench.submit(2)
    assert bench.ended().end == "completed"


def test_a_waiting_chunk_is_stopped_without_running(bench: Bench) -> None:
    """It ends once, like any other."""
    bench.submit(1)
    bench.pool.cancel(chunk(1).chunk_id)
    bench.pool.resize(1)
    assert bench.ended() == Ended(chunk(1).chunk_id, "stopped")
    assert bench.engine.ran == []


def test_stopping_an_unknown_chunk_does_nothing(bench: Bench) -> None:
    """It may just have ended."""
    bench.pool.cancel("unknown")


def test_a_closed_pool_has_stopped_everything(bench: Bench) -> None:
    """Running and waiting chunks end as stopped, and the threads are gone."""
    bench.engine.gate.clear()
    bench.pool.resize(1)
    bench.submit(1, 2)
    bench.wait_until_running(1)
    bench.pool.close()
    assert [bench.ended().end, bench.ended().end] == ["stopped", "stopped"]
    assert not worker_threads()


def test_a_config_is_prepared_once_for_all_workers(bench: Bench) -> None:
    """The second worker waits for the plan of the first."""
    bench.pool.resize(2)
    bench.submit(1, 2, 3, 4)
    for _ in range(4):
        assert bench.ended().end == "completed"
    assert len(bench.engine.prepared) == 1


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (ConfigError([Problem("/spec", "is missing")]), False),
        (SimulationError("1,000 actions in no time"), False),
        (UnknownEngineError("no such engine here"), True),
        (RuntimeError("a defect"), True),
        (MemoryError("too big"), True),
    ],
)
def test_whatever_an_engine_raises_becomes_a_failed_chunk(
    error: Exception,
    retryable: bool,  # noqa: FBT001
) -> None:
    """Only what another node cannot do better either is not worth a retry."""

    class Broken(GatedEngine):
        def run(self, *_: Any) -> dict[str, Any] | None:
            raise error

    bench = Bench(Broken())
    bench.pool.resize(1)
    bench.submit(1)
    ended = bench.ended()
    assert (ended.end, ended.retryable) == ("failed", retryable)
    assert type(error).__name__ in (ended.error or "")
    assert str(error) in (ended.error or "")
    bench.submit(2)
    assert bench.ended().end == "failed"
    bench.pool.close()


def test_a_preparation_that_fails_fails_each_chunk_and_is_tried_again() -> None:
    """A plan that could not be made is not remembered."""

    class Hesitant(GatedEngine):
        def prepare(self, *_: Any) -> Any:
            self.prepared.append("")
            if len(self.prepared) == 1:
                raise ConfigError([Problem("", "bad")])
            return super().prepare({})

    bench = Bench(Hesitant())
    bench.pool.resize(1)
    bench.submit(1)
    assert bench.ended().end == "failed"
    bench.submit(2)
    assert bench.ended().end == "completed"
    bench.pool.close()


# -- the runner: from a lease to a worker and back into the loop ----------------------------------

TEXTS = {
    hashlib.sha256(text.encode()).hexdigest(): text
    for text in (json.dumps({"rotation": {"checksum": hashlib.sha256(b"go").hexdigest()}}), "go")
}
CONFIG = next(iter(TEXTS))


class Desk:
    """A runner with scripted documents."""

    def __init__(self, directory: Path, *, niceness: int = 0) -> None:
        self.engine = GatedEngine()
        self.reports: asyncio.Queue[Ended] = asyncio.Queue()
        self.fetch_gate = asyncio.Event()
        self.fetch_gate.set()
        self.error: Exception | None = None
        library = Library(ContentCache(directory), self.fetch, self.fetch)
        self.runner = Runner(library, self.get_engine, self.reports.put_nowait, niceness=niceness)
        self.runner.resize(1)

    def get_engine(self, name: str) -> Engine:
        """The one engine there is."""
        if name != "combat":
            raise UnknownEngineError(f"there is no engine {name!r}")
        return cast("Engine", self.engine)

    async def fetch(self, content_hash: str) -> str:
        """A document, once the gate is open."""
        await self.fetch_gate.wait()
        if self.error is not None:
            raise self.error
        return TEXTS[content_hash]

    def lease(self, *, engine: str = "combat", config: str = CONFIG) -> Chunk:
        """A chunk of the config."""
        known = chunk(1)
        return Chunk(known.chunk_id, "job", config, engine, 7, 100, 100, "lease")

    async def end_of(self, engine_versions: str) -> Ended:
        """What comes of a chunk of a job that accepts these versions."""
        self.runner.start(replace(self.lease(), engine_versions=engine_versions))
        return await self.ended()

    async def ended(self) -> Ended:
        """The next report."""
        async with asyncio.timeout(PATIENCE):
            return await self.reports.get()


async def test_a_chunk_gets_its_config_and_its_rotation(tmp_path: Path) -> None:
    """And its end is reported in the event loop."""
    desk = Desk(tmp_path)
    desk.runner.start(desk.lease())
    assert (await desk.ended()).result == counted(7, 100, 100)
    await desk.runner.close()


async def test_a_chunk_is_stopped_while_its_config_is_on_its_way(tmp_path: Path) -> None:
    """It never reaches a worker."""
    desk = Desk(tmp_path)
    desk.fetch_gate.clear()
    desk.runner.start(desk.lease())
    await asyncio.sleep(0)
    desk.runner.stop(desk.lease().chunk_id)
    assert (await desk.ended()).end == "stopped"
    assert desk.engine.ran == []
    await desk.runner.close()


async def test_a_chunk_is_stopped_before_its_first_step(tmp_path: Path) -> None:
    """A task that is cancelled before it runs reports all the same."""
    desk = Desk(tmp_path)
    desk.runner.start(desk.lease())
    desk.runner.stop(desk.lease().chunk_id)
    assert (await desk.ended()).end == "stopped"
    await desk.runner.close()


@pytest.mark.parametrize(
    ("error", "end", "retryable"),
    [(PoolUnavailableError("away"), "released", None), (KeyError("x"), None, None)],
)
async def test_a_pool_that_is_away_gives_the_chunk_back(
    tmp_path: Path,
    error: Exception,
    end: str | None,
    retryable: bool | None,  # noqa: FBT001
) -> None:
    """Nobody failed; a defect, though, is not hidden."""
    desk = Desk(tmp_path)
    desk.error = error
    desk.runner.start(desk.lease())
    ended = await desk.ended()
    assert ended.end == (end or "failed")
    assert ended.retryable == (True if end is None else retryable)
    await desk.runner.close()


async def test_a_config_that_is_not_what_it_says_fails_the_chunk(tmp_path: Path) -> None:
    """Another node may get a good copy."""
    desk = Desk(tmp_path)
    wrong = "0" * 64
    TEXTS[wrong] = "{}"
    desk.runner.start(desk.lease(config=wrong))
    ended = await desk.ended()
    assert (ended.end, ended.retryable) == ("failed", True)
    assert wrong in (ended.error or "")
    del TEXTS[wrong]
    await desk.runner.close()


async def test_an_unknown_engine_fails_the_chunk_for_this_node(tmp_path: Path) -> None:
    """Another node may have it."""
    desk = Desk(tmp_path)
    desk.runner.start(desk.lease(engine="chess"))
    ended = await desk.ended()
    assert (ended.end, ended.retryable) == ("failed", True)
    assert "chess" in (ended.error or "")
    await desk.runner.close()


async def test_terms_of_the_state_machine_become_terms_of_work(tmp_path: Path) -> None:
    """Cores are chosen, a priority is a niceness, and nobody goes below what the settings say."""
    desk = Desk(tmp_path, niceness=7)
    pool = desk.runner._pool
    assert pool.terms == WorkTerms(niceness=7)
    for terms, expected in (
        (Terms(1, "low", 40), WorkTerms(cpus=cpus_for(1), niceness=19, power_percent=40)),
        (Terms(None, "normal"), WorkTerms(niceness=7)),
        (Terms(None, "high"), WorkTerms(niceness=7)),
        (Terms(), WorkTerms(niceness=7)),
    ):
        desk.runner.arrange(terms)
        assert pool.terms == expected
    await desk.runner.close()


async def test_closing_waits_for_workers_and_tasks(tmp_path: Path) -> None:
    """Nothing is left of either."""
    desk = Desk(tmp_path)
    desk.engine.gate.clear()
    desk.runner.start(desk.lease())
    await asyncio.to_thread(desk.engine.running.acquire)
    await desk.runner.close()
    assert not worker_threads()
    assert [task.get_name() for task in asyncio.all_tasks()].count("prepare") == 0


async def test_a_version_that_the_job_does_not_accept_is_not_run(tmp_path: Path) -> None:
    """Whatever the pool thought that this node has; another node may have one that it accepts."""
    desk = Desk(tmp_path)
    ended = await desk.end_of("1.0.1..")
    assert (ended.end, ended.retryable) == ("failed", True)
    assert "accepts combat 1.0.1.., but this node has 1.0.0" in str(ended.error)
    assert (await desk.end_of("..1.0.0")).end == "completed"
    await desk.runner.close()
