"""The handlers as a process of their own, as an operator runs them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.patience import PATIENCE
from tests.unit.functions.support import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import TestDatabase

FUNCTIONS = Path(__file__).resolve().parents[3] / "supabase" / "functions"
COMMAND = [sys.executable, "-m", "uvicorn", "--app-dir", str(FUNCTIONS), "_shared.main:app"]
BASE = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the handlers on a free port, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        descriptor = listener.fileno()
        with subprocess.Popen(
            [*COMMAND, "--fd", str(descriptor)],
            env=BASE | environment,
            pass_fds=[descriptor],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield origin, process
            finally:
                process.kill()


def stop(process: subprocess.Popen[str]) -> tuple[int, list[dict[str, Any]]]:
    """End the process as an operator does; returns its status and its log."""
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=PATIENCE)
    assert errors == ""
    return process.returncode, [json.loads(line) for line in output.splitlines()]


def test_served_by_uvicorn(database: TestDatabase) -> None:
    """A process configured by its environment answers, logs JSON lines only, and ends cleanly."""
    environment = {
        "SUPABASE_URL": "http://project.example",
        "SUPABASE_DB_URL": database.dsn,
        "SUPABASE_JWT_SECRET": SECRET,
    }
    with serving(environment) as (origin, process):
        health = httpx.get(f"{origin}/functions/v1/health", timeout=PATIENCE)
        missing = httpx.get(f"{origin}/functions/v1/claim?code=K7M2QX", timeout=PATIENCE)
        status, lines = stop(process)
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert missing.status_code == 401
    assert len(health.headers.get_list("date")) == 1
    assert status in {0, -signal.SIGTERM}
    requests = [line for line in lines if line["logger"] == "simpool.functions"]
    assert [(line["action"], line["status"]) for line in requests] == [
        ("health", 200),
        ("verify_claim_code", 401),
    ]
    assert "K7M2QX" not in json.dumps(lines)


@pytest.mark.parametrize(
    ("environment", "sentences"),
    [
        ({}, ["SUPABASE_URL is not set.", "SUPABASE_DB_URL is not set."]),
        (
            {"SUPABASE_URL": "http://project.example", "SUPABASE_DB_URL": "postgresql://x"},
            ["SIMPOOL_SIGNING_KEY (or the older SUPABASE_JWT_SECRET) must be set."],
        ),
    ],
)
def test_wrong_environment(environment: dict[str, str], sentences: list[str]) -> None:
    """A process that is not configured ends at once and names every variable, without a trace."""
    with serving(environment) as (_, process):
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
    assert errors.splitlines() == ["The handlers cannot start:", *sentences]
