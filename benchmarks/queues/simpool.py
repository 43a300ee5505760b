"""This pool: ranges of a job are leased and their results settled, in one call for both.

Nothing is left out: every call authenticates its node, checks access, draws between users, renews
leases, validates and merges each result, and reports progress.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import psycopg

from tests.db.schema.pool import CONFIG, Pool

if TYPE_CHECKING:
    from tests.databases import TestDatabase

WORKERS = 16
#: what an engine wrote of one iteration, but for its number: made once, for workers do nothing here
RESULT: Final = json.dumps(
    {
        "schema": 1,
        "engine": "combat",
        "engine_version": "1.0.0",
        "iterations": 1,
        "primary": "dps",
        "metrics": {
            "dps": {
                "unit": "milli",
                "n": 1,
                "sum": "1000",
                "sum_squares": "1000000",
                "min": 1000,
                "max": 1000,
                "min_iteration": -1,
                "max_iteration": -1,
                "histogram": {"1000": 1},
            }
        },
        "counters": {},
        "extremes": {},
    },
    separators=(",", ":"),
)


def install(database: TestDatabase) -> None:
    """One owner with as many nodes as there may be workers."""
    pool = Pool(database, database.connect())
    pool.configure(
        chunk_iterations_min=1,
        chunk_iterations_max=1,
        # each result is drawn for like that of a trusted node; none is run twice, as with the peers
        checks_to_trust=0,
        check_probability_min=1e-9,
    )
    owner = pool.user()
    nodes = [pool.node(owner).id for _ in range(WORKERS)]
    pool.admin.execute("create table private.benchmark (owner text, nodes text[])")
    pool.admin.execute("insert into private.benchmark values (%s, %s)", (owner.id, nodes))


def fill(database: TestDatabase, quantity: int) -> None:
    """One job of so many chunks of one iteration: cut when they are taken."""
    row = database.connect().execute("select owner from private.benchmark").fetchone()
    assert row is not None
    with psycopg.connect(database.authenticator_dsn, autocommit=True) as connection:
        _become(connection, {"sub": row[0]})
        connection.execute(
            "select public.submit_job(config_json => %s, iterations => %s)", (CONFIG, quantity)
        )


def remember(database: TestDatabase, quantity: int) -> None:
    """So many chunks of a job that ended long ago."""
    fill(database, quantity)
    with database.connect_as_admin() as connection:
        connection.execute(
            """
            insert into public.sim_chunks (
              job_id, node_id, config_hash, seed_offset, iterations, status, lease_expires_at,
              claimed_at, completed_at, result_digest
            )
            select
              jobs.id, gen_random_uuid(), jobs.config_hash, numbers.number, 1, 'completed', now(),
              now(), now(), 'none'
            from public.sim_jobs as jobs
            cross join generate_series(0, jobs.total_iterations - 1) as numbers (number)
            """
        )
        connection.execute("select private.forget_work(id) from public.sim_jobs")
        connection.execute(
            "update public.sim_jobs set status = 'completed', result = '{}', completed_at = now()"
        )
    # so long ago that Postgres has done what it does afterwards, too
    with database.connect_as_admin() as connection:
        connection.autocommit = True
        connection.execute("vacuum (analyze) public.sim_chunks")
        connection.execute("checkpoint")


def drain(database: TestDatabase, worker: int, batch: int) -> int:
    """A node that hands in one batch and takes the next."""
    row = database.connect().execute("select nodes from private.benchmark").fetchone()
    assert row is not None
    node = row[0][worker]
    done = 0
    with psycopg.connect(database.authenticator_dsn, autocommit=True) as connection:
        _become(connection, {"sub": node, "node_id": node})
        chunks: list[dict[str, Any]] = []
        while chunks or _is_running(database):
            done += len(chunks)
            chunks = _exchange(connection, chunks, batch)
    return done


def _is_running(database: TestDatabase) -> bool:
    # an answer without work may mean that work was pushed to this node, or that the job was locked
    with psycopg.connect(database.dsn) as connection:
        row = connection.execute(
            "select exists (select from public.sim_jobs where status in ('pending', 'running'))"
        ).fetchone()
    assert row is not None
    return bool(row[0])


def _exchange(
    connection: psycopg.Connection, ended: list[dict[str, Any]], slots: int
) -> list[dict[str, Any]]:
    row = connection.execute(
        "select public.exchange_chunks(%s::jsonb, %s)",
        (f"[{','.join(map(completed, ended))}]", slots),
    ).fetchone()
    assert row is not None
    chunks: list[dict[str, Any]] = row[0]["chunks"]
    return chunks


def completed(chunk: dict[str, Any]) -> str:
    """JSON text of a chunk that is handed in."""
    iteration = str(chunk["seed_offset"])
    return (
        f'{{"chunk_id":"{chunk["chunk_id"]}","lease_token":"{chunk["lease_token"]}",'
        f'"status":"completed","result":{RESULT.replace("-1", iteration)}}}'
    )


def _become(connection: psycopg.Connection, claims: dict[str, str]) -> None:
    payload = json.dumps({"role": "authenticated", **claims})
    connection.execute(
        "select set_config('request.jwt.claims', %s, false), set_config('role', %s, false)",
        (payload, "authenticated"),
    )
