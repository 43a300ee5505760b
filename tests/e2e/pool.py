"""A whole pool as its people see it, with handles to break it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, LiteralString

import httpx
import psycopg
import pytest
import rfc8785
from psycopg import sql

from local.node_process import NodeProcess, environment, node_process
from node.auth import NodeKey
from node.client import PoolClient
from node.config import Settings
from node.daemon import key_path
from node.engine import get_engine
from node.engine.configs import default_config
from node.engine.results import digest, merge
from node.jobs import ENDED
from node.model import Finished
from node.queries import Queries
from node.sentinel import Sentinel
from node.session import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AsyncExitStack
    from pathlib import Path

    from local.stack import Stack

SPEC = "modern/beast_mastery"
#: seconds for a whole job
PATIENCE = 240.0
POLL = 0.1


@dataclass(frozen=True)
class Job:
    """What was asked for, so that one process alone can do it again."""

    id: str
    config: dict[str, Any]
    iterations: int
    seed: int


@dataclass
class Pool:
    """A stand-in with an owner who is signed in; nodes are started as a test needs them."""

    stack: Stack
    owner: PoolClient
    resources: AsyncExitStack
    directory: Path
    cache: Path
    nodes: list[NodeProcess] = field(default_factory=list)

    @classmethod
    async def open(
        cls, stack: Stack, resources: AsyncExitStack, directory: Path, cache: Path
    ) -> Pool:
        """A pool whose owner has just signed up."""
        settings = Settings(
            url=stack.url,
            publishable_key=stack.publishable_key,
            data_dir=directory / "owner",
        )
        sessions = Sessions(settings)
        await sessions.sign_up("owner@example.org", "correct horse battery staple")
        owner = await resources.enter_async_context(PoolClient(settings, sessions.token))
        return cls(stack, owner, resources, directory, cache)

    async def start_node(self, name: str, *flags: str) -> NodeProcess:
        """A claimed node that is running, with one worker."""
        variables = environment(self.stack, self.directory, self.cache)
        node = await self.resources.enter_async_context(
            node_process(name, variables, self.directory / name, *flags)
        )
        self.nodes.append(node)
        code = await node.claim_code()
        await self.owner.handler("POST", "claim", body={"code": code, "name": name})
        await node.wait_for_state("running")
        return node

    async def start_nodes(self, *names: str, flags: tuple[str, ...] = ()) -> list[NodeProcess]:
        """Several nodes, started at the same time."""
        return list(await asyncio.gather(*(self.start_node(name, *flags) for name in names)))

    def work(self, seconds: float) -> int:
        """Iterations that keep every node busy for so long, by their own measure."""
        measured = (event for node in self.nodes for event in node.events)
        speeds = (
            float(event["iterations_per_second"]) for event in measured if _is_calibration(event)
        )
        return round(seconds * sum(speeds))

    async def submit(
        self, *, iterations: int, duration: float = 300.0, seed: int = 7, **more: Any
    ) -> Job:
        """Send a fight of the first spec to the pool."""
        config = default_config(SPEC, duration=duration)
        answer = await self.owner.rpc(
            "submit_job",
            {
                "config_json": rfc8785.dumps(config).decode(),
                "iterations": iterations,
                "seed": seed,
                **more,
            },
        )
        return Job(answer["id"], config, iterations, seed)

    async def progress(self, job: Job) -> dict[str, Any]:
        """How far the job is."""
        return dict(await self.owner.rpc("job_progress", {"id": job.id}))

    async def until(self, job: Job, completed_iterations: int) -> None:
        """Return once that many iterations are counted."""
        await self._seen(job, lambda now: now["completed_iterations"] >= completed_iterations)

    async def finished(self, job: Job) -> dict[str, Any]:
        """The row of the job once it has ended."""
        await self._seen(job, lambda now: now["status"] in ENDED)
        rows = await self.owner.rows("sim_jobs", id=f"eq.{job.id}", select="*")
        return rows[0]

    async def _seen(self, job: Job, holds: Callable[[dict[str, Any]], bool]) -> None:
        progress: dict[str, Any] = {}
        for _ in range(round(PATIENCE / POLL)):
            if holds(progress := await self.progress(job)):
                return
            await asyncio.sleep(POLL)
        pytest.fail(f"the job is stuck: {progress}")

    async def make_trouble(self, **orders: Any) -> None:
        """Let Realtime lose messages or connections, as `local.realtime.chaos` words it."""
        async with httpx.AsyncClient(
            headers={"apikey": self.stack.secret_key}, timeout=PATIENCE
        ) as client:
            response = await client.post(f"{self.stack.url}/realtime/v1/chaos", json=orders)
        response.raise_for_status()

    async def hand_in_again(self, node: NodeProcess) -> str:
        """Send the first result of a node once more, as that node; the pool's word on it."""
        ((chunk_id, lease_token, result, running),) = self.query(
            "select id::text, lease_token::text, result, array("
            "select held.id::text from public.sim_chunks as held"
            " where held.status in ('pending', 'claimed', 'running'))"
            " from public.sim_chunks where status = 'completed' order by completed_at limit 1"
        )
        handlers = (self.stack.url, self.stack.publishable_key)
        key = NodeKey.load_or_create(key_path(self.directory / node.name))
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            token = await Sentinel(client, key, *handlers, clock=time.time).token()
            queries = Queries(client, *handlers)
            queries.use_token(token.access_token)
            again = Finished(chunk_id, lease_token, "completed", result)
            answer = await queries.exchange_chunks([again], 0, running)
        return answer.outcomes[0].outcome

    def set(self, **settings: Any) -> None:
        """Change settings of the pool, as its operator does."""
        columns = sql.SQL(", ").join(
            sql.SQL("{} = %s").format(sql.Identifier(name)) for name in settings
        )
        statement = sql.SQL("update private.settings set {}").format(columns)
        with psycopg.connect(self.stack.admin_url, autocommit=True) as connection:
            connection.execute(statement, list(settings.values()))

    def query(self, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """Look behind the curtain."""
        with psycopg.connect(self.stack.admin_url, autocommit=True) as connection:
            return connection.execute(statement, values).fetchall()


def _is_calibration(event: Mapping[str, Any]) -> bool:
    return bool(event["event"] == "calibrated")


def single_process_digest(job: Job) -> str:
    """The digest that one process alone gives, in two ranges of unequal size."""
    engine = get_engine("combat")
    plan = engine.prepare(job.config)
    cut = job.iterations // 3
    ranges = ((0, cut), (cut, job.iterations - cut))
    first, second = (
        engine.run(plan, job.seed, start, count, lambda: False) for start, count in ranges
    )
    assert first is not None
    assert second is not None
    return digest(merge(first, second))


def assert_exact(job: Job, row: dict[str, Any]) -> None:
    """The job is done, and its result is that of one process alone."""
    assert row["status"] == "completed", row["error"]
    assert row["completed_iterations"] == job.iterations
    assert row["result"]["result"]["iterations"] == job.iterations
    assert row["result"]["digest"] == single_process_digest(job)
