"""Postgres Changes: what subscribers hear of committed rows, under their own policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import psycopg

    from tests.databases import TestDatabase
    from tests.db.realtime.client import Client, RealtimeServer

SCHEMA = """
create table public.notes (
  id bigint primary key,
  owner uuid,
  body text,
  tags text[],
  data jsonb,
  score numeric,
  done boolean not null default false,
  made_at timestamptz
);
alter table public.notes enable row level security;
grant select on public.notes to authenticated;
create policy "people read their notes" on public.notes for select to authenticated
using (owner = (select auth.uid()));
alter publication supabase_realtime add table public.notes;
"""
INSERT = "insert into public.notes (id, owner, body) values (%s, %s, %s)"
ALICE = "00000000-0000-4000-8000-00000000000a"
BOB = "00000000-0000-4000-8000-00000000000b"


@pytest.fixture
def connection(platform_database: TestDatabase) -> psycopg.Connection:
    """A connection that has created the table."""
    connection = platform_database.connect()
    connection.execute(SCHEMA)
    return connection


async def subscribe(
    client: Client, token: str, topic: str = "notes", **params: Any
) -> dict[str, Any]:
    """Join a channel with one binding and wait until it is served; returns its echo."""
    binding = {"event": "*", "schema": "public", "table": "notes", **params}
    reply = await client.join(topic, token, private=False, postgres_changes=[binding])
    (echo,) = reply["response"]["postgres_changes"]
    assert binding.items() <= echo.items()
    assert echo["id"] > 0
    return dict(echo)


async def served(client: Client, token: str, topic: str = "notes", **params: Any) -> int:
    """Subscribe and return the binding's id."""
    echo = await subscribe(client, token, topic, **params)
    system = await client.expect("system", topic=f"realtime:{topic}")
    assert system["payload"] == {
        "message": "Subscribed to PostgreSQL",
        "status": "ok",
        "extension": "postgres_changes",
        "channel": topic,
    }
    return int(echo["id"])


async def refused(client: Client, token: str, **params: Any) -> str:
    """Subscribe and return the error that the client is told."""
    await subscribe(client, token, "refused", **params)
    system = await client.expect("system", topic="realtime:refused")
    assert system["payload"]["status"] == "error"
    return str(system["payload"]["message"])


async def change(client: Client) -> dict[str, Any]:
    """The data of the next change."""
    frame = await client.expect("postgres_changes")
    data = frame["payload"]["data"]
    assert isinstance(data, dict)
    return data


async def test_an_insert_arrives_with_its_values_as_json(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """Values have the JSON form that to_jsonb gives them."""
    async with server.client() as client:
        binding_id = await served(client, server.token(sub=ALICE))
        connection.execute(
            """
            insert into public.notes
            values (1, %s, 'x', '{a,null,"b c"}', '{"k": [1]}', 1.5, true, '2026-01-02 03:04:05.6Z')
            """,
            (ALICE,),
        )
        frame = await client.expect("postgres_changes")
        assert frame["ref"] is None
        assert frame["payload"]["ids"] == [binding_id]
        data = frame["payload"]["data"]
        row = connection.execute("select to_jsonb(notes) from public.notes").fetchone()
        assert row is not None
        assert data["record"] == row[0]
        assert data["type"] == "INSERT"
        assert data["schema"] == "public"
        assert data["table"] == "notes"
        assert data["errors"] is None
        assert "old_record" not in data
        assert data["commit_timestamp"].endswith("Z")
        assert {"name": "tags", "type": "_text"} in data["columns"]


async def test_only_rows_the_policies_show_arrive(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """Each subscriber hears of its own rows."""
    async with server.client() as alice, server.client() as bob:
        await served(alice, server.token(sub=ALICE))
        await served(bob, server.token(sub=BOB))
        connection.execute(
            "insert into public.notes (id, owner) values (1, %s), (2, %s), (3, %s)",
            (ALICE, BOB, ALICE),
        )
        assert [(await change(alice))["record"]["id"] for _ in range(2)] == [1, 3]
        assert (await change(bob))["record"]["id"] == 2


async def test_an_update_names_the_old_key(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """With the default replica identity the old record is the primary key."""
    connection.execute(INSERT, (1, ALICE, "a"))
    async with server.client() as client:
        await served(client, server.token(sub=ALICE), event="UPDATE")
        connection.execute("update public.notes set body = 'b'")
        data = await change(client)
        assert data["type"] == "UPDATE"
        assert data["record"]["body"] == "b"
        assert data["old_record"] == {"id": 1}
        connection.execute("update public.notes set id = 9")
        assert (await change(client))["old_record"] == {"id": 1}


async def test_a_large_column_that_is_not_touched_is_left_out(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """What Postgres did not log is absent, not null, unless the replica identity is full."""
    connection.execute("alter table public.notes alter column body set storage external")
    connection.execute(
        "insert into public.notes (id, owner, body) values (1, %s, repeat('x', 9000))", (ALICE,)
    )
    async with server.client() as client:
        await served(client, server.token(sub=ALICE))
        connection.execute("update public.notes set done = true")
        assert "body" not in (await change(client))["record"]
        connection.execute("alter table public.notes replica identity full")
        connection.execute("update public.notes set done = false")
        data = await change(client)
        assert len(data["record"]["body"]) == 9000
        assert data["old_record"] == {"id": 1}


async def test_a_delete_reaches_every_subscriber_with_the_key_only(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """A deleted row cannot be asked about, so only its key is told."""
    connection.execute("alter table public.notes replica identity full")
    connection.execute("insert into public.notes (id, owner) values (1, %s)", (ALICE,))
    async with server.client() as bob:
        await served(bob, server.token(sub=BOB))
        connection.execute("delete from public.notes")
        data = await change(bob)
        assert data["type"] == "DELETE"
        assert data["old_record"] == {"id": 1}
        assert "record" not in data


async def test_without_policies_the_full_old_record_arrives(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """A table without row level security shows old values under a full replica identity."""
    connection.execute("alter table public.notes disable row level security")
    connection.execute("alter table public.notes replica identity full")
    connection.execute("insert into public.notes (id, body) values (1, 'a')")
    async with server.client() as client:
        await served(client, server.token(sub=BOB))
        connection.execute("update public.notes set body = 'b'")
        assert (await change(client))["old_record"]["body"] == "a"
        connection.execute("delete from public.notes")
        assert (await change(client))["old_record"]["body"] == "b"


FILTERS = {
    "": [1, 2, 3, 4],
    "id=eq.2": [2],
    "id=eq.02": [2],
    "id=neq.2": [1, 3, 4],
    "id=not.eq.2": [1, 3, 4],
    "id=not.neq.2": [2],
    "id=gt.2": [3, 4],
    "id=gte.2": [2, 3, 4],
    "id=lt.2": [1],
    "id=lte.2": [1, 2],
    "id=in.(1,3)": [1, 3],
    "id=not.in.(1,3)": [2, 4],
    "id=gt.1,done=is.false": [2, 4],
    'body=in.("a,b",x)': [1],
    'body=eq."a,b"': [1],
    "body=like.b%": [2, 3],
    "body=not.like.b%": [1],
    "body=ilike.B%": [2, 3],
    "body=match.^b.$": [3],
    "body=imatch.^B": [2, 3],
    "body=is.null": [4],
    "body=not.is.null": [1, 2, 3],
    "body=isdistinct.b": [1, 3, 4],
    "body=not.isdistinct.b": [2],
    "done=is.true": [3],
    "score=eq.1.50": [1],
    "made_at=lt.2026-06-01": [1, 2],
}


async def test_filters_mean_what_postgres_means(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """Every operator, with and without `not.`, and several joined by commas."""
    table = {"event": "INSERT", "schema": "public", "table": "notes"}
    bindings = [{**table, "filter": text} for text in FILTERS]
    async with server.client() as client:
        reply = await client.join(
            "notes", server.token(sub=ALICE), private=False, postgres_changes=bindings
        )
        filters = {echo["id"]: echo["filter"] for echo in reply["response"]["postgres_changes"]}
        assert (await client.expect("system"))["payload"]["status"] == "ok"
        connection.execute(
            """
            insert into public.notes (id, owner, body, score, done, made_at)
            values
              (1, %(me)s, 'a,b', 1.5, false, '2026-01-01'),
              (2, %(me)s, 'b', 2, false, '2026-02-01'),
              (3, %(me)s, 'bb', 3, true, '2026-07-01'),
              (4, %(me)s, null, null, false, null)
            """,
            {"me": ALICE},
        )
        heard: dict[str, list[int]] = {text: [] for text in FILTERS}
        for _ in range(4):
            payload = (await client.expect("postgres_changes"))["payload"]
            for binding_id in payload["ids"]:
                heard[filters[binding_id]].append(payload["data"]["record"]["id"])
        assert heard == FILTERS


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"filter": "nothing=eq.1"}, "invalid column for filter nothing"),
    ({"filter": "id=eq.x"}, "invalid input syntax"),
    ({"filter": "id=like.x"}, "invalid input syntax"),
    ({"filter": "body=match.("}, "invalid regular expression"),
    ({"filter": "id=is.true"}, "IS TRUE"),
    ({"filter": "id=foo.1"}, 'Error parsing `filter` params: ["foo", "1"]'),
    ({"filter": "id=in.1"}, "must be wrapped by parentheses"),
    ({"filter": f"id=in.({','.join(map(str, range(101)))})"}, "Maximum 100"),
    ({"filter": 7}, "Error parsing `filter` params: 7"),
    ({"table": "absent"}, "Please check Realtime is enabled"),
    ({"table": "*", "select": ["id"]}, "not supported for wildcard"),
    ({"select": ["nothing"]}, "invalid column for select nothing"),
    ({"select": "id"}, "Error parsing `select` params"),
    ({"schema": 7}, "No subscription params provided"),
]


@pytest.mark.usefixtures("connection")
async def test_a_subscription_that_cannot_be_served_is_told_why(server: RealtimeServer) -> None:
    """The channel stays open and a system message gives the reason."""
    async with server.client() as client:
        for params, words in REFUSALS:
            assert words in await refused(client, server.token(sub=ALICE), **params)
        await client.heartbeat()


async def test_selected_columns_come_with_the_key(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """A binding may name the columns it wants."""
    async with server.client() as client:
        await served(client, server.token(sub=ALICE), select=["body"])
        connection.execute(
            "insert into public.notes (id, owner, body) values (1, %s, 'a')", (ALICE,)
        )
        data = await change(client)
        assert data["record"] == {"id": 1, "body": "a"}
        assert [column["name"] for column in data["columns"]] == ["id", "body"]


async def test_columns_without_privilege_are_left_out(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """Grants on columns hold for changes, also when they change during a subscription."""
    async with server.client() as client:
        await served(client, server.token(sub=ALICE))
        connection.execute("revoke select on public.notes from authenticated")
        connection.execute("grant select (id, owner) on public.notes to authenticated")
        connection.execute(
            "insert into public.notes (id, owner, body) values (1, %s, 'a')", (ALICE,)
        )
        assert (await change(client))["record"] == {"id": 1, "owner": ALICE}
        connection.execute("revoke select (id) on public.notes from authenticated")
        connection.execute(
            "insert into public.notes (id, owner, body) values (2, %s, 'a')", (ALICE,)
        )
        data = await change(client)
        assert data["errors"] == ["Error 401: Unauthorized"]
        assert data["record"] == {}


async def test_a_row_that_is_too_large_loses_its_large_columns(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """Above one mebibyte only short values are kept, and the error says so."""
    async with server.client() as client:
        await served(client, server.token(sub=ALICE))
        connection.execute(
            "insert into public.notes (id, owner, body) values (1, %s, repeat('x', 1100000))",
            (ALICE,),
        )
        data = await change(client)
        assert data["errors"] == ["Error 413: Payload Too Large"]
        assert data["record"]["id"] == 1
        assert "body" not in data["record"]


async def test_a_table_without_a_key_says_so(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """Rows without a primary key cannot be asked about."""
    connection.execute("create table public.logs (line text)")
    connection.execute("grant select on public.logs to authenticated")
    connection.execute("alter publication supabase_realtime add table public.logs")
    async with server.client() as client:
        await served(client, server.token(sub=ALICE), table="logs")
        connection.execute("insert into public.logs values ('x')")
        assert (await change(client))["errors"] == ["Error 400: Bad Request, no primary key"]


async def test_a_rolled_back_change_is_never_heard_of(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """Only commits count."""
    async with server.client() as client:
        await served(client, server.token(sub=ALICE))
        with connection.transaction(force_rollback=True):
            connection.execute("insert into public.notes (id, owner) values (1, %s)", (ALICE,))
        connection.execute("insert into public.notes (id, owner) values (2, %s)", (ALICE,))
        assert (await change(client))["record"]["id"] == 2


async def test_no_commit_is_missed(server: RealtimeServer, connection: psycopg.Connection) -> None:
    """The log is often faster than the commit; policies are asked when others see the row."""
    async with server.client() as client:
        await served(client, server.token(sub=ALICE))
        for number in range(100):
            connection.execute(INSERT, (number, ALICE, "a"))
        heard = [(await change(client))["record"]["id"] for _ in range(100)]
        assert heard == list(range(100))


async def test_a_new_token_brings_its_own_rows(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """After `access_token` the policies see the new claims."""
    async with server.client() as client:
        await served(client, server.token(sub=ALICE))
        token = server.token(sub=BOB)
        await client.send("realtime:notes", "access_token", {"access_token": token})
        await client.expect("system")
        connection.execute(
            "insert into public.notes (id, owner) values (1, %s), (2, %s)", (ALICE, BOB)
        )
        assert (await change(client))["record"]["id"] == 2


async def test_all_tables_of_a_schema_can_be_heard_at_once(
    server: RealtimeServer, connection: psycopg.Connection
) -> None:
    """A star stands for every published table."""
    async with server.client() as client:
        await served(client, server.token(sub=ALICE), table="*")
        connection.execute("insert into public.notes (id, owner) values (1, %s)", (ALICE,))
        assert (await change(client))["table"] == "notes"
