"""A whole node in this process against a whole pool: every seam between them, crossed for real."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from local.config import Settings as LocalSettings
from local.stack import Stack
from node.config import Settings
from node.daemon import Daemon
from node.engine import ConfigError, Problem
from node.engine.results import digest
from node.model import Finished
from node.spool import Spool
from tests.patience import PATIENCE
from tests.unit.node.gated import GatedEngine, counted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from node.engine import Engine
    from node.model import Event
    from tests.databases import DatabaseServer, TestDatabase

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


async def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
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
        url=stack.url,
        publishable_key=stack.publishable_key,
        data_dir=data_dir,
        cache_dir=data_dir / "cache",
        **changes,
    )


@asynccontextmanager
async def node(config: Settings, engine: GatedEngine, watcher: Watcher) -> AsyncIterator[Daemon]:
    """A running node, which is stopped at once at the end if it still runs."""
    daemon = Daemon(
        config,
        on_event=watcher,
        registration=REGISTRATION,
        engines=lambda _: cast("Engine", engine),
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


async def test_results_of_a_killed_node_are_delivered_by_the_next_start(
    stack: Stack, database: TestDatabase, tmp_path: Path
) -> None:
    """A finished result waits on disk, and its job has the same digest as ever."""
    owner, watcher, engine = Owner(database), Watcher(), GatedEngine()
    config = settings(stack, tmp_path / "node")
    engine.gate.clear()
    async with node(config, engine, watcher) as daemon:
        await claimed(daemon, owner, watcher)
        job_id = await owner.submit(100)
        await asyncio.to_thread(engine.running.acquire)
        lease = next(iter(daemon._state.workload.ledger.assignments.values())).chunk
    count = lease.iterations
    result = counted(7, lease.seed_offset, count)
    Spool(tmp_path / "node" / "spool").put(
        Finished(lease.chunk_id, lease.lease_token, "completed", result)
    )
    engine.gate.set()
    async with node(config, engine, watcher) as daemon:
        job = await owner.result(job_id)
        assert job["result"]["digest"] == digest(counted(7, 0, 100))
        assert (lease.seed_offset, count) not in engine.ran
        await until(lambda: daemon.snapshot().chunks_completed)
    assert watcher.count("claim_code") == 1
    assert not list((tmp_path / "node" / "spool").glob("*"))


async def test_without_any_message_the_node_still_does_everything(
    database_server: DatabaseServer, database: TestDatabase, tmp_path: Path
) -> None:
    """Losing every push costs time, nothing else."""
    deaf = LocalSettings(data_dir=tmp_path / "local", api_port=0, db_port=0, drop_messages=1.0)
    owner, watcher, engine = Owner(database), Watcher(), GatedEngine()
    async with Stack(deaf, server=database_server.server, database=database.name) as stack:
        config = settings(stack, tmp_path / "node", claim_poll_interval=0.2, poll_interval=0.2)
        async with node(config, engine, watcher) as daemon:
            await claimed(daemon, owner, watcher)
            job = await owner.result(await owner.submit(1000))
            assert job["result"]["digest"] == digest(counted(7, 0, 1000))


async def test_a_cut_subscription_comes_back_and_finds_what_it_missed(
    stack: Stack, database: TestDatabase, tmp_path: Path
) -> None:
    """The job is submitted while nobody listens; the next join asks for it."""
    owner, watcher, engine = Owner(database), Watcher(), GatedEngine()
    config = settings(stack, tmp_path / "node", poll_interval=300.0, heartbeat_interval=300.0)
    async with node(config, engine, watcher) as daemon:
        await claimed(daemon, owner, watcher)
        await until(lambda: daemon.snapshot().connection == "live")
        subscription = daemon._subscription
        assert subscription is not None
        await subscription._client.close()
        job = await owner.result(await owner.submit(100))
        assert job["result"]["digest"] == digest(counted(7, 0, 100))
        await until(lambda: watcher.count("subscribed") == 2)
    assert watcher.count("subscription_lost") == 1


async def test_the_owners_settings_apply_live(
    stack: Stack, database: TestDatabase, tmp_path: Path
) -> None:
    """Workers, pause and resume arrive by push, and the running chunk is not disturbed."""
    owner, watcher, engine = Owner(database), Watcher(), GatedEngine()
    config = settings(stack, tmp_path / "node", heartbeat_interval=300.0)
    async with node(config, engine, watcher) as daemon:
        await claimed(daemon, owner, watcher)
        resize = "select public.update_node_settings(%s, max_parallel => %s)"
        pause = "select public.update_node_settings(%s, paused => true)"
        resume = "select public.update_node_settings(%s, max_parallel => %s, paused => false)"
        node_id = daemon.snapshot().node_id
        await owner.call(resize, node_id, 4)
        await until(lambda: daemon.snapshot().workers_size == 4)
        await owner.call(pause, node_id)
        await until(lambda: daemon.snapshot().paused)
        job_id = await owner.submit(100)
        await owner.call(resume, node_id, 1)
        await until(lambda: daemon.snapshot().workers_size == 1)
        assert (await owner.result(job_id))["status"] == "completed"


async def test_a_cancelled_job_frees_its_workers(
    stack: Stack, database: TestDatabase, tmp_path: Path
) -> None:
    """By push, in mid-chunk."""
    owner, watcher, engine = Owner(database), Watcher(), GatedEngine()
    engine.gate.clear()
    config = settings(stack, tmp_path / "node", heartbeat_interval=300.0)
    async with node(config, engine, watcher) as daemon:
        await claimed(daemon, owner, watcher)
        job_id = await owner.submit(100)
        await asyncio.to_thread(engine.running.acquire)
        await owner.call("select public.cancel_job(%s)", job_id)
        await until(lambda: daemon.snapshot().workers_busy == 0)
    assert watcher.count("chunk_accepted") == 0


async def test_a_node_that_drains_too_long_gives_its_chunks_back(
    stack: Stack, database: TestDatabase, tmp_path: Path
) -> None:
    """Another node may take them at once, without waiting for the lease to expire."""
    owner, watcher, engine = Owner(database), Watcher(), GatedEngine()
    engine.gate.clear()
    config = settings(stack, tmp_path / "node", drain_timeout=0.1)
    async with node(config, engine, watcher) as daemon:
        await claimed(daemon, owner, watcher)
        await owner.submit(100)
        await asyncio.to_thread(engine.running.acquire)
        daemon.stop()
        await until(lambda: daemon.snapshot().state == "stopped")
    leases = await owner.call("select array_agg(failure) from public.sim_chunks")
    assert set(leases) == {"released"}


async def test_a_node_that_the_pool_has_forgotten_introduces_itself_again(
    stack: Stack, database: TestDatabase, tmp_path: Path
) -> None:
    """Its key is all it needs; its owner enters a new code."""
    owner, watcher, engine = Owner(database), Watcher(), GatedEngine()
    config = settings(stack, tmp_path / "node", heartbeat_interval=0.2)
    async with node(config, engine, watcher) as daemon:
        await claimed(daemon, owner, watcher)
        first = daemon.snapshot().node_id
        with database.connect_as_admin() as connection, connection.transaction():
            # a heartbeat locks this row before the node's
            connection.execute("select from private.node_heartbeats for update")
            connection.execute("delete from public.nodes")
        await until(lambda: len(watcher.codes) == 2)
        await claimed(daemon, owner, watcher)
        assert daemon.snapshot().node_id != first


async def test_a_job_that_cannot_run_fails_with_the_engines_reason(
    stack: Stack, database: TestDatabase, tmp_path: Path
) -> None:
    """One refusal of the config is enough: no other node can do better."""

    class Picky(GatedEngine):
        def prepare(self, *_: Any) -> Any:
            raise ConfigError([Problem("/spec", "is missing", "name one")])

    owner, watcher = Owner(database), Watcher()
    async with node(settings(stack, tmp_path / "node"), Picky(), watcher) as daemon:
        await claimed(daemon, owner, watcher)
        job_id = await owner.submit(100)
        query = "select error from public.sim_jobs where id = %s and status = 'failed'"
        await until(lambda: owner.call(query, job_id))
        assert "/spec: is missing (name one)" in await owner.call(query, job_id)
    assert watcher.count("chunk_failed") >= 1
