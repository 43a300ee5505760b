"""The real Supabase CLI deploys the schema to an empty platform and finds nothing wrong with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
import pytest

from local import bootstrap
from local.config import EMBEDDED, SYSTEM, Settings
from local.errors import PostgresMissingError
from local.installation import Installation
from local.servers import SUPERUSER
from tests.databases import open_server
from tests.npm import Packages, install

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import DatabaseServer

ROOT: Final = Path(__file__).parents[3]
PROGRAM: Final = "node_modules/.bin/supabase"
CLI: Final = Packages("supabase-cli", {"supabase": "3.1.0"}, probe=[PROGRAM, "--version"])
#: the database of the CLI's local target
DATABASE: Final = "postgres"
CHECKER: Final = "plpgsql_check"

pytestmark = [
    pytest.mark.skipif(shutil.which("npm") is None, reason="the CLI is an npm package"),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("cli"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    """A server of our own, with an empty platform in the database that the CLI expects."""
    with open_server(_kind()) as server:
        bootstrap.prepare_database(server.server, DATABASE)
        yield server


@pytest.fixture(scope="module")
def admin(server: DatabaseServer) -> Iterator[psycopg.Connection]:
    """The superuser in that database."""
    dsn = server.server.dsn(SUPERUSER, DATABASE)
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def project(server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project whose local target is that server."""
    directory = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "supabase" / "migrations", directory / "supabase" / "migrations")
    port = psycopg.conninfo.conninfo_to_dict(server.server.dsn("postgres"))["port"]
    config = (ROOT / "supabase" / "config.toml").read_text()
    changed = config.replace(f"port = {Settings().db_port}", f"port = {port}")
    assert changed != config
    (directory / "supabase" / "config.toml").write_text(changed)
    return directory


@pytest.fixture(scope="module")
def deployed(project: Path) -> str:
    """What `supabase db push` said, onto the empty platform."""
    return supabase(project, "db", "push", "--yes")


def supabase(project: Path, *arguments: str) -> str:
    """Runs the CLI in the project; answers what it said, and fails where it fails."""
    command = [str(install(CLI) / PROGRAM), *arguments]
    environment = {**os.environ, "HOME": str(project), "PGSSLMODE": "disable", "DO_NOT_TRACK": "1"}
    done = subprocess.run(
        command,
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _kind() -> str:
    """The installed Postgres where it can check functions, else the embedded one."""
    return SYSTEM if _has_checker() else EMBEDDED


def _has_checker() -> bool:
    try:
        version = Installation.system().version
    except PostgresMissingError:
        return False
    return Path(f"/usr/share/postgresql/{version}/extension/{CHECKER}.control").exists()


def test_the_local_target_of_the_cli_is_the_stand_in() -> None:
    """Ports in config.toml are those that `python -m local up` listens on."""
    config = tomllib.loads((ROOT / "supabase" / "config.toml").read_text())
    settings = Settings()
    assert (config["api"]["port"], config["db"]["port"]) == (settings.api_port, settings.db_port)


def test_every_handler_verifies_for_itself() -> None:
    """Each folder of supabase/functions has an entry that leaves the token to the handler."""
    config = tomllib.loads((ROOT / "supabase" / "config.toml").read_text())
    folders = {path.parent.name for path in (ROOT / "supabase" / "functions").glob("*/index.py")}
    assert config["functions"] == {name: {"verify_jwt": False} for name in sorted(folders)}


def test_push_deploys_every_migration(deployed: str, admin: psycopg.Connection) -> None:
    """The history holds one row for each file, and a second push finds nothing to do."""
    assert "Finished" in deployed
    rows = admin.execute(
        "select version || '_' || name || '.sql' from supabase_migrations.schema_migrations"
    ).fetchall()
    files = {path.name for path in (ROOT / "supabase" / "migrations").iterdir()}
    assert {name for (name,) in rows} == files


@pytest.mark.usefixtures("deployed")
def test_a_second_push_has_nothing_to_do(project: Path) -> None:
    """The files and the history agree."""
    assert "up to date" in supabase(project, "db", "push", "--yes")


@pytest.mark.skipif(not _has_checker(), reason=f"{CHECKER} comes with the system's Postgres only")
@pytest.mark.usefixtures("deployed")
def test_lint_finds_nothing(project: Path, admin: psycopg.Connection) -> None:
    """Every function body is checked; warnings count."""
    admin.execute(f"create extension if not exists {CHECKER} with schema extensions")
    said = supabase(project, "db", "lint", "--level", "warning", "--fail-on", "warning")
    assert "No schema errors found" in said


@pytest.mark.usefixtures("deployed")
def test_advisors_find_nothing(project: Path) -> None:
    """Neither for security nor for performance."""
    said = supabase(project, "db", "advisors", "--level", "warn", "--fail-on", "warn")
    assert "No issues found" in said
