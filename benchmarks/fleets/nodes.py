"""The nodes of a fleet: ten thousand lives on a few connections, as a pooler would have it.

A node lives as `node/` does: it heartbeats at its jittered period, runs one range at a time for as
long as that takes at its speed, and hands it in and takes the next in one call. Each call says who
calls and makes the call in one round trip, as the REST API does. Pushes are not delivered: a node
that has nothing to do asks when it was told to.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import psycopg

from benchmarks.fleets import documents

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from benchmarks.fleets.records import Records

BECOME: Final = (
    "select set_config('request.jwt.claims', %s, false), set_config('role', 'authenticated', false)"
)
EXCHANGE: Final = "select public.exchange_chunks(%s::jsonb, %s::integer, %s::jsonb)"
HEARTBEAT: Final = "select public.node_heartbeat(%s::jsonb)"

Kind = Literal["exchange", "heartbeat"]


@dataclass(slots=True)
class Node:
    """One simulated node, with one worker."""

    id: str
    speed: float  # iterations per second
    chunk: dict[str, Any] | None = None
    busy: bool = False  # a call of it is under way


@dataclass
class Fleet:
    """All nodes, and what each will do when."""

    nodes: list[Node]
    random: random.Random
    records: Records
    heartbeat_period: float
    ramp: float
    _agenda: list[tuple[float, int, Kind, Node]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def run(self, dsn: str, connections: int, seconds: float) -> None:
        """Let the fleet live so long."""
        end = time.monotonic() + seconds
        for node in self.nodes:
            at = time.monotonic() + self.random.uniform(0, self.ramp)
            self._plan(at, "heartbeat", node)
            self._plan(at + 0.01, "exchange", node)
        due: asyncio.Queue[tuple[float, Kind, Node]] = asyncio.Queue()
        async with asyncio.TaskGroup() as tasks:
            workers = [
                tasks.create_task(self._serve(dsn, due), name=f"connection {number}")
                for number in range(connections)
            ]
            while (now := time.monotonic()) < end:
                while self._agenda and self._agenda[0][0] <= now:
                    at, _, kind, node = heapq.heappop(self._agenda)
                    due.put_nowait((at, kind, node))
                await asyncio.sleep(0.005)
            for worker in workers:
                worker.cancel()

    def _plan(self, at: float, kind: Kind, node: Node) -> None:
        heapq.heappush(self._agenda, (at, next(self._numbers), kind, node))

    async def _serve(self, dsn: str, due: asyncio.Queue[tuple[float, Kind, Node]]) -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            while True:
                at, kind, node = await due.get()
                if node.busy:  # calls of one node come one after the other
                    self._plan(time.monotonic() + 0.05, kind, node)
                    continue
                node.busy = True
                began = time.monotonic()
                await (self._exchange if kind == "exchange" else self._heartbeat)(connection, node)
                node.busy = False
                self.records.note(kind, began - at, time.monotonic() - began)

    async def _exchange(self, connection: psycopg.AsyncConnection[Any], node: Node) -> None:
        finished = "[]"
        if node.chunk is not None:
            finished = (
                f'[{{"chunk_id":"{node.chunk["chunk_id"]}","status":"completed",'
                f'"lease_token":"{node.chunk["lease_token"]}",'
                f'"result":{documents.result(node.chunk)}}}]'
            )
        answer = await self._call(connection, node, EXCHANGE, (finished, 1, "[]"))
        now = time.monotonic()
        node.chunk = answer["chunks"][0] if answer["chunks"] else None
        if node.chunk is None:
            wait = answer["next_poll_ms"] / 1000 * self.random.uniform(0.8, 1.2)
        else:
            wait = node.chunk["iterations"] / node.speed * self.random.uniform(0.9, 1.1)
        self._plan(now + wait, "exchange", node)

    async def _heartbeat(self, connection: psycopg.AsyncConnection[Any], node: Node) -> None:
        status = {
            "version": "1.0.0",
            "running": [node.chunk["chunk_id"]] if node.chunk else [],
            "free_workers": 0 if node.chunk else 1,
            "load": 0.5,
            "iterations_per_second": node.speed,
        }
        await self._call(connection, node, HEARTBEAT, (json.dumps(status),))
        wait = self.heartbeat_period * self.random.uniform(0.9, 1.1)
        self._plan(time.monotonic() + wait, "heartbeat", node)

    async def _call(
        self,
        connection: psycopg.AsyncConnection[Any],
        node: Node,
        query: str,
        values: tuple[Any, ...],
    ) -> Any:
        claims = f'{{"role":"authenticated","sub":"{node.id}","node_id":"{node.id}"}}'
        async with connection.pipeline():
            await connection.execute(BECOME, (claims,))
            cursor = await connection.execute(query, values)
            row = await cursor.fetchone()
        assert row is not None
        return row[0]
