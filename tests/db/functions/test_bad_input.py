"""What is refused over HTTP: the status and code that are documented, and nothing has changed."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import httpx
from psycopg import sql

from tests.db.schema.pool import CONFIG, completed, result
from tests.patience import PATIENCE
from tests.unit.functions.support import Handlers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from local.stack import Stack
    from tests.databases import TestDatabase

REGISTER: Final = "/functions/v1/node-register"
TOKEN: Final = "/functions/v1/node-token"
CLAIM: Final = "/functions/v1/claim"
MACHINE: Final = {"hostname": "atlas", "totalCores": 8, "enabledCores": 4, "version": "0.1.0"}
SEEDS: Final = {"atlas": "07" * 32, "boreas": "08" * 32, "late": "09" * 32}
#: attempts are counted, refused ones above all
COUNTERS: Final = ("private.rate_uses",)
#: the sign of life of a node that asks, and what wakes those that wait for work
PULSES: Final = ("private.node_heartbeats", "private.idle_nodes", "private.sweeps")
TABLES: Final = """
select nspname, relname from pg_catalog.pg_class
join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
where relkind in ('r', 'p') and not relispartition and nspname in ('public', 'private')
"""


@dataclass
class Person:
    """Somebody who has signed up."""

    client: httpx.AsyncClient
    token: str

    async def post(self, path: str, content: Any) -> httpx.Response:
        """Send a body, as JSON where it is no text."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        body = {"content": content} if isinstance(content, str) else {"json": content}
        return await self.client.post(path, headers=headers, **body)

    async def call(self, function: str, arguments: Any) -> httpx.Response:
        """Call a function of the database."""
        return await self.post(f"/rest/v1/rpc/{function}", arguments)


@dataclass
class World:
    """A pool with two owners of a node each, one of which has leased a range of a job."""

    stack: Stack
    database: TestDatabase
    client: httpx.AsyncClient
    handlers: Handlers
    owner: Person = field(init=False)
    stranger: Person = field(init=False)
    node: Person = field(init=False)
    other_node: Person = field(init=False)
    job: dict[str, Any] = field(init=False)
    chunk: dict[str, Any] = field(init=False)
    used_code: str = field(init=False)
    expired_code: str = field(init=False)

    async def populate(self) -> None:
        """Let everybody come, and the first node take work."""
        # what cron does is no answer to anybody
        self.database.connect_as_admin().execute("update cron.job set active = false")
        self.owner, self.stranger = await self._sign_up("ada"), await self._sign_up("eve")
        self.node, self.used_code = await self._node("atlas", self.owner)
        self.other_node, _ = await self._node("boreas", self.stranger)
        self.job = (await self.owner.call("submit_job", submit())).json()
        answer = await self.node.call("exchange_chunks", exchange(slots=1))
        (self.chunk,) = answer.json()["chunks"]
        self.expired_code = (await self._register("late")).json()["claimCode"]
        self.database.connect_as_admin().execute(
            "update public.nodes set claim_code_expires_at = now() - interval '1 second'"
            " where claim_code is not null"
        )

    async def signed(self, path: str, body: Any, **changes: Any) -> httpx.Response:
        """A signed request to the running stand-in."""
        url = f"{self.stack.url}{path}"
        return await self.handlers.signed(path, body, **{"sign_url": url, **changes})

    def rows(self, *left_out: str) -> dict[str, list[str]]:
        """Everything that the pool knows, table by table."""
        connection = self.database.connect_as_admin()
        every = sql.SQL("select t::text from {} as t order by 1")
        return {
            f"{schema}.{table}": [
                row for (row,) in connection.execute(every.format(sql.Identifier(schema, table)))
            ]
            for schema, table in connection.execute(TABLES).fetchall()
            if f"{schema}.{table}" not in {*COUNTERS, *left_out}
        }

    async def _sign_up(self, name: str) -> Person:
        account = {"email": f"{name}@example.org", "password": "correct horse battery"}
        answer = await self.client.post("/auth/v1/signup", json=account)
        return Person(self.client, answer.json()["access_token"])

    async def _register(self, name: str) -> httpx.Response:
        machine = {**MACHINE, "hostname": name}
        return await self.signed(REGISTER, machine, seed=SEEDS[name])

    async def _node(self, name: str, owner: Person) -> tuple[Person, str]:
        code = (await self._register(name)).json()["claimCode"]
        assert (await owner.post(CLAIM, {"code": code})).status_code == 200
        token = (await self.signed(TOKEN, {}, seed=SEEDS[name])).json()["accessToken"]
        node = Person(self.client, token)
        status = {"version": "0.1.0", "iterations_per_second": 10}
        assert (await node.call("node_heartbeat", {"status": status})).status_code == 200
        return node, code


@asynccontextmanager
async def world(stack: Stack, database: TestDatabase) -> AsyncIterator[World]:
    """The pool, and a client of it."""
    headers = {"apikey": stack.publishable_key}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=PATIENCE) as client:
        found = World(stack, database, client, Handlers(client, time.time))
        await found.populate()
        yield found


def submit(**changes: Any) -> dict[str, Any]:
    """A job, right but for the changes."""
    return {"config_json": CONFIG, "iterations": 1000, "seed": 1, **changes}


def exchange(*finished: Any, slots: int = 0) -> dict[str, Any]:
    """What a node hands in, and how much it wants."""
    return {"finished": list(finished), "slots": slots, "running": []}


async def test_handlers_refuse_and_nothing_changes(stack: Stack, database: TestDatabase) -> None:
    """Bodies that are wrong, codes that are spent, signatures that are old or were seen."""
    async with world(stack, database) as pool:
        nonce = "AAECAwQFBgcICQoLDA0ODw"
        await pool.signed(TOKEN, {}, nonce=nonce)
        refused = {
            "malformed JSON": (pool.owner.post(CLAIM, '{"code": '), 400, "INVALID_REQUEST"),
            "no object": (pool.owner.post(CLAIM, "[]"), 400, "INVALID_REQUEST"),
            "wrong type": (pool.owner.post(CLAIM, {"code": 5}), 400, "INVALID_REQUEST"),
            "unknown field": (
                pool.owner.post(CLAIM, {"code": "AAAAAA", "colour": "red"}),
                400,
                "INVALID_REQUEST",
            ),
            "signed malformed JSON": (pool.signed(REGISTER, '{"host'), 400, "INVALID_REQUEST"),
            "signed wrong type": (
                pool.signed(REGISTER, {**MACHINE, "totalCores": "eight"}),
                400,
                "INVALID_REQUEST",
            ),
            "signed unknown field": (
                pool.signed(REGISTER, {**MACHINE, "owner": "me"}),
                400,
                "INVALID_REQUEST",
            ),
            "expired code": (pool.owner.post(CLAIM, {"code": pool.expired_code}), 410, "GONE"),
            "reused code": (
                pool.stranger.post(CLAIM, {"code": pool.used_code}),
                404,
                "NOT_FOUND",
            ),
            "replayed signature": (pool.signed(TOKEN, {}, nonce=nonce), 401, "UNAUTHORIZED"),
            "old signature": (
                pool.signed(TOKEN, {}, created=int(time.time()) - 301),
                401,
                "UNAUTHORIZED",
            ),
            "signature from the future": (
                pool.signed(TOKEN, {}, created=int(time.time()) + 310),
                401,
                "UNAUTHORIZED",
            ),
            "signature for another path": (
                pool.signed(TOKEN, {}, sign_url=f"{stack.url}{REGISTER}"),
                401,
                "UNAUTHORIZED",
            ),
        }
        for name, (request, status, code) in refused.items():
            before = pool.rows()
            answer = await request
            body = answer.json()
            assert (answer.status_code, body["code"], body["success"]) == (status, code, False), (
                name
            )
            assert pool.rows() == before, name


async def test_functions_refuse_and_nothing_changes(stack: Stack, database: TestDatabase) -> None:
    """Calls of the database that are wrong, or that are about what belongs to somebody else."""
    async with world(stack, database) as pool:
        job = {"id": pool.job["id"]}
        refused = {
            "malformed JSON": (pool.owner.call("submit_job", '{"iterations":'), 400, "PGRST102"),
            "wrong type": (
                pool.owner.call("submit_job", submit(iterations="many")),
                400,
                "22P02",
            ),
            "unknown field": (
                pool.owner.call("submit_job", submit(colour="red")),
                404,
                "PGRST202",
            ),
            "out of range": (pool.owner.call("submit_job", submit(iterations=0)), 400, "PT400"),
            "foreign job": (pool.stranger.call("cancel_job", job), 404, "PT404"),
            "a user as a node": (
                pool.owner.call("exchange_chunks", exchange(slots=1)),
                403,
                "PT403",
            ),
            "malformed hand-in": (
                pool.node.call("exchange_chunks", exchange({"chunk_id": "x"})),
                400,
                "PT400",
            ),
            "too many slots": (
                pool.node.call("exchange_chunks", exchange(slots=1001)),
                400,
                "PT400",
            ),
        }
        for name, (request, status, code) in refused.items():
            before = pool.rows()
            answer = await request
            assert (answer.status_code, answer.json()["code"]) == (status, code), name
            assert pool.rows() == before, name


async def test_foreign_and_unknown_leases_change_nothing(
    stack: Stack, database: TestDatabase
) -> None:
    """They are answered, since a node may not know better, but they count nothing."""
    async with world(stack, database) as pool:
        mine = pool.chunk
        foreign = {
            "another node's lease": (pool.other_node, completed(mine)),
            "wrong token": (pool.node, completed({**mine, "lease_token": str(uuid4())})),
            "unknown chunk": (pool.node, completed({**mine, "chunk_id": str(uuid4())})),
        }
        for name, (node, finished) in foreign.items():
            before = pool.rows(*PULSES)
            answer = await node.call("exchange_chunks", exchange(finished))
            (outcome,) = answer.json()["outcomes"]
            assert (outcome["outcome"], outcome["reason"]) == ("rejected", "unknown_lease"), name
            assert pool.rows(*PULSES) == before, name


async def test_a_result_out_of_range_counts_nothing(stack: Stack, database: TestDatabase) -> None:
    """It costs the lease, so that somebody else runs the range; the job is as it was."""
    counted = ("public.sim_jobs", "private.job_partials", "public.sim_configs")
    async with world(stack, database) as pool:
        document = result(pool.chunk)
        document["metrics"]["dps"]["max_iteration"] = 10**6
        before = pool.rows()
        answer = await pool.node.call("exchange_chunks", exchange(completed(pool.chunk, document)))
        (outcome,) = answer.json()["outcomes"]
        assert (outcome["outcome"], outcome["reason"]) == ("rejected", "range")
        after = pool.rows()
        assert {name: after[name] for name in counted} == {name: before[name] for name in counted}
