"""Where Postgres is found and where its files go."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from local import installation
from local.errors import PortTakenError, PostgresMissingError
from local.installation import Account, Installation, state_dir
from local.postgres import take_port
from local.servers import ExternalServer

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Locked(Account):
    """A user who can enter nothing."""

    uid: int | None = None

    def can_enter(self, directory: Path) -> bool:
        """No directory is open."""
        del directory
        return False


def test_the_newest_of_several_installations_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions are compared as numbers, not as text."""
    for version in ("9.6", "17.2", "16.14"):
        program = tmp_path / version / "bin" / "postgres"
        program.parent.mkdir(parents=True)
        for path in (program, program.with_name("initdb")):
            path.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
            path.chmod(0o755)
    monkeypatch.setattr(installation, "SYSTEM_INSTALLATIONS", (tmp_path,))
    monkeypatch.setenv("PATH", "")
    found = Installation.system()
    assert (found.bin_dir, found.version) == (tmp_path / "17.2" / "bin", 17)


def test_a_missing_installation_is_said_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the package to install."""
    monkeypatch.setattr(installation, "SYSTEM_INSTALLATIONS", (tmp_path,))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PostgresMissingError, match="install the package postgresql"):
        Installation.system()


def test_the_embedded_installation_is_complete() -> None:
    """The wheel brings what a cluster needs."""
    found = Installation.embedded()
    assert found.version >= 16
    assert not found.has_cron
    assert (found.bin_dir / "initdb").exists()


def test_files_lie_in_the_data_directory(tmp_path: Path) -> None:
    """One directory holds everything."""
    assert state_dir(tmp_path / "new", Account(None)) == tmp_path / "new" / "postgres"


def test_files_move_where_the_user_of_postgres_can_reach_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each data directory has its own place, and finds it again."""
    monkeypatch.setattr(installation, "SHARED_STATE", tmp_path / "shared")
    one = state_dir(tmp_path / "one", Locked())
    assert one.parent == tmp_path / "shared"
    assert state_dir(tmp_path / "one", Locked()) == one
    assert state_dir(tmp_path / "other", Locked()) != one


def test_programs_that_cannot_be_reached_are_copied_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is readable for everybody, whatever the original was, and brings its libraries."""
    monkeypatch.setattr(installation, "SHARED_STATE", tmp_path / "shared")
    source = tmp_path / "site" / "wheel" / "pg" / "bin"
    files = {
        "wheel/pg/bin/postgres": 0o700,
        "wheel/pg/share/notes": 0o600,
        "wheel.libs/libpq.so": 0o600,
    }
    for name, mode in files.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(mode)
    copied = Installation(source).reachable_by(Locked())
    assert Installation(source).reachable_by(Locked()) == copied
    (root,) = (tmp_path / "shared").iterdir()
    assert copied.bin_dir == root / "wheel" / "pg" / "bin"
    modes = {name: stat.S_IMODE((root / name).stat().st_mode) for name in files}
    assert modes == {
        "wheel/pg/bin/postgres": 0o755,
        "wheel/pg/share/notes": 0o644,
        "wheel.libs/libpq.so": 0o644,
    }


def test_reachable_programs_are_used_where_they_are(tmp_path: Path) -> None:
    """Nothing is copied without need."""
    found = Installation(tmp_path)
    assert found.reachable_by(Account(None)) is found


def test_postgres_never_runs_as_root() -> None:
    """Root is replaced by nobody, others stay themselves."""
    assert (Account.current().uid is None) == (os.geteuid() != 0)


def test_a_taken_port_is_refused_and_a_free_one_found() -> None:
    """0 means any."""
    assert take_port("127.0.0.1", 0, "--db-port") > 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} .* --db-port"):
            take_port("127.0.0.1", port, "--db-port")
    assert take_port("127.0.0.1", port, "--db-port") == port


@pytest.mark.parametrize(
    ("admin", "role", "expected"),
    [
        ("postgresql://boss:s%40@db:5/x", "supabase_admin", "postgresql://boss:s%40@db:5/mine"),
        ("postgresql://boss:s%40@db:5/x", "anon", "postgresql://anon:postgres@db:5/mine"),
        (
            "postgresql://boss@db/x?sslmode=require",
            "supabase_admin",
            "postgresql://boss@db/mine?sslmode=require",
        ),
    ],
)
def test_the_dsn_of_a_server_is_turned_to_role_and_database(
    admin: str, role: str, expected: str
) -> None:
    """Address and options stay, the superuser keeps its password."""
    assert ExternalServer(admin).dsn(role, "mine") == expected
