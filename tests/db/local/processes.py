"""Runs `python -m local` in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psutil

from local.config import REPOSITORY
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass
class StandIn:
    """One `python -m local up`, from its first line to its end."""

    process: subprocess.Popen[str]
    data_dir: Path
    #: what it says when it is ready
    first_line: str

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Addresses and keys."""
        facts: dict[str, Any] = json.loads(self.first_line)
        return facts

    @property
    def postgres(self) -> int:
        """The process id of its Postgres."""
        return int((self.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])

    @property
    def watchdog(self) -> int:
        """The process id of what runs its Postgres."""
        return psutil.Process(self.postgres).ppid()

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Sends a signal; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def command(*arguments: str) -> list[str]:
    """The command line of a command."""
    return [sys.executable, "-m", "local", *arguments]


def environment() -> dict[str, str]:
    """Our own without settings that would reach the commands."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SIMPOOL")}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        command(*arguments),
        check=False,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=environment(),
        timeout=PATIENCE,
    )


@contextlib.contextmanager
def starting(data_dir: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """A stand-in on free ports, in a session of its own; killed if it is still there."""
    arguments = ["--data-dir", str(data_dir), "--api-port", "0", "--db-port", "0"]
    with subprocess.Popen(
        command("up", *arguments, *flags),
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=environment(),
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def up(data_dir: Path, *, as_json: bool = True) -> Iterator[StandIn]:
    """The same once it runs."""
    with starting(data_dir, *(["--json"] if as_json else [])) as process:
        assert process.stdout is not None
        yield StandIn(process, data_dir, process.stdout.readline())


def until(condition: Callable[[], bool]) -> None:
    """Waits for what another process does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
