"""A pool in one database: the people and nodes in it, one method per SQL function."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    import psycopg

    from tests.databases import TestDatabase

CONFIG: Final = '{"engine":"combat","schema":1}'
ENGINE_VERSION: Final = "1.0.0"

Json = dict[str, Any]


def result(chunk: Json, *, engine_version: str = ENGINE_VERSION, **counters: int) -> Json:
    """A valid result of a chunk: iteration i has the value 1000 * (i % 7)."""
    first, count = chunk["seed_offset"], chunk["iterations"]
    values = [1000 * (i % 7) for i in range(first, first + count)]
    histogram: dict[str, int] = {}
    for value in values:
        shift = max(0, value.bit_length() - 8)
        key = str(value >> shift << shift)
        histogram[key] = histogram.get(key, 0) + 1
    return {
        "schema": 1,
        "engine": "combat",
        "engine_version": engine_version,
        "iterations": count,
        "primary": "dps",
        "metrics": {
            "dps": {
                "unit": "milli",
                "n": count,
                "sum": str(sum(values)),
                "sum_squares": str(sum(value * value for value in values)),
                "min": min(values),
                "max": max(values),
                "min_iteration": first + values.index(min(values)),
                "max_iteration": first + values.index(max(values)),
                "histogram": histogram,
            }
        },
        "counters": {"casts": count, **counters},
        "extremes": {"shot": {"min": first, "max": first + count}},
    }


def completed(chunk: Json, document: Json | None = None) -> Json:
    """What a node hands in for a chunk that it has run."""
    return {
        "chunk_id": chunk["chunk_id"],
        "lease_token": chunk["lease_token"],
        "status": "completed",
        "result": document if document is not None else result(chunk),
    }


def failed(chunk: Json, error: str = "it broke", *, retryable: bool = True) -> Json:
    """What a node hands in for a chunk that it could not run."""
    return {
        "chunk_id": chunk["chunk_id"],
        "lease_token": chunk["lease_token"],
        "status": "failed",
        "error": error,
        "retryable": retryable,
    }


def released(chunk: Json) -> Json:
    """What a node hands in for a chunk that it gives back."""
    return {
        "chunk_id": chunk["chunk_id"],
        "lease_token": chunk["lease_token"],
        "status": "released",
    }


@dataclass
class User:
    """A signed-in user."""

    pool: Pool
    id: str
    connection: psycopg.Connection

    def call(self, function: str, **arguments: Any) -> Any:
        """Calls a public function the way the REST API does."""
        return call(self.connection, function, arguments)

    def submit(self, iterations: int = 1000, **options: Any) -> Json:
        """Submits a job."""
        answer: Json = self.call(
            "submit_job", **{"config_json": CONFIG, "iterations": iterations, **options}
        )
        return answer

    def progress(self, job: Json) -> Json:
        """Asks how far a job is."""
        answer: Json = self.call("job_progress", id=job["id"])
        return answer

    def job(self, job: Json) -> Json:
        """Reads the row of a job under row level security."""
        row = self.connection.execute(
            "select to_jsonb(sim_jobs) from public.sim_jobs where id = %s", (job["id"],)
        ).fetchone()
        assert row is not None
        document: Json = row[0]
        return document


@dataclass
class Node:
    """A claimed node with a token of its own."""

    pool: Pool
    id: str
    owner: User
    connection: psycopg.Connection

    def exchange(
        self, finished: list[Json] | None = None, slots: int = 0, running: list[str] | None = None
    ) -> Json:
        """Hands in chunks and takes others."""
        answer: Json = call(
            self.connection,
            "exchange_chunks",
            {"finished": Jsonb(finished or []), "slots": slots, "running": Jsonb(running or [])},
        )
        return answer

    def take(self, slots: int = 1) -> list[Json]:
        """Takes chunks."""
        chunks: list[Json] = self.exchange(slots=slots)["chunks"]
        return chunks

    def outcome(self, item: Json) -> str:
        """Hands in one chunk; answers the outcome, with the reason of a rejection."""
        (outcome,) = self.exchange([item])["outcomes"]
        return ":".join(filter(None, (outcome["outcome"], outcome.get("reason"))))

    def heartbeat(self, **status: Any) -> Json:
        """Sends a heartbeat."""
        answer: Json = call(self.connection, "node_heartbeat", {"status": Jsonb(status)})
        return answer

    def work(self, slots: int = 4, rounds: int = 10_000) -> int:
        """Runs everything that there is to run; answers the number of chunks."""
        done = 0
        chunks = self.take(slots)
        for _ in range(rounds):
            if not chunks:
                break
            done += len(chunks)
            chunks = self.exchange([completed(chunk) for chunk in chunks], slots)["chunks"]
        return done


@dataclass
class Pool:
    """A database with users and nodes."""

    database: TestDatabase
    admin: psycopg.Connection
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def user(self) -> User:
        """A new user."""
        user_id = self.database.create_user(f"user{next(self._numbers)}@example.org")
        connection = self.database.connect("authenticated", {"sub": user_id})
        return User(self, user_id, connection)

    def register(self, public_key: str | None = None, **registration: Any) -> Json:
        """Registers a node, as the handler does."""
        answer: Json = call(
            self.admin,
            "private.register_node",
            {
                "public_key": public_key or f"key-{next(self._numbers)}",
                "registration": Jsonb(
                    {
                        "hostname": "host",
                        "total_cores": 8,
                        "enabled_cores": 8,
                        "version": "1.0.0",
                        **registration,
                    }
                ),
            },
        )
        return answer

    def node(self, owner: User | None = None, *, speed: float = 100.0, **registration: Any) -> Node:
        """A new node, claimed by its owner, that measured its speed."""
        owner = owner or self.user()
        registered = self.register(**registration)
        owner.call("claim_node", code=registered["claim_code"])
        node = self.connect_node(registered["id"], owner)
        node.heartbeat(iterations_per_second=speed)
        return node

    def connect_node(self, node_id: str, owner: User) -> Node:
        """One more session of a node."""
        claims = {"sub": node_id, "node_id": node_id}
        return Node(self, node_id, owner, self.database.connect("authenticated", claims))

    def share_with_everybody(self, node: Node) -> None:
        """Lets every public job run on the node."""
        node.owner.call("share_node", node_id=node.id, access_type="public")

    def set_clock(self, time: str) -> None:
        """Decides what time it is."""
        self.admin.execute("delete from private.clock where is_fake")
        self.admin.execute("insert into private.clock (fake_now) values (%s)", (time,))

    def advance(self, interval: str) -> None:
        """Lets time pass, from now or from the time that was set."""
        self.admin.execute(
            """
            with was as (select private.current_time() as moment)
            insert into private.clock (fake_now) select moment + %s::interval from was
            on conflict (is_fake) do update set fake_now = excluded.fake_now
            """,
            (interval,),
        )

    def configure(self, **settings: Any) -> None:
        """Changes settings of the pool."""
        for name, value in settings.items():
            assert name.isidentifier()
            self.admin.execute(f"update private.settings set {name} = %s", (value,))  # noqa: S608

    def scalar(self, query: str, *parameters: Any) -> Any:
        """The one value that a query answers."""
        row = self.admin.execute(query, parameters).fetchone()
        assert row is not None
        return row[0]

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows that a query answers."""
        return self.admin.execute(query, parameters).fetchall()

    def messages(self, topic: str, event: str) -> list[Json]:
        """What was pushed on a topic, in order."""
        rows = self.rows(
            "select payload - 'id' from realtime.messages where topic = %s and event = %s"
            " order by inserted_at, id",
            topic,
            event,
        )
        return [payload for (payload,) in rows]


def call(connection: psycopg.Connection, function: str, arguments: Json) -> Any:
    """Calls a function by name with named arguments."""
    names = ", ".join(f"{name} => %({name})s" for name in arguments)
    qualified = function if "." in function else f"public.{function}"
    row = connection.execute(f"select {qualified}({names})", arguments).fetchone()
    assert row is not None
    return row[0]


def detail(error: psycopg.Error) -> Json:
    """The code and details that an error carries for a program."""
    document: Json = json.loads(error.diag.message_detail or "{}")
    return document
