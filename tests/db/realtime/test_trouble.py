"""Trouble, on purpose and otherwise: cut connections, lost messages, a database that restarts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
import websockets

from local.config import Settings
from local.postgres import Cluster
from local.realtime.app import create_app
from tests.db.realtime.client import RealtimeServer
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from local.context import Context
    from local.realtime.limits import Limits
    from tests.databases import DatabaseServer, TestDatabase
    from tests.db.realtime.conftest import Clock

pytestmark = pytest.mark.usefixtures("policies")


async def order(server: RealtimeServer, **request: Any) -> httpx.Response:
    """Order trouble over HTTP with the secret key, unless headers say otherwise."""
    request.setdefault("headers", {"apikey": server.context.keyring.secret_key})
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE) as http:
        return await http.post("/realtime/v1/chaos", **request)


async def interrupt(server: DatabaseServer, admin_dsn: str) -> None:
    """Restart Postgres the hard way; a server that is not ours loses all connections instead."""
    if isinstance(server.server, Cluster):
        await asyncio.to_thread(server.server.restart, "immediate")
        return
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        connection.execute(
            """
            select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()
            """
        )


async def test_clients_survive_a_restart_of_postgres(
    server: RealtimeServer, platform_database: TestDatabase, database_server: DatabaseServer
) -> None:
    """Sockets and channels stay; messages after the restart arrive, joins work again."""
    async with server.client() as client:
        await client.join("node:1", server.token(sub="1"))
        await interrupt(database_server, platform_database.admin_dsn)
        reply = await client.join("node:2", server.token(sub="2"))
        assert reply["status"] == "ok"
        await server.realtime.feed.wait_connected()
        platform_database.connect().execute("select realtime.send('{}', 'back', 'node:1')")
        assert (await client.expect("broadcast"))["payload"]["event"] == "back"


async def test_changes_survive_a_restart_of_postgres(
    server: RealtimeServer, platform_database: TestDatabase, database_server: DatabaseServer
) -> None:
    """Subscriptions go on with the new stream."""
    connection = platform_database.connect()
    connection.execute("create table public.notes (id int primary key)")
    connection.execute("grant select on public.notes to authenticated")
    connection.execute("alter publication supabase_realtime add table public.notes")
    async with server.client() as client:
        bindings = [{"event": "*", "schema": "public", "table": "notes"}]
        await client.join("x", server.token(), private=False, postgres_changes=bindings)
        await client.expect("system")
        await interrupt(database_server, platform_database.admin_dsn)
        await server.realtime.feed.wait_lost()
        await server.realtime.feed.wait_connected()
        platform_database.connect().execute("insert into public.notes values (1)")
        data = (await client.expect("postgres_changes"))["payload"]["data"]
        assert data["record"] == {"id": 1}


async def test_no_slot_is_left_behind(
    context: Context, limits: Limits, platform_database: TestDatabase
) -> None:
    """A temporary slot holds the log back only while Realtime runs."""
    slots = "select count(*) from pg_replication_slots where database = current_database()"
    connection = platform_database.connect()
    async with RealtimeServer(context, create_app(context, limits)):
        assert connection.execute(slots).fetchone() == (1,)
    assert connection.execute(slots).fetchone() == (0,)


async def test_all_connections_can_be_cut(server: RealtimeServer) -> None:
    """Clients see a restart of the service and may come back at once."""
    async with server.client() as one, server.client() as two:
        await asyncio.gather(one.heartbeat(), two.heartbeat())
        assert server.realtime.cut_connections() == 2
        for client in (one, two):
            await client.socket.wait_closed()
            assert client.socket.close_code == 1012
    async with server.client() as client:
        await client.heartbeat()


async def test_a_pause_turns_clients_away(server: RealtimeServer) -> None:
    """While paused new sockets get 503; after resuming they are welcome."""
    async with server.client() as client:
        await client.heartbeat()
        assert server.realtime.pause() == 1
        await client.socket.wait_closed()
    with pytest.raises(websockets.InvalidStatus, match="503"):
        async with server.client():
            pass
    server.realtime.resume()
    async with server.client() as client:
        await client.heartbeat()


async def test_a_pause_ends_by_itself(server: RealtimeServer, clock: Clock) -> None:
    """An order over HTTP cuts everybody off for so many seconds of the stand-in's clock."""
    async with server.client() as client:
        await client.heartbeat()
        response = await order(server, json={"refuse_seconds": 60})
        assert (response.status_code, response.json()) == (200, {"cut": 1})
        await client.socket.wait_closed()
    with pytest.raises(websockets.InvalidStatus, match="503"):
        async with server.client():
            pass
    clock.ahead = 61.0
    async with server.client() as client:
        await client.heartbeat()


async def test_messages_can_be_lost_on_order(server: RealtimeServer) -> None:
    """A probability of one loses every broadcast, zero loses none again."""
    async with server.client() as client:
        await client.join("room", private=False, broadcast={"self": True, "ack": True})
        await order(server, json={"drop_messages": 1.0})
        await client.call("realtime:room", "broadcast", {"event": "lost"})
        await order(server, json={"drop_messages": 0})
        await client.call("realtime:room", "broadcast", {"event": "kept"})
        assert (await client.expect("broadcast"))["payload"]["event"] == "kept"


async def test_connections_can_be_cut_at_random(server: RealtimeServer) -> None:
    """A probability of one cuts each connection at its first word."""
    async with server.client() as client:
        await order(server, json={"drop_connections": 1.0})
        await client.send("phoenix", "heartbeat", {})
        await client.socket.wait_closed()
        assert client.socket.close_code == 1012


async def test_an_order_that_makes_no_sense_is_refused(server: RealtimeServer) -> None:
    """400, and nothing changes."""
    for body in ("{", "[]", '{"noise": 1}', '{"drop_messages": 2}', '{"cut": "x"}', '{"cut": []}'):
        assert (await order(server, content=body)).status_code == 400
    assert server.realtime.chaos.drop_messages == 0


async def test_orders_need_the_secret_key(server: RealtimeServer) -> None:
    """Whoever has the publishable key only causes no trouble."""
    for headers in ({}, {"apikey": server.context.keyring.publishable_key}):
        response = await order(server, json={"cut": True}, headers=headers)
        assert response.status_code == 401


class TestPeace:
    """A stand-in whose settings do not ask for trouble."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        """No seed, no losses."""
        return Settings(data_dir=tmp_path, api_port=0)

    async def test_there_is_no_switch(self, server: RealtimeServer) -> None:
        """Even the secret key cannot cause trouble."""
        assert (await order(server, json={"cut": True})).status_code == 404


class TestBadLine:
    """A stand-in that loses half of its messages from the start."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        """Repeatable losses."""
        return Settings(data_dir=tmp_path, api_port=0, seed=7, drop_messages=0.5)

    async def test_some_messages_arrive(self, server: RealtimeServer) -> None:
        """The seed decides which."""
        async with server.client() as client:
            await client.join("room", private=False, broadcast={"self": True, "ack": True})
            for number in range(40):
                await client.call("realtime:room", "broadcast", {"event": str(number)})
            heard = [frame for frame in client.kept if frame["event"] == "broadcast"]
            assert 10 < len(heard) < 30
