"""Nodes that a test can break and mend: each a process of its own, behind a wire of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psycopg
import pytest

from local.node_process import NodeProcess, environment, node_process
from node.config import Settings
from node.errors import NodeError
from node.spool import Spool
from node.status_file import StatusFile
from tests.e2e.fleet.wire import Weather, Wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from random import Random
    from typing import TypeVar

    from node.model import Snapshot
    from tests.e2e.pool import Pool

    Answer = TypeVar("Answer")

STRANGE_NODE: Final = (sys.executable, "-m", "tests.e2e.fleet.strange_node")
#: so short that whatever a node does not hear by push it hears soon
FLAGS: Final = ("--heartbeat-interval", "1", "--poll-interval", "2", "--request-timeout", "5")
POLL: Final = 0.1
PATIENCE: Final = 60.0


@dataclass
class Member:
    """One node of the fleet; it keeps its directory and its wire when its process is replaced."""

    name: str
    pool: Pool
    wire: Wire
    oddities: dict[str, str]
    node: NodeProcess = field(init=False)

    @property
    def directory(self) -> Path:
        """Where the node keeps its key and its spool."""
        return self.pool.directory / self.name

    @property
    def id(self) -> str:
        """The node's id."""
        return str(self.node.events[-1]["node_id"])

    @property
    def snapshot(self) -> Snapshot | None:
        """What the node tells other processes of its machine; None while it does not run."""
        status = StatusFile(Settings(data_dir=self.directory)).read()
        return status.snapshot if status else None

    @property
    def is_busy(self) -> bool:
        """Whether a kernel of it runs."""
        return self.snapshot is not None and self.snapshot.workers_busy > 0

    @property
    def spool(self) -> Spool:
        """The results that it has on disk."""
        return Spool(self.directory / "spool")

    async def start(self) -> None:
        """Start a process, claimed by the owner of the pool, and return when it works."""
        pool = self.pool
        variables = environment(pool.stack, pool.directory, pool.cache) | self.oddities
        # handlers check what they are called by; the rest goes through the wire
        variables |= {"SIMPOOL_POOL": self.wire.url, "SIMPOOL_HANDLERS": pool.stack.url}
        self.node = await pool.resources.enter_async_context(
            node_process(self.name, variables, self.directory, *FLAGS, command=STRANGE_NODE)
        )
        event = await self.node.wait_for(
            lambda event: "claim_code" in event or event["state"] == "starting", "be known"
        )
        if "claim_code" in event:
            body = {"code": event["claim_code"], "name": self.name}
            await pool.owner.handler("POST", "claim", body=body)
        await self.node.wait_for_state("running")

    async def kill(self) -> None:
        """End the process without a word."""
        self.node.process.kill()
        await self.node.process.wait()

    def freeze(self) -> None:
        """Stop the process where it is."""
        self.node.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the process go on as if nothing had happened."""
        self.node.process.send_signal(signal.SIGCONT)


@dataclass
class Fleet:
    """Several nodes of one pool, and the trouble that they are in."""

    pool: Pool
    random: Random
    members: list[Member] = field(default_factory=list)

    async def add(self, name: str, **oddities: str) -> Member:
        """A node that works."""
        wire = Wire(self.pool.stack.url, self.random)
        await self.pool.resources.enter_async_context(wire.laid())
        member = Member(name, self.pool, wire, oddities)
        await member.start()
        self.members.append(member)
        return member

    def set_weather(self, weather: Weather) -> None:
        """Let the networks of all nodes be like this."""
        for member in self.members:
            member.wire.weather = weather

    def leases(self, node_id: str | None = None) -> int:
        """How many leases are out, of one node or of all."""
        ((count,),) = self.pool.query(
            "select count(*) from public.sim_chunks"
            " where status in ('pending', 'claimed', 'running')"
            " and node_id = coalesce(%s, node_id)",
            node_id,
        )
        return int(count)

    def assert_that_the_books_balance(self) -> None:
        """No lease is left, and every iteration is answered for once."""
        assert self.leases() == 0
        assert self.pool.query("select * from private.check_invariants()") == []


async def seen(holds: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Return once something holds; fails the test when it does not come to pass."""
    for _ in range(round(patience / POLL)):
        if holds():
            return
        await asyncio.sleep(POLL)
    pytest.fail(f"not seen in {patience:.0f} s: {what}")


async def insist(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask again until there is an answer, as a person does while the pool is away."""
    for _ in range(round(PATIENCE / POLL)):
        try:
            return await ask()
        except (NodeError, psycopg.OperationalError):
            await asyncio.sleep(POLL)
    return await ask()
