"""`submit`, and waiting for what was sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from node.commands import submit
from node.engine import ConfigError
from node.errors import CommandError, SignInError
from tests.unit.node import engines

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell

SUBMIT, PROGRESS, JOBS = (
    "/rest/v1/rpc/submit_job",
    "/rest/v1/rpc/job_progress",
    "/rest/v1/sim_jobs",
)
CANONICAL = '{"duration_ms":300000,"engine":"combat","schema":1,"target":{"count":1}}'
JOB_ID = "3f2a0000-0000-4000-8000-000000000001"
JOB = {
    "id": JOB_ID,
    "config_hash": "c0ffee",
    "status": "pending",
    "total_iterations": 10_000,
    "seed": 99,
    "created_at": "2027-01-15T08:00:00+00:00",
    "repeated": False,
}


def ended(status: str, **changes: Any) -> dict[str, Any]:
    """The progress of a job that has ended."""
    progress = {"id": JOB_ID, "total_iterations": 10_000, "completed_iterations": 10_000}
    return progress | {"status": status} | changes


@pytest.fixture
def shell(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose pool takes jobs."""
    engines.install(monkeypatch)
    shell.pool.on("POST", SUBMIT, JOB)
    return shell


def test_a_job_is_sent_as_its_exact_text(shell: Shell) -> None:
    """The config goes as canonical JSON; what was not given is left to the pool."""
    outcome = shell.call(submit.COMMAND)
    assert shell.pool.bodies(SUBMIT) == [
        {
            "config_json": CANONICAL,
            "iterations": 10_000,
            "priority": "normal",
            "access_type": "private",
        }
    ]
    assert "Job 3f2a0000 is sent: 10,000 iterations, seed 99." in outcome.err
    assert "python -m node result 3f2a0000 --wait" in outcome.err


def test_every_option_reaches_the_pool(shell: Shell) -> None:
    """Each option is an argument of `submit_job`."""
    values = {
        "iterations": 20_000,
        "seed": 7,
        "duration": 60.0,
        "targets": 3,
        "priority": "high",
        "access": "public",
        "target_error": 0.001,
        "replication": 2,
        "idempotency_key": "today",
        "deadline": 90.0,
        "engine_versions": "1.2.0..",
    }
    shell.call(submit.COMMAND, values)
    body = shell.pool.bodies(SUBMIT)[0]
    config = json.loads(body.pop("config_json"))
    assert (config["duration_ms"], config["target"]) == (60_000, {"count": 3})
    assert body == {
        "iterations": 20_000,
        "seed": 7,
        "priority": "high",
        "access_type": "public",
        "target_error": 0.001,
        "replication": 2,
        "idempotency_key": "today",
        "deadline_at": "2027-01-15T08:01:30+00:00",
        "engine_versions": "1.2.0..",
    }


@pytest.mark.parametrize("versions", ["1.2", "2.0.0..1.0.0", ".."])
def test_what_is_no_range_of_versions_is_not_sent(versions: str) -> None:
    """It is refused where it is read."""
    with pytest.raises(ValueError, match=r"^"):
        submit.engine_versions(versions)


def test_a_repeated_submit_says_so(shell: Shell) -> None:
    """The same idempotency key gives the first job, and the user is told."""
    shell.pool.on("POST", SUBMIT, JOB | {"repeated": True})
    assert "is the job you sent before" in shell.call(submit.COMMAND).err


def test_a_job_for_programs(shell: Shell) -> None:
    """--json prints what the pool answered."""
    assert shell.call(submit.COMMAND, as_json=True).json == JOB


def test_a_bad_config_is_not_sent(shell: Shell) -> None:
    """The engine here refuses it before the pool is asked."""
    with pytest.raises(ConfigError):
        shell.call(submit.COMMAND, {"duration": 1.0})
    assert not shell.pool.requests


def test_nobody_submits_for_nobody(shell: Shell) -> None:
    """Without a user nothing is sent."""
    with pytest.raises(SignInError):
        shell.call(submit.COMMAND, access_token=None)
    assert not shell.pool.requests


def final() -> dict[str, Any]:
    """The row of a completed job."""
    engine = engines.CountingEngine()
    result = engine.run(engine.prepare(engines.CONFIG), 99, 0, 100, lambda: False)
    return JOB | {"status": "completed", "result": {"result": result, "provenance": {"nodes": 2}}}


def test_waiting_ends_with_the_table(shell: Shell) -> None:
    """--wait shows the result when the job is completed."""
    shell.pool.on("POST", PROGRESS, ended("completed"))
    shell.pool.on("GET", JOBS, [final()])
    outcome = shell.call(submit.COMMAND, {"wait": True})
    assert outcome.code == 0
    assert "DPS" in outcome.out


def test_waiting_for_programs_gives_one_document(shell: Shell) -> None:
    """--wait --json prints the result alone."""
    shell.pool.on("POST", PROGRESS, ended("completed"))
    shell.pool.on("GET", JOBS, [final()])
    document = shell.call(submit.COMMAND, {"wait": True}, as_json=True).json
    assert document["job_id"] == JOB_ID
    assert document["metrics"]["dps"]["mean"] == 148.5
    assert document["provenance"] == {"nodes": 2}


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_job_that_comes_to_nothing_fails_the_command(shell: Shell, status: str) -> None:
    """The reason is told, and where to look."""
    shell.pool.on("POST", PROGRESS, ended(status, failure="engine crashed"))
    with pytest.raises(CommandError, match=f"the job is {status}: engine crashed") as caught:
        shell.call(submit.COMMAND, {"wait": True})
    assert caught.value.advice == "See it with: python -m node jobs 3f2a0000"
