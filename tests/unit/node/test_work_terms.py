"""Workers on terms: where they run, how far they stand back, how hard they work."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from node.worker import pool
from node.worker.pacer import Pacer
from node.worker.terms import WorkTerms, impose
from tests.unit.node.gated import GatedEngine
from tests.unit.node.test_pool import Bench, worker_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere a thread is not held to anything"
)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A pool without workers; no thread outlives the test."""
    bench = Bench(GatedEngine())
    yield bench
    bench.engine.gate.set()
    bench.pool.close()
    assert not worker_threads()


def affinities() -> list[set[int]]:
    """Where each worker may run."""
    return [os.sched_getaffinity(thread.native_id or 0) for thread in worker_threads()]


def nicenesses() -> list[int]:
    """How far each worker stands back."""
    return [os.getpriority(os.PRIO_PROCESS, one.native_id or 0) for one in worker_threads()]


@linux_only
def test_workers_stay_on_their_cpus(bench: Bench) -> None:
    """Those that work already too; the process is as free as before, and so are they afterwards."""
    everywhere = os.sched_getaffinity(0)
    last = max(everywhere)
    bench.engine.gate.clear()
    bench.pool.resize(2)
    bench.submit(1)
    bench.wait_until_running(1)
    bench.pool.arrange(WorkTerms(cpus=frozenset({last})))
    assert affinities() == [{last}, {last}]
    bench.pool.resize(3)
    while len(worker_threads()) < 3 or affinities() != [{last}] * 3:
        pass
    assert os.sched_getaffinity(0) == everywhere
    bench.pool.arrange(WorkTerms())
    assert affinities() == [everywhere] * 3


@linux_only
def test_workers_stand_back_alone(bench: Bench) -> None:
    """The threads' priority changes, the process's does not."""
    before = os.getpriority(os.PRIO_PROCESS, os.getpid())
    bench.pool.resize(2)
    bench.pool.arrange(WorkTerms(niceness=3))
    assert nicenesses() == [min(19, before + 3)] * 2
    bench.pool.arrange(WorkTerms(niceness=19))
    assert nicenesses() == [19] * 2
    assert os.getpriority(os.PRIO_PROCESS, os.getpid()) == before


def test_a_worker_that_cannot_follow_is_replaced_after_its_chunk(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only root takes niceness back; a new thread has none to begin with."""
    bench.engine.gate.clear()
    bench.pool.resize(2)
    bench.submit(1)
    bench.wait_until_running(1)
    veterans = set(worker_threads())
    stuck = {thread.native_id for thread in veterans}
    monkeypatch.setattr(pool, "impose", lambda _, thread_id: thread_id not in stuck)
    bench.pool.arrange(WorkTerms(niceness=1))
    assert len(set(worker_threads()) - veterans) == 2
    bench.engine.gate.set()
    bench.submit(2, 3, 4)
    assert [bench.ended().end for _ in range(4)] == ["completed"] * 4
    for thread in veterans:
        thread.join(10)
    assert len(worker_threads()) == 2
    bench.pool.resize(1)
    bench.submit(5)
    assert bench.ended().end == "completed"


@linux_only
def test_a_refusal_and_a_thread_that_is_gone_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one needs a new thread, the other needs nothing."""
    gone = threading.Thread(target=lambda: None)
    gone.start()
    gone.join()
    assert impose(WorkTerms(niceness=1), gone.native_id or 0)

    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    assert not impose(WorkTerms(niceness=1), threading.get_native_id())


def test_elsewhere_threads_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """MacOS and Windows hold no single thread to terms."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert impose(WorkTerms(cpus=frozenset({10_000}), niceness=19), 0)


class Clock:
    """A clock that moves while somebody works or rests."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rested = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class Stop(threading.Event):
    """A wish to stop, and the rests that were taken waiting for it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        """Rest without taking the time."""
        self._clock.rested += timeout or 0.0
        self._clock.now += timeout or 0.0
        return self.is_set()


@pytest.mark.parametrize(("percent", "rests"), [(100, 0.0), (50, 5.0), (25, 15.0), (80, 1.25)])
def test_work_takes_its_share_of_the_time(percent: int, rests: float) -> None:
    """A hundred pieces of 50 ms, with rests between."""
    clock = Clock()
    pacer = Pacer(Stop(clock), lambda: percent, clock)
    for _ in range(100):
        clock.now += 0.05
        assert not pacer()
    assert clock.rested == pytest.approx(rests)


def test_one_long_piece_is_no_reason_to_sleep_for_long() -> None:
    """Compiling may take minutes."""
    clock = Clock()
    pacer = Pacer(Stop(clock), lambda: 1, clock)
    clock.now += 60.0
    pacer()
    assert clock.rested == 1.0


def test_who_rests_hears_the_wish_to_stop() -> None:
    """Whatever the pace."""
    stop = threading.Event()
    stop.set()
    assert Pacer(stop, lambda: 1)()
    assert Pacer(stop, lambda: 100)()
