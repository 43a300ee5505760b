"""What a running node tells other processes of its machine."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from node.config import Settings
from node.status_file import StatusFile
from tests.unit.node.test_screen import CLAIMING, RUNNING

if TYPE_CHECKING:
    from pathlib import Path

    from node.model import Snapshot


@pytest.fixture
def status_file(tmp_path: Path) -> StatusFile:
    """The status file of an empty data directory."""
    return StatusFile(Settings(url="http://pool.test", data_dir=tmp_path), clock=lambda: 5.0)


@pytest.mark.parametrize("snapshot", [RUNNING, CLAIMING])
def test_what_is_written_can_be_read(status_file: StatusFile, snapshot: Snapshot) -> None:
    """Another process sees the node as it is."""
    status_file.write(snapshot)
    status = status_file.read()
    assert status is not None
    assert status.snapshot == snapshot
    assert (status.url, status.started_at, status.updated_at) == ("http://pool.test", 5.0, 5.0)


def test_no_node_no_status(status_file: StatusFile) -> None:
    """Before the first write and after the end there is nothing."""
    assert status_file.read() is None
    status_file.write(RUNNING)
    status_file.remove()
    assert status_file.read() is None
    status_file.remove()


def test_a_killed_node_is_not_taken_for_running(status_file: StatusFile) -> None:
    """The file of a process that is gone tells nothing."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    status_file.write(RUNNING)
    document = json.loads(status_file.path.read_text(encoding="utf-8"))
    status_file.path.write_text(json.dumps(document | {"pid": process.pid}), encoding="utf-8")
    assert status_file.read() is None


def test_a_reused_process_number_is_not_taken_for_the_node(status_file: StatusFile) -> None:
    """Another process with the same number began at another time."""
    status_file.write(RUNNING)
    document = json.loads(status_file.path.read_text(encoding="utf-8"))
    document["process_started_at"] -= 100
    status_file.path.write_text(json.dumps(document), encoding="utf-8")
    assert status_file.read() is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": "x"}', "nonsense"])
def test_a_damaged_file_tells_nothing(status_file: StatusFile, content: str) -> None:
    """Half a file is no file."""
    status_file.path.write_text(content, encoding="utf-8")
    assert status_file.read() is None


def test_moments_keep_their_zone(status_file: StatusFile) -> None:
    """A claim code expires at the same instant for whoever reads it."""
    expires = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    status_file.write(replace(CLAIMING, claim_code_expires_at=expires))
    status = status_file.read()
    assert status is not None
    assert status.snapshot.claim_code_expires_at == expires
