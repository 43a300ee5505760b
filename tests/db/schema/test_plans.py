"""The plans of the hot path, with statistics that know nothing of what the tables hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg.types.json import Jsonb

from tests.db.schema.pool import completed, result

if TYPE_CHECKING:
    from tests.db.schema.pool import Node, Pool, User

#: tables that grow with jobs, chunks or nodes: no statement of the hot path may read one whole
GROWING = (
    "public.sim_jobs",
    "public.sim_chunks",
    "public.sim_configs",
    "public.nodes",
    "public.node_access",
    "public.compute_devices",
    "private.device_seconds",
    "private.device_moves",
    "private.node_heartbeats",
    "private.open_jobs",
    "private.uncut_ranges",
    "private.reopened_ranges",
    "private.job_partials",
    "private.job_nodes",
    "public.compute_units",
    "private.unit_heartbeats",
    "private.unit_uptimes",
    "private.node_commands",
    "private.postings",
    "private.uncredited_jobs",
    "private.node_trust",
    "private.checks",
)


@pytest.fixture
def scans(pool: Pool) -> Pool:
    """A pool that is empty for the planner and full in fact."""
    for table in GROWING:
        pool.admin.execute(f"alter table {table} set (autovacuum_enabled = off)")
        pool.admin.execute(f"vacuum analyze {table}")
    stranger = pool.user()
    for number in range(40):
        stranger.submit(100, config_json=f'{{"engine":"e{number}"}}')
        pool.node(stranger)
    return pool


def _sequential_scans(pool: Pool, *callers: Node | User) -> dict[str, int]:
    for connection in (pool.admin, *(caller.connection for caller in callers)):
        connection.execute("select pg_stat_force_next_flush()")
    return dict(
        pool.rows(
            "select schemaname || '.' || relname, seq_scan from pg_stat_all_tables"
            " where schemaname in ('public', 'private')"
        )
    )


def test_the_hot_path_reads_no_growing_table_whole(scans: Pool) -> None:
    """Submit, dispatch, exchange and heartbeat use an index for every statement."""
    pool = scans
    user = pool.user()
    nodes = [pool.node(user), pool.node(user)]
    for node in nodes:
        node.exchange(slots=1)
    before = _sequential_scans(pool, user, *nodes)

    job = user.submit(20_000)
    for _ in range(8):
        for node in nodes:
            running = node.take(2)
            node.heartbeat(running=[chunk["chunk_id"] for chunk in running])
            node.exchange([completed(chunk) for chunk in running], slots=0)
            node.heartbeat()
    user.progress(job)
    after = _sequential_scans(pool, user, *nodes)
    assert {table: after[table] - before[table] for table in GROWING} == dict.fromkeys(GROWING, 0)
    assert user.progress(job)["completed_chunks"] > 20


def test_devices_and_statistics_read_no_growing_table_whole(scans: Pool) -> None:
    """Registering, heartbeats, folds and reads use an index for every statement."""
    pool = scans
    user = pool.user()
    figures = {"device_type": "phone", "ram_gb": 4, "cpu_cores": 8, "storage_gb": 100}
    before = _sequential_scans(pool, user)
    for _ in range(8):
        device = user.call("register_device", device_name="Phone", **figures)["id"]
        for _ in range(8):
            pool.advance("1 second")
            user.call("device_heartbeat", device_id=device)
        pool.scalar("select active_nodes from public.get_network_stats()")
        user.call("deactivate_device", device_id=device)
    after = _sequential_scans(pool, user)
    assert {table: after[table] - before[table] for table in GROWING} == dict.fromkeys(GROWING, 0)


def test_checks_read_no_growing_table_whole(scans: Pool) -> None:
    """Nor does what happens when a result is held, checked, confirmed, or disputed and decided."""
    pool = scans
    pool.configure(checks_to_trust=1000, sweep_period="0 seconds")
    user = pool.user()
    nodes = [pool.node(), pool.node(), pool.node()]
    for node in nodes:
        pool.share_with_everybody(node)
        node.exchange(slots=1)
    before = _sequential_scans(pool, *nodes)

    user.submit(5_000, access_type="public", replication=2)
    user.submit(5_000, access_type="public")
    for lap in range(12):
        for node in nodes:
            running = node.take(2)
            items = [completed(chunk) for chunk in running]
            if lap == 0 and node is nodes[0]:
                items = [completed(chunk, result(chunk, invented=1)) for chunk in running]
            node.exchange(items, slots=1)
            node.heartbeat()
    after = _sequential_scans(pool, *nodes)
    assert {table: after[table] - before[table] for table in GROWING} == dict.fromkeys(GROWING, 0)
    assert pool.scalar("select count(*) from private.verdicts where verdict = 'agreed'") > 5
    assert pool.scalar("select count(*) from private.node_trust where purged_at is not null") == 1


@pytest.mark.parametrize("is_watched", [False, True], ids=["clean", "under an old snapshot"])
def test_an_exchange_does_the_same_work_in_a_large_job(scans: Pool, *, is_watched: bool) -> None:
    """How many chunks the job has had does not matter, nor that all old rows of it are kept."""
    pool = scans
    if is_watched:
        watcher = pool.database.connect()
        watcher.execute("begin isolation level repeatable read")
        watcher.execute("select count(*) from public.sim_chunks")
    pool.configure(chunk_iterations_max=10, progress_period="1 hour")
    user = pool.user()
    user.submit(10**6)
    node = pool.node(user)

    running = node.take(1)

    def blocks() -> int:
        row = node.connection.execute(
            "explain (analyze, buffers, format json)"
            " select public.exchange_chunks(jsonb_build_array(%s), 1)",
            (Jsonb(completed(running.pop())),),
        ).fetchone()
        running.extend(node.take(1))
        assert row is not None
        plan = row[0][0]["Plan"]
        return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])

    few = min(blocks() for _ in range(5))
    chunks = running
    for _ in range(4):
        chunks = node.exchange([completed(chunk) for chunk in chunks], 500)["chunks"]
    running = node.exchange([completed(chunk) for chunk in chunks], 1)["chunks"]
    many = min(blocks() for _ in range(5))
    assert many < 2 * few
