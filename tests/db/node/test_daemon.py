"""A whole node in this process against a whole pool: every seam between them, crossed for real."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any, cast

from node.config import Settings
from node.daemon import Daemon
from node.engine.results import digest
from tests.unit.node.gated import GatedEngine, counted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from local.stack import Stack
    from node.engine import Engine
    from node.model import Event
    from tests.databases import TestDatabase

CONFIG = json.dumps({"engine": "combat", "schema": 1}, separators=(",", ":"))
REGISTRATION = {
    "hostname": "atlas",
    "totalCores": 4,
    "enabledCores": 2,
    "version": "0.1.0",
    "platform": "linux-x86_64",
}


class Owner:
    """A user of the pool."""

    def __init__(self, database: TestDatabase, email: str = "owner@example.com") -> None:
        self.id = database.create_user(email)
        self._connection = database.connect("authenticated", {"sub": self.id})

    async def call(self, query: str, *parameters: object) -> Any:
        """Ask the database as this user."""
        return await asyncio.to_thread(self._call, query, parameters)

    def _call(self, query: str, parameters: tuple[object, ...]) -> Any:
        row = self._connection.execute(cast("Any", query), parameters).fetchone()
        return row[0] if row else None

    async def claim(self, code: str) -> None:
        """Enter a claim code."""
        await self.call("select public.claim_node(%s, 'atlas', 2)", code)

    async def submit(self, iterations: int, seed: int = 7) -> str:
        """Submit a job; returns its id."""
        job = await self.call(
            "select public.submit_job(config_json => %s, iterations => %s, seed => %s)",
            CONFIG,
            iterations,
            seed,
        )
        return str(job["id"])

    async def result(self, job_id: str) -> dict[str, Any]:
        """Wait for the end of a job; returns its row."""

        async def is_done() -> bool:
            status = await self.call("select status from public.sim_jobs where id = %s", job_id)
            assert status not in {"failed", "cancelled"}
            return bool(status == "completed")

        await until(is_done)
        row = await self.call("select to_jsonb(j) from public.sim_jobs as j where id = %s", job_id)
        return cast("dict[str, Any]", row)


class Watcher:
    """What a node has told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Note an event."""
        self.events.append(event)

    @property
    def codes(self) -> list[str]:
        """The claim codes that were shown."""
        return [event.claim_code for event in self.events if event.claim_code]

    def count(self, action: str) -> int:
        """How often something was told."""
        return sum(event.action == action for event in self.events)


async def until(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer:
                return
            await asyncio.sleep(0.02)


def settings(stack: Stack, data_dir: Path, **changes: Any) -> Settings:
    """Settings of a node of this pool."""
    return Settings(
        url=stack.url, publishable_key=stack.publishable_key, data_dir=data_dir, **changes
    )


@asynccontextmanager
async def node(config: Settings, engine: GatedEngine, watcher: Watcher) -> AsyncIterator[Daemon]:
    """A running node, which is stopped at once at the end if it still runs."""
    daemon = Daemon(
        config,
        on_event=watcher,
        registration=REGISTRATION,
        engines=lambda _: cast("Engine", engine),
        random=Random(0),  # noqa: S311  # jitter
    )
    task = asyncio.create_task(daemon.run(), name="node")
    try:
        yield daemon
    finally:
        daemon.stop_now()
        await task


async def claimed(daemon: Daemon, owner: Owner, watcher: Watcher) -> None:
    """Pair the node with its owner and wait until it works."""
    await until(lambda: watcher.codes)
    await owner.claim(watcher.codes[-1])
    await until(lambda: daemon.snapshot().state == "running")
    await until(lambda: daemon.snapshot().workers_size)


async def test_a_node_is_claimed_runs_a_job_and_leaves(
    stack: Stack, database: TestDatabase, tmp_path: Path
) -> None:
    """Register, code, claim by push, lease by push, run, hand in, exact result, drain."""
    owner, watcher, engine = Owner(database), Watcher(), GatedEngine()
    config = settings(stack, tmp_path / "node", claim_poll_interval=300.0)
    async with node(config, engine, watcher) as daemon:
        await until(lambda: daemon.snapshot().connection == "live")
        await claimed(daemon, owner, watcher)
        job = await owner.result(await owner.submit(1000))
        assert job["result"]["digest"] == digest(counted(7, 0, 1000))
        await until(lambda: daemon.snapshot().iterations_completed == 1000)
        daemon.stop()
        await until(lambda: daemon.snapshot().state == "stopped")
    assert not list((tmp_path / "node" / "spool").glob("*"))
