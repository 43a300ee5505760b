"""A cluster of our own starts, survives, and can be used by those who may."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from local.errors import DataDirectoryInUseError, PostgresStartError
from local.postgres import Cluster, remove_cluster, take_port
from local.servers import SUPERUSER
from tests.databases import public_directory

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """The data directory of the cluster."""
    with public_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def cluster(directory: Path) -> Iterator[Cluster]:
    """A running cluster with a role of each kind."""
    with Cluster(directory, durable=False) as cluster:
        with psycopg.connect(cluster.dsn(SUPERUSER)) as connection:
            connection.execute("create role postgres login password 'postgres'")
        yield cluster


def value(dsn: str, query: str) -> object:
    """The only value of a query."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("wal_level", "logical"),
        ("statement_timeout", "2min"),
        ("timezone", "UTC"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_permissions", "0700"),
    ],
)
def test_the_server_is_set_up_as_the_hosted_one(
    cluster: Cluster, setting: str, expected: str
) -> None:
    """Settings that clients and migrations can notice."""
    assert value(cluster.dsn(SUPERUSER), f"show {setting}") == expected


def test_case_of_any_alphabet_is_folded(cluster: Cluster) -> None:
    """The locale knows more than ASCII, on every machine."""
    assert value(cluster.dsn(SUPERUSER), "select lower('ÄΩ') = 'äω'") is True


def test_an_immediate_restart_keeps_what_was_committed(cluster: Cluster) -> None:
    """DSNs stay valid, and recovery brings the data back."""
    dsn = cluster.dsn(SUPERUSER)
    with psycopg.connect(dsn) as connection:
        connection.execute("create table if not exists kept as select 42 as answer")
    cluster.restart("immediate")
    assert value(dsn, "select answer from kept") == 42
    assert cluster.dsn(SUPERUSER) == dsn


def test_a_restart_notices_a_server_that_has_died(cluster: Cluster) -> None:
    """has_died is true only between an unexpected end and the next start."""
    assert not cluster.has_died
    cluster.restart()
    assert not cluster.has_died


def test_the_network_asks_for_the_password(cluster: Cluster) -> None:
    """Over TCP postgres needs its password."""
    assert value(cluster.network_dsn("postgres"), "select current_user") == "postgres"
    wrong = cluster.network_dsn("postgres").replace(":postgres@", ":wrong@")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_the_superuser_cannot_come_over_the_network(cluster: Cluster) -> None:
    """Who can run programs must have the file system's permission."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(cluster.network_dsn(SUPERUSER))


def test_the_socket_is_closed_to_others(cluster: Cluster) -> None:
    """Its directory belongs to the user of Postgres alone."""
    with psycopg.connect(cluster.dsn(SUPERUSER)) as connection:
        directory = connection.info.host
    assert Path(directory).stat().st_mode & 0o077 == 0


def test_files_of_a_running_server_are_not_removed(cluster: Cluster) -> None:
    """Whoever wants them gone stops it first."""
    with pytest.raises(DataDirectoryInUseError, match="is running on"):
        remove_cluster(cluster.data_dir)


def test_a_second_server_on_the_same_files_is_refused(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two servers on one directory would destroy it."""
    monkeypatch.setattr("local.postgres.ORPHAN_PATIENCE", 0.0)
    with pytest.raises(DataDirectoryInUseError, match="already"):
        Cluster(cluster.data_dir, durable=False).start()


async def test_a_start_that_is_given_up_leaves_no_server(directory: Path) -> None:
    """Whoever cancels a start waits until what it began has ended."""
    cluster = Cluster(directory / "given-up", durable=False)
    starting = asyncio.create_task(cluster.__aenter__(), name="start")
    while cluster._process is None:  # noqa: ASYNC110 - nothing announces it
        await asyncio.sleep(0.01)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert cluster._process is None
    assert remove_cluster(directory / "given-up")


def test_files_that_were_made_by_halves_are_made_again(directory: Path) -> None:
    """An initialisation that was killed does not stand in the way."""
    draft = directory / "halves" / "postgres.draft"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    with Cluster(directory / "halves", durable=False) as cluster:
        assert value(cluster.dsn(SUPERUSER), "select 1") == 1
    assert not draft.exists()


def test_a_port_that_is_taken_at_the_last_moment_is_left_to_its_taker(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look for a free port and the start of Postgres somebody may be faster."""
    with socket.create_server(("127.0.0.1", 0)) as taker:
        taken = taker.getsockname()[1]
        found = iter([taken])

        def look(host: str, port: int, flag: str) -> int:
            early = next(found, None) if port == 0 else None
            return early or take_port(host, port, flag)

        monkeypatch.setattr("local.postgres.take_port", look)
        with Cluster(directory / "late", durable=False) as cluster:
            assert cluster.port != taken
            assert value(cluster.dsn(SUPERUSER), "show port") == str(cluster.port)


def test_a_server_that_does_not_start_says_why(directory: Path) -> None:
    """The end of its log is part of the message, and nothing stays behind."""
    broken = Cluster(directory / "broken", durable=False, settings={"work_mem": "lots"})
    with pytest.raises(PostgresStartError, match="invalid value for parameter"):
        broken.start()
    assert remove_cluster(directory / "broken")
    assert not remove_cluster(directory / "broken")
