"""Runs sql_tests with pg_prove on a throwaway Debian Postgres: `python -m tests.pgtap [path ...]`.

The server has the real pg_cron and pgTAP, the platform and our migrations, and is gone afterwards.
What is missing is installed where that is allowed; else it is said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from psycopg.conninfo import conninfo_to_dict

from local.config import SYSTEM
from local.migrations import push
from tests.databases import open_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.databases import DatabaseServer, TestDatabase

TESTS: Final = Path(__file__).parent.parent / "sql_tests"
HELPERS: Final = TESTS / "helpers.sql"
PACKAGES: Final = (
    "postgresql-15",
    "postgresql-15-cron",
    "postgresql-15-pgtap",
    "postgresql-15-plpgsql-check",
    "libtap-parser-sourcehandler-pgtap-perl",
)
#: tells Debian's scripts not to make and start a cluster of their own
NO_CLUSTER: Final = Path("/etc/postgresql-common/createcluster.d/simpool.conf")


def main(paths: Sequence[str] = ()) -> int:
    """Installs what is missing, then proves; answers the exit status."""
    missing = missing_packages()
    if missing and not install(missing):
        print(  # noqa: T201 - a command speaks to whoever ran it
            "The SQL tests need these Debian packages, and this user may not install them:\n"
            f"  apt-get install {' '.join(missing)}",
            file=sys.stderr,
        )
        return 1
    with open_server(SYSTEM) as server, server.cron_database() as database:
        prepare(server, database)
        return prove(database, paths)


def missing_packages() -> list[str]:
    """The packages that are not installed."""
    return [package for package in PACKAGES if not _is_installed(package)]


def install(packages: Sequence[str]) -> bool:
    """Installs packages without a question and without starting a server; false if not allowed."""
    become_root = _become_root()
    if become_root is None or shutil.which("apt-get") is None:
        return False
    apt_get = [*become_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes"]
    subprocess.run([*apt_get, "update"], check=True)
    if "postgresql-15" not in packages:
        subprocess.run([*apt_get, "install", *packages], check=True)
        return True
    subprocess.run([*apt_get, "install", "postgresql-common"], check=True)
    write = [*become_root, "tee", str(NO_CLUSTER)]
    subprocess.run(
        write, input=b"create_main_cluster = false\n", stdout=subprocess.DEVNULL, check=True
    )
    try:
        subprocess.run([*apt_get, "install", *packages], check=True)
    finally:
        subprocess.run([*become_root, "rm", str(NO_CLUSTER)], check=True)
    return True


def prepare(server: DatabaseServer, database: TestDatabase) -> None:
    """Deploys our migrations, pgTAP and the helpers of the tests."""
    push(database.dsn, server.migrations_dir)
    admin = database.connect_as_admin()
    admin.execute("create extension pgtap with schema extensions")
    admin.execute(HELPERS.read_bytes())


def prove(database: TestDatabase, paths: Sequence[str]) -> int:
    """Runs pg_prove as role postgres; answers its exit status."""
    tests = paths or [str(path) for path in sorted(TESTS.glob("*/*.sql"))]
    target = conninfo_to_dict(database.dsn)
    command = [
        "pg_prove",
        f"--host={target['host']}",
        f"--port={target['port']}",
        f"--username={target['user']}",
        f"--dbname={target['dbname']}",
        *tests,
    ]
    return subprocess.run(command, check=False).returncode


def _is_installed(package: str) -> bool:
    if shutil.which("dpkg-query") is None:
        return False
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    answer = subprocess.run(query, check=False, capture_output=True, text=True)
    return answer.stdout == "installed"


def _become_root() -> list[str] | None:
    """The words before a command that make it root's; none if we may not."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    become_root = [sudo, "--non-interactive"]
    allowed = subprocess.run([*become_root, "true"], check=False, capture_output=True)
    return become_root if allowed.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
