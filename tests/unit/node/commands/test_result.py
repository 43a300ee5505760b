"""`result`."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from node.commands.result import COMMAND
from node.engine.results import digest
from node.errors import CommandError
from tests.unit.node import engines

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell

JOBS, CONFIGS = "/rest/v1/sim_jobs", "/rest/v1/sim_configs"
JOB_ID = "3f2a0000-0000-4000-8000-000000000001"
CONFIG = json.dumps(engines.CONFIG)
SEED, ITERATIONS = 7, 100


def completed(**changes: Any) -> dict[str, Any]:
    """A completed job, as one process alone would have done it."""
    engine = engines.CountingEngine()
    result = engine.run(engine.prepare(engines.CONFIG), SEED, 0, ITERATIONS, lambda: False) or {}
    return {
        "id": JOB_ID,
        "status": "completed",
        "seed": SEED,
        "config_hash": hashlib.sha256(CONFIG.encode()).hexdigest(),
        "total_iterations": ITERATIONS,
        "completed_iterations": ITERATIONS,
        "result": {
            "result": result,
            "digest": digest(result),
            "provenance": {"engine_version": "1.0.0", "nodes": 2},
        },
    } | changes


@pytest.fixture
def shell(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose user has one completed job."""
    engines.install(monkeypatch)
    shell.pool.on("GET", JOBS, [completed()])
    shell.pool.on("GET", CONFIGS, [{"config_json": CONFIG}])
    return shell


def test_the_last_result_is_shown(shell: Shell) -> None:
    """Without an id it is that of the newest job."""
    outcome = shell.call(COMMAND)
    assert "DPS 56.5" in outcome.out
    assert completed()["result"]["digest"] in outcome.out


def test_a_result_for_programs(shell: Shell) -> None:
    """--json gives statistics, digest, provenance and the result itself."""
    document = shell.call(COMMAND, {"id": JOB_ID}, as_json=True).json
    assert document["metrics"]["dps"]["mean"] == 56.5
    assert document["result"] == completed()["result"]["result"]
    assert document["provenance"]["nodes"] == 2


def test_a_result_for_a_spreadsheet(shell: Shell) -> None:
    """--csv gives one line for each figure, percentiles and counters among them."""
    rows = list(csv.reader(io.StringIO(shell.call(COMMAND, {"csv": True}).out)))
    assert rows[0] == ["kind", "name", "figure", "value"]
    assert ["metric", "dps", "mean", "56.5"] in rows
    assert any(row[2] == "p95" for row in rows)
    assert rows[-1] == ["counter", "ability.shot.casts", "count", "100"]


@pytest.mark.parametrize("option", ["csv", "verify", "wait"])
def test_a_job_without_a_result_is_told(shell: Shell, option: str) -> None:
    """Whatever was asked for, a job that is not done has no result."""
    progress = {"id": JOB_ID, "status": "failed", "total_iterations": 1}
    shell.pool.on("POST", "/rest/v1/rpc/job_progress", progress)
    shell.pool.on("GET", JOBS, [completed(status="running", result=None)])
    with pytest.raises(CommandError):
        shell.call(COMMAND, {option: True})
    with pytest.raises(CommandError, match="no result yet: it is running"):
        shell.call(COMMAND)


def test_a_right_result_is_verified(shell: Shell) -> None:
    """One process here gives the digest that the pool gave."""
    outcome = shell.call(COMMAND, {"verify": True})
    assert outcome.code == 0
    assert "Equal" in outcome.err


def test_a_verification_for_programs(shell: Shell) -> None:
    """--verify --json prints both digests and whether they are equal."""
    expected = completed()["result"]["digest"]
    assert shell.call(COMMAND, {"verify": True}, as_json=True).json == {
        "job_id": JOB_ID,
        "digest": expected,
        "own": expected,
        "equal": True,
    }


def test_a_wrong_result_is_found(shell: Shell) -> None:
    """A digest that does not come out here fails, and the versions are named."""
    forged = completed()
    forged["result"]["digest"] = "0" * 64
    shell.pool.on("GET", JOBS, [forged])
    with pytest.raises(CommandError, match="has digest 0000") as caught:
        shell.call(COMMAND, {"verify": True})
    assert "the pool ran 1.0.0, this is 1.0.0" in str(caught.value.advice)


def test_waiting_then_showing(shell: Shell) -> None:
    """--wait follows the job to its end and shows the result once."""
    answers = httpx.Response(
        200, json={"id": JOB_ID, "status": "completed", "total_iterations": ITERATIONS}
    )
    shell.pool.on("POST", "/rest/v1/rpc/job_progress", answers)
    assert shell.call(COMMAND, {"wait": True}).out.count("DPS 56.5") == 1
