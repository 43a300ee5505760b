"""The stand-in as processes: what is started ends, what is kept is found again."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from local.keys import PUBLISHABLE_KEY
from tests.db.local.processes import run, starting, until, up
from tests.patience import PATIENCE


@pytest.fixture
def data_dir(public_path: Path) -> Path:
    """Where a stand-in keeps everything."""
    return public_path / "data"


def execute(dsn: str, query: str) -> list[tuple[object, ...]]:
    """Rows of a query."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def socket_dir(dsn: str) -> Path:
    """Where the server has its socket."""
    ((path,),) = execute(dsn, "show unix_socket_directories")
    return Path(str(path))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything(data_dir: Path, number: signal.Signals) -> None:
    """Exit status 0, no process and no file besides what is kept."""
    with up(data_dir) as stand_in:
        facts, postgres = stand_in.facts, stand_in.postgres
        sockets = socket_dir(facts["db_url"])
        assert facts["publishable_key"] == PUBLISHABLE_KEY
        assert facts["secret_key"].startswith("sb_secret_")
        assert httpx.get(facts["url"], timeout=PATIENCE).json()["development_only"] is True
        assert stand_in.end(number) == 0
    assert not psutil.pid_exists(postgres)
    assert not sockets.exists()
    kept = sorted(path.name for path in data_dir.iterdir())
    assert kept == ["keys.json", "postgres", "postgres.log", "signing_keys.json"]


def test_ctrl_c_of_a_terminal_reaches_the_whole_group_and_ends_cleanly(data_dir: Path) -> None:
    """Postgres is not torn down beside the stand-in but by it."""
    with up(data_dir) as stand_in:
        postgres = stand_in.postgres
        os.killpg(stand_in.process.pid, signal.SIGINT)
        assert stand_in.process.wait(PATIENCE) == 0
    assert not psutil.pid_exists(postgres)
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()


def test_ctrl_c_while_the_database_is_made_ends_cleanly(data_dir: Path) -> None:
    """Making it is not torn down beside the stand-in either, and there is no error to read."""
    with starting(data_dir) as process:
        until((data_dir / "postgres.draft" / "global" / "pg_control").exists)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


def test_a_killed_stand_in_leaves_no_postgres_and_loses_no_data(data_dir: Path) -> None:
    """After SIGKILL Postgres shuts down in order, and the next start finds everything."""
    with up(data_dir) as stand_in:
        postgres, keys = stand_in.postgres, stand_in.facts["secret_key"]
        sockets = socket_dir(stand_in.facts["db_url"])
        execute(stand_in.facts["db_url"], "create table public.kept as select 42 as answer")
        assert stand_in.end(signal.SIGKILL) == -signal.SIGKILL
    until(lambda: not psutil.pid_exists(postgres) and not sockets.exists())
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()
    with up(data_dir) as stand_in:
        rows = execute(stand_in.facts["db_url"], "select answer from public.kept")
        assert (rows, stand_in.facts["secret_key"]) == ([(42,)], keys)
        assert stand_in.end() == 0


def test_a_killed_watchdog_takes_postgres_along_and_the_stand_in_starts_it_again(
    data_dir: Path,
) -> None:
    """The kernel ends Postgres; a stand-in whose Postgres has gone brings it back."""
    with up(data_dir) as stand_in:
        postgres, dsn = stand_in.postgres, stand_in.facts["db_url"]
        execute(dsn, "create table public.kept as select 42 as answer")
        os.kill(stand_in.watchdog, signal.SIGKILL)
        until(lambda: not psutil.pid_exists(postgres))
        until(lambda: answers(dsn))
        assert execute(dsn, "select answer from public.kept") == [(42,)]
        assert stand_in.end() == 0


def answers(dsn: str) -> bool:
    """Whether the database accepts connections."""
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize("flag", ["--api-port", "--db-port"])
def test_a_taken_port_is_said_with_the_flag_that_helps(data_dir: Path, flag: str) -> None:
    """Nothing stays running."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ports = {"--api-port": "0", "--db-port": "0", flag: str(port)}
        arguments = [argument for item in ports.items() for argument in item]
        done = run("up", "--data-dir", str(data_dir), *arguments)
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken" in done.stderr
    assert f"another port with {flag}" in done.stderr
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


def test_a_data_directory_serves_one_stand_in(data_dir: Path) -> None:
    """A second start and a reset say who is there; status knows it too."""
    directory = ("--data-dir", str(data_dir))
    with up(data_dir) as stand_in:
        second = run("up", *directory, "--api-port", "0", "--db-port", "0")
        reset = run("reset", *directory, "--yes")
        status = run("status", *directory, "--json")
        assert stand_in.end() == 0
    who = f"a stand-in (process {stand_in.process.pid}, {stand_in.facts['url']}) runs on"
    assert (second.returncode, reset.returncode, status.returncode) == (1, 1, 0)
    assert who in second.stderr
    assert who in reset.stderr
    said = json.loads(status.stdout)
    assert (said["running"], said["url"]) == (True, stand_in.facts["url"])


def test_reset_removes_the_database_and_keeps_the_keys(data_dir: Path) -> None:
    """Afterwards a start begins with the migrations again."""
    with up(data_dir) as stand_in:
        keys = stand_in.facts["secret_key"]
        execute(stand_in.facts["db_url"], "create table public.gone as select 1")
        assert stand_in.end() == 0
    done = run("reset", "--data-dir", str(data_dir), "--yes", "--json")
    assert json.loads(done.stdout) == {"removed": True, "data_dir": str(data_dir)}
    with up(data_dir) as stand_in:
        rows = execute(stand_in.facts["db_url"], "select to_regclass('public.gone')::text")
        assert (rows, stand_in.facts["secret_key"]) == ([(None,)], keys)
        assert stand_in.end() == 0


def test_reset_asks_before_it_removes(data_dir: Path) -> None:
    """Where nobody can be asked, it wants to be told."""
    done = run("reset", "--data-dir", str(data_dir))
    assert done.returncode == 1
    assert "--yes" in done.stderr


def test_status_says_when_nothing_runs(data_dir: Path) -> None:
    """Exit status 3, as service managers have it."""
    done = run("status", "--data-dir", str(data_dir))
    assert (done.returncode, done.stderr) == (3, "")
    assert "no stand-in runs" in done.stdout


def test_a_broken_migration_stops_the_start_and_names_its_statement(
    data_dir: Path, tmp_path: Path
) -> None:
    """File, error and statement are shown, and Postgres is not left behind."""
    (tmp_path / "1_broken.sql").write_text("create table public.a (id int);\nselect nonsense;\n")
    ports = ("--api-port", "0", "--db-port", "0")
    directories = ("--data-dir", str(data_dir), "--migrations-dir", str(tmp_path))
    done = run("up", *directories, *ports)
    assert done.returncode == 1
    assert '1_broken.sql: ERROR: column "nonsense" does not exist (SQLSTATE 42703)' in done.stderr
    assert "at statement 2:\nselect nonsense" in done.stderr
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


def test_the_network_is_refused_without_the_flag(data_dir: Path) -> None:
    """The message names the flag."""
    done = run("up", "--data-dir", str(data_dir), "--host", "0.0.0.0")  # noqa: S104
    assert done.returncode == 1
    assert "--i-know-this-is-for-development" in done.stderr
    assert not data_dir.exists()


def test_start_tells_a_person_that_it_is_for_development(data_dir: Path) -> None:
    """Without --json the facts come as a table, with a warning above it."""
    with up(data_dir, as_json=False) as stand_in:
        assert "For development only" in stand_in.first_line
        assert stand_in.end() == 0


def test_keys_are_printed_before_anything_runs(data_dir: Path) -> None:
    """Keys exist without a database."""
    done = run("keys", "--data-dir", str(data_dir), "--json")
    said = json.loads(done.stdout)
    assert said["publishable_key"] == PUBLISHABLE_KEY
    assert said["signing_keys_path"] == str(data_dir / "signing_keys.json")
    assert "d" not in said["jwks"]["keys"][0]
