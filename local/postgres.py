"""A Postgres cluster of our own: initialised, started, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self
from urllib.parse import urlencode

import psycopg

from local import watchdog
from local.errors import DataDirectoryInUseError, PortTakenError, PostgresStartError
from local.installation import Account, Installation, state_dir
from local.servers import PASSWORD, SUPERUSER

if TYPE_CHECKING:
    from collections.abc import Mapping

START_TIMEOUT: Final = 60.0
ORPHAN_PATIENCE: Final = 5.0
POLL_INTERVAL: Final = 0.02
BUILTIN_LOCALE_SINCE: Final = 17
FREE_PORT_ATTEMPTS: Final = 3

StopMode = Literal["fast", "immediate"]

SERVER_SETTINGS: Final[Mapping[str, str]] = {
    "wal_level": "logical",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "max_slot_wal_keep_size": "1GB",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
    "statement_timeout": "2min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "unix_socket_permissions": "0700",
    "cluster_name": "simpool",
}
#: For throwaway clusters only: a crash of the machine may lose their data. Commits stay
#: synchronous: Realtime reads the log as far as it is flushed, else five times a second only.
VOLATILE_SETTINGS: Final[Mapping[str, str]] = {
    "fsync": "off",
    "full_page_writes": "off",
}
#: pg_cron serves one database of its server
CRON_DATABASE: Final = "postgres"
CRON_SETTINGS: Final[Mapping[str, str]] = {
    "shared_preload_libraries": "pg_cron",
    "cron.database_name": CRON_DATABASE,
    "cron.use_background_workers": "on",
}
#: only the owner reaches the socket, so it asks for no password; the network asks
HOST_BASED_ACCESS: Final = """\
local all all trust
local replication all trust
host all all all scram-sha-256
host replication all all scram-sha-256
"""


@dataclass
class Cluster:
    """One Postgres cluster, running between `start` and `stop`; also a context manager."""

    data_dir: Path
    host: str = "127.0.0.1"
    #: 0 takes any free port
    port: int = 0
    installation: Installation = field(default_factory=Installation.embedded)
    #: whether committed data survives a crash of the machine
    durable: bool = True
    #: server settings besides our own
    settings: Mapping[str, str] = field(default_factory=dict)
    account: Account = field(default_factory=Account.current)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _socket_dir: Path | None = field(default=None, init=False, repr=False)
    #: a start that was given up goes on in its thread; the stop that follows waits for it
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False)

    @cached_property
    def directory(self) -> Path:
        """Where Postgres keeps its files."""
        return state_dir(self.data_dir, self.account)

    @property
    def log(self) -> Path:
        """What Postgres says."""
        return self.data_dir / "postgres.log"

    @classmethod
    def of_system(cls, data_dir: Path, **options: Any) -> Cluster:
        """A cluster of the installed Postgres, with pg_cron where that is installed."""
        installation = Installation.system()
        settings = CRON_SETTINGS if installation.has_cron else {}
        return cls(data_dir, installation=installation, settings=settings, **options)

    @property
    def has_died(self) -> bool:
        """Whether Postgres has ended without being stopped here."""
        return self._process is not None and self._process.poll() is not None

    def dsn(self, role: str, database: str = "postgres") -> str:
        """A DSN through the socket, which asks for no password."""
        address = urlencode({"host": str(self._socket_dir), "port": self.port})
        return f"postgresql://{role}@/{database}?{address}"

    def network_dsn(self, role: str, database: str = "postgres") -> str:
        """A DSN through TCP, for other programs; only some roles have a password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{role}:{PASSWORD}@{host}:{self.port}/{database}"

    def start(self) -> None:
        """Starts Postgres, after initialising its files the first time."""
        with self._lock:
            self.installation = self.installation.reachable_by(self.account)
            if not self.directory.exists():
                self._initialise()
            self._refuse_second_server()
            if self.port:
                self._serve()
            else:
                self._serve_on_a_free_port()

    def stop(self, mode: StopMode = "fast") -> None:
        """Stops Postgres; `immediate` is what a power failure would do."""
        with self._lock:
            if self._process is None:
                return
            with contextlib.suppress(BrokenPipeError):
                self._process.communicate(f"{mode}\n".encode())
            self._process.wait()
            self._process = None

    def restart(self, mode: StopMode = "fast") -> None:
        """Stops and starts Postgres; every DSN stays valid."""
        with self._lock:
            self.stop(mode)
            self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self.start)
        except asyncio.CancelledError:
            await asyncio.to_thread(self.stop)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def _serve_on_a_free_port(self) -> None:
        """Takes another one when a program was faster to take the port that was free."""
        for _ in range(FREE_PORT_ATTEMPTS - 1):
            try:
                return self._serve()
            except PostgresStartError:
                if not _is_taken(self.host, self.port):
                    raise
                self.port = 0
        return self._serve()

    def _serve(self) -> None:
        self.port = take_port(self.host, self.port, "--db-port")
        self._socket_dir = self._make_socket_dir()
        self._process = self._watch(self._socket_dir)
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop("immediate")
            raise

    def _initialise(self) -> None:
        """Makes the files elsewhere and moves them: half of them would look like all of them."""
        draft = self.directory.with_name(f"{self.directory.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        self.account.own(draft)
        command = [str(self.installation.bin_dir / "initdb"), "--pgdata", str(draft)]
        options = [f"--username={SUPERUSER}", "--encoding=UTF8", "--auth=trust", *self._locale]
        durability = [] if self.durable else ["--no-sync"]
        done = subprocess.run(
            [*command, *options, *durability],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            # a Ctrl-C is for us: we stop when this has ended, and it ends soon
            start_new_session=True,
            **self.account.arguments,
        )
        if done.returncode != 0:
            raise PostgresStartError(f"initdb failed in {draft}:\n{done.stderr.strip()}")
        (draft / "pg_hba.conf").write_text(HOST_BASED_ACCESS, encoding="utf-8")
        draft.rename(self.directory)

    @property
    def _locale(self) -> list[str]:
        """The same order and case rules on every machine, whatever locales it has."""
        if self.installation.version >= BUILTIN_LOCALE_SINCE:
            return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        return ["--locale=C.UTF-8"]

    def _refuse_second_server(self) -> None:
        """Two servers on one directory would destroy it, so Postgres leaves its process id there.

        The server of a parent that was killed is just stopping: it is given a few seconds.
        """
        deadline = time.monotonic() + ORPHAN_PATIENCE
        while (pid := _server_process(self.directory)) is not None:
            if time.monotonic() > deadline:
                raise DataDirectoryInUseError(
                    f"Postgres (process {pid}) is running on {self.directory} already. Stop the "
                    f"stand-in that started it, or choose another directory with --data-dir."
                )
            time.sleep(POLL_INTERVAL)

    def _make_socket_dir(self) -> Path:
        """A short path (sockets allow about 100 bytes) that only our user can enter."""
        if self._socket_dir is None:
            path = Path(tempfile.mkdtemp(prefix="simpool-", dir="/tmp"))
        else:
            path = self._socket_dir
            path.mkdir(mode=0o700, exist_ok=True)
        self.account.own(path)
        return path

    def _watch(self, socket_dir: Path) -> subprocess.Popen[bytes]:
        order = {
            "command": self._command(socket_dir),
            "uid": self.account.uid,
            "log": str(self.log),
            "scratch": str(socket_dir),
        }
        return subprocess.Popen(
            [sys.executable, "-I", "-S", watchdog.__file__, json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def _command(self, socket_dir: Path) -> list[str]:
        settings = {
            **SERVER_SETTINGS,
            **({} if self.durable else VOLATILE_SETTINGS),
            **self.settings,
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": str(socket_dir),
        }
        flags = [argument for item in settings.items() for argument in ("-c", "=".join(item))]
        return [str(self.installation.bin_dir / "postgres"), "-D", str(self.directory), *flags]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.dsn(SUPERUSER)).close()
                return
            time.sleep(POLL_INTERVAL)
        raise PostgresStartError(f"Postgres did not start. The end of {self.log}:\n{self._said()}")

    def _said(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-10:])


def remove_cluster(data_dir: Path) -> bool:
    """Removes the files of Postgres in `data_dir`; whether there were any."""
    directory = state_dir(data_dir, Account.current())
    if (pid := _server_process(directory)) is not None:
        raise DataDirectoryInUseError(f"Postgres (process {pid}) is running on {directory}")
    if not directory.exists():
        return False
    shutil.rmtree(directory)
    return True


def _server_process(directory: Path) -> int | None:
    """The process that serves `directory`, if any does."""
    try:
        pid = int((directory / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        os.kill(pid, 0)
    except (FileNotFoundError, ValueError, IndexError, ProcessLookupError, PermissionError):
        return None
    return pid


def _is_taken(host: str, port: int) -> bool:
    try:
        take_port(host, port, "--db-port")
    except PortTakenError:
        return True
    return False


def take_port(host: str, port: int, flag: str) -> int:
    """`port` when nobody listens there, or any free one for 0; else an error that names `flag`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTakenError(host, port, flag) from error
        taken: tuple[Any, ...] = probe.getsockname()
    return int(taken[1])
