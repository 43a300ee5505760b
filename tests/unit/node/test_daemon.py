"""The shell around the state machine: what it does with trouble, and what it leaves behind."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import httpx
import pytest

from node import instructions as do
from node.config import Settings
from node.daemon import Daemon
from node.engine import Engine, EngineError
from node.errors import DaemonError, IdentityError
from node.model import Event, Finished
from node.spool import Spool
from node.utils.threads import in_background
from node.version import VERSION
from tests.patience import PATIENCE
from tests.unit.node.gated import GatedEngine

if TYPE_CHECKING:
    from pathlib import Path

Handler = Callable[[httpx.Request], httpx.Response]
CODE = {"id": "node-1", "claimCode": "ABC234", "claimCodeExpiresAt": "2999-01-01T00:00:00Z"}


class Pool:
    """A scripted pool: an answer by path, and what was asked of it."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("_", "-"): answer for name, answer in answers.items()}
        self.asked: list[tuple[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; without a script the pool is away."""
        name = request.url.path.rpartition("/")[2]
        self.asked.append((name, json.loads(request.content or b"null")))
        answer = self.answers.get(name)
        if answer is None:
            raise httpx.ConnectError("away", request=request)
        if isinstance(answer, BaseException):
            raise answer
        return httpx.Response(answer[0], json=answer[1])


class Watcher:
    """Notes events, and lets a test wait for one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = asyncio.Event()

    def __call__(self, event: Event) -> None:
        """Note an event."""
        self.events.append(event)
        self._news.set()

    async def wait_for(self, action: str) -> Event:
        """The first event with this action."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for event in self.events:
                    if event.action == action:
                        return event
                self._news.clear()
                await self._news.wait()


def daemon(
    directory: Path,
    pool: Pool,
    watcher: Callable[[Event], None],
    engine: Any = None,
    *,
    name: str | None = None,
    **options: Any,
) -> Daemon:
    """A node with a scripted pool."""
    return Daemon(
        Settings(
            url="http://127.0.0.1:1",
            data_dir=directory,
            cache_dir=directory / "cache",
            name=name,
        ),
        on_event=watcher,
        engines=lambda _: cast("Engine", engine or GatedEngine()),
        transport=httpx.MockTransport(pool),
        **options,
    )


@asynccontextmanager
async def running(node: Daemon) -> AsyncIterator[asyncio.Task[None]]:
    """The node's main task; nothing is left of it afterwards."""
    task = asyncio.create_task(node.run(), name="node")
    try:
        yield task
    finally:
        node.stop_now()
        await asyncio.wait({task}, timeout=PATIENCE)
        assert task.done()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, others
        threads = {thread.name.partition("-")[0] for thread in threading.enumerate()}
        assert not threads & {"worker", "spool"}


async def test_an_unreachable_pool_is_told_and_waited_for(tmp_path: Path) -> None:
    """With the reason, in the snapshot as well."""
    watcher = Watcher()
    node = daemon(tmp_path, Pool(), watcher)
    async with running(node):
        event = await watcher.wait_for("unavailable")
        assert "127.0.0.1 cannot be reached: away" in event.message
        snapshot = node.snapshot()
        assert (snapshot.state, snapshot.connection) == ("unavailable", "offline")
        assert "away" in (snapshot.last_error or "")


async def test_the_code_is_shown_and_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """`on_event` is the only way to it."""
    watcher, pool = Watcher(), Pool(node_register=(201, CODE))
    caplog.set_level(logging.DEBUG)
    async with running(daemon(tmp_path, pool, watcher)):
        assert (await watcher.wait_for("claim_code")).claim_code == "ABC234"
    assert "claim_code" in [getattr(record, "action", None) for record in caplog.records]
    assert "ABC234" not in caplog.text
    assert all("ABC234" not in str(record.__dict__) for record in caplog.records)


async def test_a_node_registers_as_the_machine_it_is_on(tmp_path: Path) -> None:
    """Unless it is told what to say."""
    watcher, pool = Watcher(), Pool(node_register=(201, CODE))
    async with running(daemon(tmp_path, pool, watcher, name="desk")):
        await watcher.wait_for("claim_code")
    name, body = pool.asked[0]
    assert (name, body["version"]) == ("node-register", VERSION)
    assert body["hostname"] == "desk"
    assert body["totalCores"] >= body["enabledCores"] >= 1


async def test_a_registration_that_is_refused_ends_the_node_with_the_reason(
    tmp_path: Path,
) -> None:
    """And with the exit of a failure, not of a wish."""
    body = {"success": False, "error": "version: too old", "code": "INVALID_REQUEST", "details": {}}
    node = daemon(tmp_path, Pool(node_register=(400, body)), Watcher(), registration={"a": 1})
    async with running(node) as task:
        with pytest.raises(DaemonError, match="version: too old"):
            await asyncio.wait_for(task, PATIENCE)


async def test_an_engine_that_does_not_run_ends_the_node_with_the_reason(tmp_path: Path) -> None:
    """The owner is told where to look."""

    class Broken(GatedEngine):
        def benchmark(self, seconds: float) -> float:
            del seconds
            raise EngineError("no compiler")

    node = daemon(tmp_path, Pool(), Watcher(), Broken())
    async with running(node) as task:
        with pytest.raises(DaemonError, match="EngineError: no compiler") as caught:
            await asyncio.wait_for(task, PATIENCE)
    assert "doctor" in caught.value.diagnostics()


async def test_a_defect_in_a_task_ends_the_node(tmp_path: Path) -> None:
    """It is seen, instead of a node that goes on with a part of it dead."""
    pool = Pool(node_register=RuntimeError("a defect"))
    node = daemon(tmp_path, pool, Watcher(), registration={})
    async with running(node) as task:
        with pytest.raises(RuntimeError, match="a defect"):
            await asyncio.wait_for(task, PATIENCE)


async def test_a_cancelled_node_leaves_nothing_behind(tmp_path: Path) -> None:
    """No task, no thread, no socket."""
    watcher = Watcher()
    async with running(daemon(tmp_path, Pool(), watcher)) as task:
        await watcher.wait_for("unavailable")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_request_cancelled_before_it_starts_leaves_nothing_behind(tmp_path: Path) -> None:
    """A coroutine nobody awaits would be a warning, which is an error here."""
    node = daemon(tmp_path, Pool(), Watcher())
    async with httpx.AsyncClient(transport=httpx.MockTransport(Pool())) as client:
        node._open(client)
        node._carry_out(do.Exchange(finished=(), slots=1, running=()))
        await node._close()
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_stop_before_the_start_is_a_stop(tmp_path: Path) -> None:
    """A signal may come at any moment."""
    node = daemon(tmp_path, Pool(), Watcher())
    node.stop()
    async with running(node) as task:
        await asyncio.wait_for(task, PATIENCE)
    assert node.snapshot().state == "stopped"


async def test_a_second_stop_does_not_wait(tmp_path: Path) -> None:
    """Nor does a stop of a node that never got anywhere."""
    watcher = Watcher()
    node = daemon(tmp_path, Pool(), watcher)
    async with running(node) as task:
        await watcher.wait_for("unavailable")
        node.stop()
        node.stop()
        await asyncio.wait_for(task, PATIENCE)


async def test_a_damaged_key_is_reported_before_anything_happens(tmp_path: Path) -> None:
    """The node does not make itself a new identity."""
    (tmp_path / "node.key").write_text("no key")
    (tmp_path / "node.key").chmod(0o600)
    pool = Pool()
    with pytest.raises(IdentityError):
        await daemon(tmp_path, pool, Watcher()).run()
    assert pool.asked == []


async def test_a_damaged_result_is_told(tmp_path: Path) -> None:
    """By the path where it is kept."""
    Spool(tmp_path / "spool").put(Finished(str(UUID(int=1)), "lease", "completed", {}))
    path = tmp_path / "spool" / f"{UUID(int=1)}.json"
    path.write_text("{")
    watcher = Watcher()
    async with running(daemon(tmp_path, Pool(), watcher)):
        event = await watcher.wait_for("spool_damaged")
    assert str(path.with_suffix(".corrupt")) in event.message


async def test_a_result_that_cannot_be_written_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is handed in from memory all the same."""
    watcher = Watcher()
    node = daemon(tmp_path, Pool(), watcher)
    async with running(node):
        await watcher.wait_for("unavailable")
        (tmp_path / "spool").write_text("a file where the directory should be")
        node._write(lambda: node._spool.put(Finished(str(UUID(int=1)), "lease", "completed", {})))
    actions = [getattr(record, "action", None) for record in caplog.records]
    assert "spool_failed" in actions


async def test_work_in_the_background_gives_its_result_or_its_error() -> None:
    """To whoever waits for it."""
    assert await in_background("work", lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await in_background("work", lambda: 1 // 0)


async def test_nobody_needs_to_wait_for_work_in_the_background() -> None:
    """A thread that ends later disturbs nobody."""
    gate = threading.Event()
    task = asyncio.create_task(in_background("work", gate.wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "work":
            thread.join(10)
    await asyncio.sleep(0)
