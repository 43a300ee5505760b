"""`run`: what it says without a pool, how it shows a node, and how it stops."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from node.commands import run
from node.commands.command import Context
from node.commands.face import face_of
from node.commands.run import COMMAND
from node.errors import CommandError, PoolUnavailableError
from node.lock import locked
from node.model import Event
from node.screen import LiveScreen
from node.status_file import StatusFile
from tests.unit.node.terminal import NOW
from tests.unit.node.test_screen import CLAIMING, RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from node.config import Settings
    from node.model import Snapshot
    from tests.unit.node.terminal import Shell

CODE_EVENT = Event("claim_code", "Waiting to be claimed", claim_code="K7WQ2M")
CHUNK_EVENT = Event("chunk_accepted", "A chunk was accepted", context={"chunk_id": "c1"})


class FakeDaemon:
    """A node that tells two events and lives until it is stopped."""

    made: FakeDaemon

    def __init__(self, settings: Settings, *, on_event: Callable[[Event], None]) -> None:
        self.settings = settings
        self.on_event = on_event
        self.stops: list[str] = []
        self.state = CLAIMING
        self.ended = asyncio.Event()
        FakeDaemon.made = self

    async def run(self) -> None:
        """Live."""
        self.on_event(CODE_EVENT)
        self.state = RUNNING
        self.on_event(CHUNK_EVENT)
        os.kill(os.getpid(), signal.SIGINT)
        await self.ended.wait()
        self.state = replace(RUNNING, state="stopped")

    def stop(self) -> None:
        """Be asked to drain, and be in no hurry."""
        self.stops.append("drain")
        os.kill(os.getpid(), signal.SIGTERM)

    def stop_now(self) -> None:
        """Stop at once."""
        self.stops.append("now")
        self.ended.set()

    def snapshot(self) -> Snapshot:
        """The node as it is."""
        return self.state


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> type[FakeDaemon]:
    """The node that `run` drives."""
    monkeypatch.setattr(run, "Daemon", FakeDaemon)
    return FakeDaemon


def test_without_a_pool_three_lines_help(shell: Shell) -> None:
    """Nothing configured and nothing here: how to start a pool or join one, and exit code 3."""
    shell.pool.silent = True
    with pytest.raises(PoolUnavailableError) as caught:
        shell.call(COMMAND, sources={})
    lines = caught.value.diagnostics().splitlines()
    assert len(lines) == 3
    assert "no pool is set, and none runs on this machine" in lines[0]
    assert "python -m local up" in lines[1]
    assert "--pool URL --key KEY" in lines[2]
    assert caught.value.exit_code == 3


@pytest.mark.usefixtures("daemon")
def test_a_pool_on_this_machine_is_found(shell: Shell) -> None:
    """With a pool that answers at the default address nothing needs to be set."""
    shell.pool.on("GET", "/functions/v1/health", {"status": "ok"})
    assert shell.call(COMMAND, sources={}).code == 0


@pytest.mark.usefixtures("daemon")
def test_a_configured_pool_is_not_asked_first(shell: Shell) -> None:
    """A node of a pool that is down starts, and waits for it."""
    shell.pool.silent = True
    assert shell.call(COMMAND).code == 0
    assert not shell.pool.requests


def test_the_first_signal_drains_and_the_second_stops(
    shell: Shell, daemon: type[FakeDaemon]
) -> None:
    """Ctrl-C is heard twice, and afterwards the signals are as they were."""
    before = signal.getsignal(signal.SIGINT)
    assert shell.call(COMMAND).code == 0
    assert daemon.made.stops == ["drain", "now"]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("daemon")
def test_a_log_shows_the_code_and_a_summary(shell: Shell) -> None:
    """Where there is no terminal the claim code is a line of its own."""
    outcome = shell.call(COMMAND)
    assert "Claim code K7WQ2M" in outcome.out
    assert "python -m node claim K7WQ2M" in outcome.out
    assert "Stopped, with 1,234 chunks and 5,678,900 iterations done." in outcome.err


@pytest.mark.usefixtures("daemon")
def test_programs_read_lines_of_json(shell: Shell) -> None:
    """Each event and each change of state is one line with the state; the code is among them."""
    outcome = shell.call(COMMAND, as_json=True)
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert [(line["event"], line["state"]) for line in lines] == [
        ("claim_code", "claiming"),
        ("state", "claiming"),
        ("chunk_accepted", "running"),
        ("state", "running"),
        ("state", "stopped"),
    ]
    assert lines[0]["claim_code"] == "K7WQ2M"
    assert lines[0]["claim_code_expires_at"].endswith("+00:00")
    assert lines[2]["chunk_id"] == "c1"
    assert lines[0]["time"] == "2027-01-15T08:00:00.000+00:00"
    assert not outcome.err


@pytest.mark.usefixtures("daemon")
def test_nothing_is_left_behind(shell: Shell) -> None:
    """After the end no status is told, no log handler is left, and the lock is free."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    shell.call(COMMAND)
    assert StatusFile(shell.settings).read() is None
    assert (root.handlers, root.level) == before
    with locked(shell.settings.data_dir / "node.lock", "taken", ""):
        pass


@pytest.mark.usefixtures("daemon")
def test_two_nodes_need_two_directories(shell: Shell) -> None:
    """A second node with the same key would take the first one's work."""
    with (
        locked(shell.settings.data_dir / "node.lock", "", ""),
        pytest.raises(CommandError, match="a node runs already with") as caught,
    ):
        shell.call(COMMAND)
    assert "--data-dir" in str(caught.value.advice)


@pytest.mark.usefixtures("daemon")
def test_save_remembers_the_pool(shell: Shell) -> None:
    """--save writes the pool to the settings file before the node starts."""
    shell.call(COMMAND, {"save": True})
    assert 'pool = "http://pool.test"' in shell.settings.config_path.read_text(encoding="utf-8")


def context(settings: Settings, **changes: Any) -> Context:
    """A call with a terminal that is text."""
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    return Context(settings=settings, out=console, err=console, clock=lambda: NOW, **changes)


@pytest.fixture
def directory(shell: Shell) -> Path:
    """The data directory, made."""
    shell.settings.data_dir.mkdir()
    return shell.settings.data_dir


def test_a_terminal_gets_the_screen_and_a_log_file(shell: Shell, directory: Path) -> None:
    """On a terminal records go to a file, because the screen has the terminal."""
    with face_of(context(shell.settings)) as face:
        assert isinstance(face, LiveScreen)
        logging.getLogger("node.test").warning("something odd")
    assert "something odd" in (directory / "node.log").read_text(encoding="utf-8")


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_terminal_may_have_lines(
    shell: Shell, log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """--log-format chooses lines even on a terminal."""
    with face_of(context(replace(shell.settings, log_format=log_format))) as face:
        assert not isinstance(face, LiveScreen)
        logging.getLogger("node.test").warning("something odd")
    line = capsys.readouterr().err
    assert "something odd" in line
    assert line.startswith("{") == (log_format == "json")
