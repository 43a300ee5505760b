"""What cron does, with the clock in hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.db.schema.pool import completed, result
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.db.schema.pool import Pool

NOON = "2026-11-21 12:00:00+00"


def test_every_job_is_scheduled_once_however_often_it_is_set_up(pool: Pool) -> None:
    """Five fields each, as the oldest pg_cron in use demands, and the daily one at 03:00 UTC."""
    assert pool.scalar("select private.schedule_maintenance()") == (
        "16 maintenance jobs are scheduled."
    )
    jobs = dict(pool.rows("select jobname::text, schedule from cron.job"))
    assert len(jobs) == 16
    assert jobs["simpool_delete_abandoned"] == "0 3 * * *"
    assert all(len(schedule.split()) == 5 for schedule in jobs.values())


def test_every_scheduled_command_runs(pool: Pool) -> None:
    """As the role that scheduled it."""
    for (command,) in pool.rows("select command from cron.job"):
        pool.admin.execute(command)


def test_a_silent_node_goes_offline(pool: Pool) -> None:
    """Its owner is told, and it is not waiting for work any more."""
    pool.set_clock(NOON)
    node = pool.node()
    node.exchange(slots=1)
    pool.advance("44 seconds")
    assert pool.scalar("select private.mark_stale_nodes_offline()") == 0
    pool.advance("2 seconds")
    assert pool.scalar("select private.mark_stale_nodes_offline()") == 1
    assert pool.scalar("select status from public.nodes") == "offline"
    assert pool.scalar("select count(*) from private.idle_nodes") == 0
    assert [m["status"] for m in pool.messages(f"user:{node.owner.id}", "node")] == [
        "offline",
        "online",
        "offline",
    ]
    node.heartbeat()
    assert pool.scalar("select status from public.nodes") == "online"


def test_an_unclaimed_node_is_gone_after_an_hour(pool: Pool) -> None:
    """Unless it registered again; a claimed one stays."""
    pool.set_clock(NOON)
    pool.register("gone")
    pool.register("stays")
    pool.node()
    pool.advance("40 minutes")
    pool.register("stays")
    pool.advance("30 minutes")
    assert pool.scalar("select private.delete_unclaimed_nodes()") == 1
    assert pool.scalar("select count(*) from public.nodes") == 2


def test_a_node_that_was_offline_for_a_month_is_deleted(pool: Pool) -> None:
    """With its device; the jobs it served stay."""
    pool.set_clock(NOON)
    user = pool.user()
    user.submit(10)
    pool.node(user).work()
    pool.advance("2 minutes")
    pool.admin.execute("select private.mark_stale_nodes_offline()")
    pool.advance("29 days")
    assert pool.scalar("select private.delete_abandoned_nodes()") == 0
    pool.advance("2 days")
    assert pool.scalar("select private.delete_abandoned_nodes()") == 1
    assert pool.scalar("select count(*) from public.compute_devices") == 0
    assert pool.scalar("select count(*) from public.sim_chunks") == 1


def test_a_config_that_nobody_uses_is_deleted_after_a_week(pool: Pool) -> None:
    """One that a job refers to stays for ever."""
    pool.set_clock(NOON)
    user = pool.user()
    job = user.submit(config_json='{"engine":"a"}')
    user.submit(config_json='{"engine":"b"}')
    pool.admin.execute("delete from public.sim_jobs where id = %s", (job["id"],))
    pool.advance("6 days")
    assert pool.scalar("select private.delete_orphaned_configs()") == 0
    pool.advance("2 days")
    assert pool.scalar("select private.delete_orphaned_configs()") == 1
    assert pool.rows("select engine from public.sim_configs") == [("b",)]


def test_a_stale_device_is_deactivated(pool: Pool) -> None:
    """And active again with the next heartbeat."""
    pool.set_clock(NOON)
    node = pool.node()
    pool.advance("6 minutes")
    assert pool.scalar("select private.deactivate_stale_devices()") == 1
    assert pool.scalar("select is_active from public.compute_devices") is False
    node.heartbeat()
    assert pool.scalar("select is_active from public.compute_devices") is True


def test_requests_are_forgotten_when_their_time_has_passed(pool: Pool) -> None:
    """Nonces after their window, rate limits when nothing is used up."""
    pool.set_clock(NOON)
    pool.admin.execute("select private.use_nonce('k', 'n', private.current_time())")
    pool.admin.execute("select private.take_token('node_register', '203.0.113.7')")
    assert pool.scalar("select private.prune_requests()") == {
        "nonces": 0,
        "rate_uses": 0,
        "commands": 0,
    }
    pool.advance("16 minutes")
    assert pool.scalar("select private.prune_requests()") == {
        "nonces": 1,
        "rate_uses": 1,
        "commands": 0,
    }


def test_old_runs_and_hints_are_forgotten(pool: Pool) -> None:
    """Cron's history after some days, hints after one."""
    pool.user().submit(10)
    with psycopg.connect(pool.database.admin_dsn) as admin:
        admin.execute(
            "insert into cron.job_run_details (jobid, runid, username, end_time)"
            " values (1, 1000000, 'postgres', now() - interval '4 days'),"
            " (1, 1000001, 'postgres', now() - interval '1 day')"
        )
        admin.execute("update realtime.messages set inserted_at = inserted_at where true")
    assert pool.scalar("select private.prune_history()") == {"cron_runs": 1, "hints": 0}


def test_the_chunks_of_old_jobs_are_deleted(pool: Pool) -> None:
    """The job and its result stay."""
    pool.set_clock(NOON)
    user = pool.user()
    job = user.submit(10)
    pool.node(user).work()
    pool.advance("29 days")
    assert pool.scalar("select private.prune_finished_work()") == {"jobs": 0, "chunks": 0}
    pool.advance("2 days")
    assert pool.scalar("select private.prune_finished_work()") == {"jobs": 1, "chunks": 1}
    assert user.job(job)["result"] is not None


def test_a_job_whose_chunks_are_deleted_is_retried_from_its_start(pool: Pool) -> None:
    """There is nothing left that could count, nor a version that it must be run with."""
    pool.configure(chunk_iterations_max=10)
    pool.set_clock(NOON)
    user = pool.user()
    job = user.submit(100)
    node = pool.node(user)
    first, _ = node.take(2)
    node.exchange([completed(first)])
    user.call("cancel_job", id=job["id"])
    pool.advance("31 days")
    assert pool.scalar("select private.prune_finished_work()") == {"jobs": 1, "chunks": 2}
    assert user.call("retry_job", id=job["id"])["completed_iterations"] == 0
    chunks = node.take(100)
    node.exchange([completed(chunk, result(chunk, engine_version="2.0.0")) for chunk in chunks])
    assert user.progress(job)["status"] == "completed"


def test_a_job_that_is_retried_while_old_ones_are_pruned_runs_on(pool: Pool) -> None:
    """Whoever is first: it keeps its results, or is run from its start."""
    pool.set_clock(NOON)
    user = pool.user()
    job = user.submit(10)
    pool.node(user).take()
    user.call("cancel_job", id=job["id"])
    pool.advance("31 days")
    with ThreadPoolExecutor() as executor:
        with user.connection.transaction():
            user.call("retry_job", id=job["id"])
            pruned = executor.submit(pool.scalar, "select private.prune_finished_work()")
            with pytest.raises(TimeoutError):
                pruned.result(timeout=0.2)
        assert pruned.result(PATIENCE) == {"jobs": 0, "chunks": 0}
    assert pool.node(user).work() == 1


def test_only_the_owner_of_the_database_sets_the_clock(pool: Pool) -> None:
    """No role of the API can lie about the time."""
    for role in ("anon", "authenticated", "service_role"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            pool.database.connect(role).execute(
                "insert into private.clock (fake_now) values (now())"
            )


def test_settings_that_make_no_sense_are_refused(pool: Pool) -> None:
    """A lease must span two heartbeats."""
    with pytest.raises(psycopg.errors.CheckViolation, match="a_lease_spans_two_heartbeats"):
        pool.configure(lease_duration="10 seconds")
