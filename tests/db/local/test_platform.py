"""The platform that migrations find is the hosted one, no more and no less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors

from local import bootstrap
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.databases import TestDatabase

ALLOWED = (
    "create table public.things (id uuid primary key references auth.users (id) on delete cascade)",
    "create schema private",
    "create policy reads on realtime.messages for select to authenticated using (true)",
    "create role helper nologin; grant helper to authenticator",
    "create role helper2 nologin; grant authenticated to helper2",
    "alter default privileges in schema public revoke execute on functions from public",
    "select cron.schedule('tidy', '0 3 * * *', 'select 1')",
    "delete from cron.job_run_details",
    "create view public.people with (security_invoker = true) as select 1 as one",
    "insert into auth.users (id) values (gen_random_uuid())",
    "select id from realtime.messages",
)
REFUSED = (
    "create table auth.things (id integer)",
    "create table realtime.things (id integer)",
    "create index on auth.users (aud)",
    "create index on realtime.messages (topic)",
    "create function auth.mine() returns integer language sql as 'select 1'",
    "alter table auth.users add column extra text",
    "alter table realtime.messages add column extra text",
    "alter table realtime.messages disable row level security",
    "drop table realtime.messages",
    "drop function realtime.topic()",
    "create event trigger watch on ddl_command_end execute function extensions.pgrst_ddl_watch()",
    "alter system set work_mem = '1MB'",
    "create role boss superuser",
    "insert into cron.job (schedule, command) values ('* * * * *', 'select 1')",
    "copy (select 1) to program 'true'",
)


@pytest.mark.parametrize("statement", ALLOWED)
def test_what_the_hosted_platform_allows_to_a_migration_is_allowed(
    platform_database: TestDatabase, statement: str
) -> None:
    """Role postgres may do what a migration does."""
    with platform_database.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute(statement.encode())


@pytest.mark.parametrize("statement", REFUSED)
def test_what_the_hosted_platform_refuses_to_a_migration_is_refused(
    platform_database: TestDatabase, statement: str
) -> None:
    """Role postgres is no superuser and owns nothing of the platform."""
    connection = platform_database.connect()
    with pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_a_trigger_of_ours_can_follow_new_users(platform_database: TestDatabase) -> None:
    """A trigger on auth.users runs a function that postgres owns."""
    connection = platform_database.connect()
    connection.execute("""
        create table public.profiles (id uuid primary key);
        create function public.follow() returns trigger
        language plpgsql security definer set search_path = '' as $$
        begin
          insert into public.profiles (id) values (new.id);
          return new;
        end;
        $$;
        create trigger follow after insert on auth.users
        for each row execute function public.follow();
    """)
    user = platform_database.create_user("ada@example.org")
    assert [user] == [str(row[0]) for row in connection.execute("select id from public.profiles")]


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_new_objects_in_public_are_granted_to_nobody(
    platform_database: TestDatabase, role: str
) -> None:
    """A migration has to grant what API roles shall use."""
    platform_database.connect().execute("create table public.things (id integer primary key)")
    with pytest.raises(errors.InsufficientPrivilege):
        platform_database.connect(role).execute("select * from public.things")


def test_claims_reach_the_auth_functions(platform_database: TestDatabase) -> None:
    """auth.uid, auth.role, auth.email and auth.jwt read the claims of the request."""
    subject = "5c1f4a52-9a4b-4f0e-8a3f-1f4f2b6a7c10"
    connection = platform_database.connect(
        "authenticated", {"sub": subject, "email": "ada@example.org", "node_id": "n1"}
    )
    row = connection.execute(
        "select auth.uid()::text, auth.role(), auth.email(), auth.jwt() ->> 'node_id'"
    ).fetchone()
    assert row == (subject, "authenticated", "ada@example.org", "n1")


def test_without_claims_there_is_no_user(platform_database: TestDatabase) -> None:
    """auth.uid is null outside a request."""
    assert platform_database.connect().execute("select auth.uid()").fetchone() == (None,)


def test_roles_carry_the_hosted_timeouts(platform_database: TestDatabase) -> None:
    """Each API role has the statement timeout of the hosted platform."""
    connection = platform_database.connect()
    rows = connection.execute("""
        select rolname, rolconfig from pg_roles where rolname in ('anon', 'authenticated')
        order by rolname
    """).fetchall()
    assert rows == [
        ("anon", ["statement_timeout=3s"]),
        ("authenticated", ["statement_timeout=8s"]),
    ]


def test_realtime_publishes_nothing_until_a_migration_says_so(
    platform_database: TestDatabase,
) -> None:
    """The publication supabase_realtime is empty and belongs to postgres."""
    connection = platform_database.connect()
    connection.execute("create table public.things (id integer primary key)")
    connection.execute("alter publication supabase_realtime add table public.things")
    rows = connection.execute("""
        select schemaname, tablename from pg_publication_tables
        where pubname = 'supabase_realtime'
    """).fetchall()
    assert rows == [("public", "things")]


def test_send_writes_a_message_with_an_id(platform_database: TestDatabase) -> None:
    """realtime.send called by postgres stores the payload and names it."""
    connection = platform_database.connect()
    connection.execute("""select realtime.send('{"a": 1}', 'wake', 'node:1')""")
    row = connection.execute("""
        select topic, event, extension, private, payload ->> 'a', payload ->> 'id' = id::text
        from realtime.messages
    """).fetchone()
    assert row == ("node:1", "wake", "broadcast", True, "1", True)


def test_send_works_from_a_definer_function_for_any_caller(
    platform_database: TestDatabase,
) -> None:
    """A security definer function of postgres sends although its caller may not."""
    connection = platform_database.connect()
    connection.execute("""
        create schema private;
        grant usage on schema private to authenticated;
        create function private.wake() returns void
        language plpgsql security definer set search_path = '' as $$
        begin
          perform realtime.send('{}'::jsonb, 'wake', 'node:1');
        end;
        $$;
        grant execute on function private.wake() to authenticated;
    """)
    platform_database.connect("authenticated").execute("select private.wake()")
    assert connection.execute("select count(*) from realtime.messages").fetchone() == (1,)


def test_a_message_without_permission_is_lost_with_a_warning(
    platform_database: TestDatabase,
) -> None:
    """realtime.send never fails the transaction of its caller."""
    connection = platform_database.connect("authenticated")
    notices: list[str] = []
    connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
    connection.execute("select realtime.send('{}', 'wake', 'node:1')")
    assert "WarnSendingBroadcastMessage" in notices[0]
    rows = platform_database.connect().execute("select * from realtime.messages").fetchall()
    assert rows == []


def test_broadcast_changes_sends_the_row(platform_database: TestDatabase) -> None:
    """A row trigger broadcasts old and new record privately."""
    connection = platform_database.connect()
    connection.execute("""
        create table public.things (id integer primary key);
        create function public.tell() returns trigger
        language plpgsql security definer set search_path = '' as $$
        begin
          perform realtime.broadcast_changes(
            'things', tg_op, tg_op, tg_table_name, tg_table_schema, new, old
          );
          return new;
        end;
        $$;
        create trigger tell after insert on public.things
        for each row execute function public.tell();
        insert into public.things values (7);
    """)
    row = connection.execute("select payload - 'id', private from realtime.messages").fetchone()
    payload = {
        "schema": "public",
        "table": "things",
        "operation": "INSERT",
        "record": {"id": 7},
        "old_record": None,
    }
    assert row == (payload, True)


def test_broadcast_changes_refuses_statement_triggers(platform_database: TestDatabase) -> None:
    """There is no row to send at statement level."""
    connection = platform_database.connect()
    with pytest.raises(errors.RaiseException, match="not for each statement"):
        connection.execute("""
            select realtime.broadcast_changes(
              't', 'e', 'INSERT', 'x', 'public', row(1), row(1), 'STATEMENT'
            )
        """)


def test_messages_are_under_row_level_security(platform_database: TestDatabase) -> None:
    """Without a policy nobody reads a message through the API."""
    platform_database.connect().execute("select realtime.send('{}', 'wake', 'node:1')")
    rows = platform_database.connect("authenticated").execute("select * from realtime.messages")
    assert rows.fetchall() == []


def test_a_schema_change_tells_the_rest_api(platform_database: TestDatabase) -> None:
    """DDL notifies the channel that PostgREST listens to."""
    connection = platform_database.connect()
    connection.execute("listen pgrst")
    connection.execute("create table public.things (id integer primary key)")
    received = next(connection.notifies(timeout=PATIENCE, stop_after=1))
    assert (received.channel, received.payload) == ("pgrst", "reload schema")


def partitions(connection: psycopg.Connection) -> list[str]:
    """The days that realtime.messages has room for."""
    rows = connection.execute("""
        select inhrelid::regclass::text from pg_inherits
        where inhparent = 'realtime.messages'::regclass order by 1
    """)
    return [row[0] for row in rows]


def test_messages_have_a_partition_for_each_day(platform_database: TestDatabase) -> None:
    """Yesterday to three days ahead are there; what is older than three days goes."""
    admin = platform_database.connect_as_admin()
    days = admin.execute("""
        select 'realtime.messages_' || to_char(day, 'YYYY_MM_DD')
        from generate_series(-1, 3) as offsets (days),
          lateral (select (now() at time zone 'utc')::date + days) as dates (day)
        order by 1
    """).fetchall()
    expected = [row[0] for row in days]
    assert partitions(admin) == expected
    admin.execute(f"drop table {expected[-1]}".encode())
    admin.execute("""
        create table realtime.messages_2020_01_01 partition of realtime.messages
        for values from ('2020-01-01') to ('2020-01-02')
    """)
    bootstrap.keep_partitions(platform_database.server, platform_database.name)
    assert partitions(admin) == expected


def test_the_platform_can_be_applied_again(platform_database: TestDatabase) -> None:
    """A second start finds the platform and changes nothing."""
    before = _surface(platform_database.connect_as_admin())
    bootstrap.prepare_database(platform_database.server, platform_database.name)
    assert _surface(platform_database.connect_as_admin()) == before


def _surface(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    return connection.execute("""
        select relnamespace::regnamespace::text, relname::text, relowner::regrole::text,
          relacl::text
        from pg_class
        where relnamespace in (
          select oid from pg_namespace where nspname in ('auth', 'realtime', 'cron', 'extensions')
        )
        union all
        select pronamespace::regnamespace::text, proname::text, proowner::regrole::text,
          proacl::text
        from pg_proc
        where pronamespace in (
          select oid from pg_namespace where nspname in ('auth', 'realtime', 'cron', 'extensions')
        )
        order by 1, 2, 3, 4
    """).fetchall()
