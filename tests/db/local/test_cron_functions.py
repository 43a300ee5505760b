"""cron.schedule and its companions, on pg_cron or on what stands in for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from psycopg import errors

from tests.unit.local.test_cron_schedule import INVALID, VALID

if TYPE_CHECKING:
    import psycopg

    from tests.databases import DatabaseServer, TestDatabase

SIGNATURES = """
alter_job(job_id bigint, schedule text DEFAULT NULL::text, command text DEFAULT NULL::text, \
database text DEFAULT NULL::text, username text DEFAULT NULL::text, \
active boolean DEFAULT NULL::boolean) -> void
schedule(job_name text, schedule text, command text) -> bigint
schedule(schedule text, command text) -> bigint
schedule_in_database(job_name text, schedule text, command text, database text, \
username text DEFAULT NULL::text, active boolean DEFAULT true) -> bigint
unschedule(job_id bigint) -> boolean
unschedule(job_name name) -> boolean
"""
FUNCTIONS = ["schedule", "schedule_in_database", "unschedule", "alter_job"]
COLUMNS = [
    ("job", "jobid schedule command nodename nodeport database username active jobname"),
    (
        "job_run_details",
        "jobid runid job_pid database username command status return_message start_time end_time",
    ),
]


def value(connection: psycopg.Connection, query: str, *values: Any) -> Any:
    """The only value of a query."""
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0]


def job(connection: psycopg.Connection, jobid: int) -> tuple[Any, ...]:
    """What the table says about a job."""
    row = connection.execute(
        "select jobname, schedule, command, username, active from cron.job where jobid = %s",
        (jobid,),
    ).fetchone()
    assert row is not None
    return row


def test_the_surface_is_that_of_pg_cron(platform_database: TestDatabase) -> None:
    """Functions that callers use, with names, arguments and defaults of version 1.4."""
    assert signatures(platform_database.connect()) == SIGNATURES.split("\n")[1:-1]
    assert columns(platform_database.connect()) == COLUMNS


def test_the_real_pg_cron_has_that_surface(database_server: DatabaseServer) -> None:
    """Where pg_cron is installed, it is asked."""
    with database_server.cron_database() as database:
        assert signatures(database.connect()) == SIGNATURES.split("\n")[1:-1]
        assert columns(database.connect()) == COLUMNS


def signatures(connection: psycopg.Connection) -> list[str]:
    """The functions that callers use."""
    rows = connection.execute(
        """
        select pg_catalog.format('%%s(%%s) -> %%s', proname,
          pg_get_function_arguments(oid), pg_get_function_result(oid)) as signature
        from pg_proc
        where pronamespace = 'cron'::regnamespace and proname = any(%s)
        order by signature
        """,
        (FUNCTIONS,),
    )
    return [row[0] for row in rows]


def columns(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """The columns of both tables in their order."""
    return connection.execute("""
        select relname::text, string_agg(attname, ' ' order by attnum)
        from pg_class inner join pg_attribute on attrelid = pg_class.oid and attnum > 0
        where relnamespace = 'cron'::regnamespace and relkind = 'r'
        group by relname order by relname
    """).fetchall()


def test_a_job_is_scheduled_under_its_name(platform_database: TestDatabase) -> None:
    """Three arguments: name, schedule, command."""
    connection = platform_database.connect()
    jobid = value(connection, "select cron.schedule('tidy', '0 3 * * *', 'select 1')")
    assert job(connection, jobid) == ("tidy", "0 3 * * *", "select 1", "postgres", True)


def test_scheduling_a_name_again_changes_its_job(platform_database: TestDatabase) -> None:
    """The same id, the new schedule and command."""
    connection = platform_database.connect()
    first = value(connection, "select cron.schedule('tidy', '0 3 * * *', 'select 1')")
    second = value(connection, "select cron.schedule('tidy', '*/5 * * * *', 'select 2')")
    assert first == second
    assert job(connection, first) == ("tidy", "*/5 * * * *", "select 2", "postgres", True)


def test_a_job_needs_no_name(platform_database: TestDatabase) -> None:
    """Two arguments: schedule and command; each call makes a job."""
    connection = platform_database.connect()
    first = value(connection, "select cron.schedule('0 3 * * *', 'select 1')")
    second = value(connection, "select cron.schedule('0 3 * * *', 'select 1')")
    assert first != second
    assert job(connection, first) == (None, "0 3 * * *", "select 1", "postgres", True)


@pytest.mark.parametrize(
    "query",
    ["select cron.unschedule('tidy')", "select cron.unschedule(job.jobid) from cron.job"],
)
def test_a_job_is_unscheduled_by_name_or_id(platform_database: TestDatabase, query: str) -> None:
    """It is gone afterwards."""
    connection = platform_database.connect()
    connection.execute("select cron.schedule('tidy', '0 3 * * *', 'select 1')")
    assert value(connection, query) is True
    assert value(connection, "select count(*) from cron.job") == 0


@pytest.mark.parametrize("argument", ["'nothing'", "12345"])
def test_a_job_that_is_not_there_cannot_be_unscheduled(
    platform_database: TestDatabase, argument: str
) -> None:
    """The message names it."""
    with pytest.raises(errors.InternalError_, match="could not find valid entry for job"):
        platform_database.connect().execute(f"select cron.unschedule({argument})".encode())


def test_alter_job_changes_what_is_given(platform_database: TestDatabase) -> None:
    """Arguments that are null leave their column alone."""
    connection = platform_database.connect()
    jobid = value(connection, "select cron.schedule('tidy', '0 3 * * *', 'select 1')")
    connection.execute("select cron.alter_job(%s, schedule => '* * * * *')", (jobid,))
    connection.execute("select cron.alter_job(%s, active => false)", (jobid,))
    assert job(connection, jobid) == ("tidy", "* * * * *", "select 1", "postgres", False)


def test_a_job_that_is_not_there_cannot_be_altered(platform_database: TestDatabase) -> None:
    """Neither can one of somebody else."""
    with pytest.raises(errors.InternalError_, match="does not exist or you don't own it"):
        platform_database.connect().execute("select cron.alter_job(12345, active => false)")


@pytest.mark.parametrize("schedule", VALID)
def test_sql_accepts_the_schedules_that_the_runner_understands(
    platform_database: TestDatabase, schedule: str
) -> None:
    """What is stored can be run."""
    query = "select cron.schedule('tidy', %s, 'select 1')"
    assert platform_database.connect().execute(query, (schedule,)).fetchone()


@pytest.mark.parametrize("schedule", INVALID)
def test_sql_refuses_the_schedules_that_the_runner_does_not_understand(
    platform_database: TestDatabase, schedule: str
) -> None:
    """A job that would never run is an error when it is made."""
    connection = platform_database.connect()
    with pytest.raises(errors.InvalidParameterValue, match="invalid schedule"):
        connection.execute("select cron.schedule('tidy', %s, 'select 1')", (schedule,))


def test_alter_job_refuses_an_invalid_schedule(platform_database: TestDatabase) -> None:
    """The job stays as it was."""
    connection = platform_database.connect()
    jobid = value(connection, "select cron.schedule('tidy', '0 3 * * *', 'select 1')")
    with pytest.raises(errors.InvalidParameterValue, match="invalid schedule"):
        connection.execute("select cron.alter_job(%s, schedule => 'never')", (jobid,))
    assert job(connection, jobid)[1] == "0 3 * * *"


def test_nobody_schedules_in_the_name_of_the_superuser(platform_database: TestDatabase) -> None:
    """A job may only be given to a role that its maker can become."""
    connection = platform_database.connect()
    with pytest.raises(errors.InsufficientPrivilege):
        connection.execute("""
            select cron.schedule_in_database(
              'boss', '* * * * *', 'select 1', current_database(), 'supabase_admin'
            )
        """)
    with pytest.raises(errors.InsufficientPrivilege):
        connection.execute("""
            select cron.write_job('boss', '* * * * *', 'select 1', 'x', 'supabase_admin', true)
        """)


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_api_roles_have_no_cron(platform_database: TestDatabase, role: str) -> None:
    """Schedules belong to migrations."""
    with pytest.raises(errors.InsufficientPrivilege):
        platform_database.connect(role).execute("select cron.schedule('* * * * *', 'select 1')")
