"""`jobs`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from node.commands.jobs import COMMAND, VERBS
from node.errors import CommandError, ConfigurationError
from tests.unit.node.engines import CONFIG, CountingEngine

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell

JOBS = "/rest/v1/sim_jobs"
FIRST = "3f2a0000-0000-4000-8000-000000000001"
WHY = "/rest/v1/rpc/explain_job"
SECOND = "3f2b0000-0000-4000-8000-000000000002"


EXPLANATION = {
    "id": FIRST,
    "status": "running",
    "completed_iterations": 5_000,
    "completed_chunks": 2,
    "total_chunks": 8,
    "reasons": [{"code": "no_nodes", "text": "You have no node."}],
    "nodes": {},
    "jobs_ahead": 0,
    "seconds_to_finish": 90.0,
    "failures": [
        {
            "seed_offset": 1000,
            "iterations": 500,
            "attempt": 2,
            "node_id": SECOND,
            "node": "alder",
            "failure": "error",
            "error": "no [memory]",
            "failed_at": "2027-01-15T07:59:00+00:00",
        }
    ],
}


def row(job_id: str = FIRST, **changes: Any) -> dict[str, Any]:
    """A job of the user."""
    return {
        "id": job_id,
        "status": "running",
        "config_hash": "c0ffee",
        "total_iterations": 20_000,
        "completed_iterations": 5_000,
        "total_chunks": 8,
        "completed_chunks": 2,
        "priority": "normal",
        "access_type": "private",
        "seed": 7,
        "target_error": None,
        "error": None,
        "created_at": "2027-01-15T07:59:00+00:00",
        "started_at": "2027-01-15T07:59:30.5+00:00",
        "completed_at": None,
        "paused_at": None,
        "deadline_at": None,
        "engine_version": None,
        "engine_versions": None,
        "replication": 1,
        "distrusted_iterations": 0,
    } | changes


@pytest.fixture
def shell(shell: Shell) -> Shell:
    """A shell whose user has two jobs."""

    def answer(request: httpx.Request) -> httpx.Response:
        wanted = request.url.params.get("id", "").removeprefix("eq.")
        both = [row(SECOND, status="completed"), row()]
        limit = int(request.url.params.get("limit", len(both)))
        found = [one for one in both if wanted in {"", one["id"]}]
        return httpx.Response(200, json=found[:limit])

    def explain(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={**EXPLANATION, "id": json.loads(request.content)["id"]})

    shell.pool.on("GET", JOBS, answer)
    shell.pool.on("POST", WHY, explain)
    return shell


def test_jobs_are_listed(shell: Shell) -> None:
    """A line for each job, the newest first."""
    lines = shell.call(COMMAND).out.splitlines()
    assert [line.split()[1] for line in lines if "3f2" in line] == ["3f2b0000", "3f2a0000"]
    assert "20,000" in lines[4]
    assert "25%" in lines[4]
    assert "1 min 00 s ago" in lines[4]
    query = shell.pool.requests[0].url.params
    assert (query["order"], query["limit"]) == ("created_at.desc", "20")


def test_a_list_for_programs(shell: Shell) -> None:
    """--json gives whole ids."""
    assert [job["id"] for job in shell.call(COMMAND, as_json=True).json] == [SECOND, FIRST]


def test_no_jobs_say_how_to_send_one(shell: Shell) -> None:
    """An empty list is a hint."""
    shell.pool.on("GET", JOBS, [])
    assert "python -m node submit" in shell.call(COMMAND).out


@pytest.mark.parametrize("words", [FIRST, FIRST.upper(), "3f2a", "3f2a0000"])
def test_one_job_is_shown(shell: Shell, words: str) -> None:
    """A job is found by its id or the first characters of it."""
    out = shell.call(COMMAND, {"id": words}).out
    for found in (FIRST, "running", "5,000 of 20,000", "2 of 8", "c0ffee", "30 s"):
        assert found in out


def test_the_last_job_has_a_name(shell: Shell) -> None:
    """`last` is the newest."""
    outcome = shell.call(COMMAND, {"id": "last"})
    assert SECOND in outcome.out
    assert "python -m node result 3f2b0000" in outcome.err


def test_a_job_is_shown_with_its_result(shell: Shell) -> None:
    """What came of a completed job stands below it."""
    engine = CountingEngine()
    result = engine.run(engine.prepare(CONFIG), 7, 0, 100, lambda: False)
    done = row(SECOND, status="completed", result={"result": result, "provenance": None})
    shell.pool.on("GET", JOBS, [done])
    assert "DPS 56.5" in shell.call(COMMAND, {"id": SECOND}).out


def test_a_failure_is_shown_as_it_is(shell: Shell) -> None:
    """The reason of a failed job may hold anything."""
    shell.pool.on("GET", JOBS, [row(status="failed", error="[bold]engine[/] crashed")])
    assert "[bold]engine[/] crashed" in shell.call(COMMAND, {"id": FIRST}).out


def test_a_job_says_where_it_stands(shell: Shell) -> None:
    """Its place, its mean so far, when it will be done, and who ran how much of it."""
    node = "00000000-0000-4000-8000-00000000000a"
    now = EXPLANATION | {
        "queue_position": 2,
        "mean": 1234.5,
        "error": 0.0123,
        "attempts": {"running": 3, "failed": 0, "lost": 1},
        "shares": [
            {"node_id": node, "node": "alder", "iterations": 4_000, "ranges": [[0, 4_000]]},
            {"node_id": node, "node": None, "iterations": 1_000, "ranges": None},
        ],
    }
    shell.pool.on("POST", WHY, now)
    accepted = {"engine_version": "1.2.0", "engine_versions": "1.2.0.."}
    deadline = {"deadline_at": "2027-01-15T08:02:00+00:00"}
    shell.pool.on("GET", JOBS, [row(**accepted, **deadline)])
    out = shell.call(COMMAND, {"id": FIRST}).out
    assert "error" not in out
    for found in (
        "number 2 of your jobs",
        "1,234 ±1.23%",
        "about 1 min 30 s",
        "3 running, 1 lost",
        "alder",
        "80%",
        node,
        "many",
        "1.2.0, accepts 1.2.0..",
        "in 2 min 00 s",
    ):
        assert found in out
    document = shell.call(COMMAND, {"id": FIRST}, as_json=True).json
    assert (document["config_hash"], document["queue_position"]) == ("c0ffee", 2)
    assert (document["error"], document["relative_error"]) == (None, 0.0123)


def test_a_paused_job_says_so(shell: Shell) -> None:
    """In the list and by itself, whether or not it had begun."""
    paused = row(status="running", paused_at="2027-01-15T07:59:40+00:00")
    shell.pool.on("GET", JOBS, [paused])
    for values in ({}, {"id": FIRST}):
        out = shell.call(COMMAND, values).out
        assert "paused" in out
        assert "running" not in out


def test_a_job_says_how_far_it_can_be_believed(shell: Shell) -> None:
    """How many owners have to agree, and what turned out to be doubtful after its end."""
    plain = shell.call(COMMAND, {"id": FIRST}).out
    assert "agreement" not in plain
    assert "distrusted" not in plain
    shell.pool.on("GET", JOBS, [row(replication=2, distrusted_iterations=1500)])
    out = shell.call(COMMAND, {"id": FIRST}).out
    assert "of nodes of 2 owners on each part" in out
    assert "1,500 iterations were run by nodes found to be wrong since: submit it again" in out


def test_ambiguous_characters_are_refused(shell: Shell) -> None:
    """Characters that begin two jobs name none."""
    shell.pool.on("GET", JOBS, [row(FIRST), row("3f2a1111-0000-4000-8000-000000000003")])
    with pytest.raises(CommandError, match="2 jobs of yours begin with 3f2a"):
        shell.call(COMMAND, {"id": "3f2a"})


def test_an_unknown_job_is_told(shell: Shell) -> None:
    """Characters that begin no job, and words that are no id."""
    with pytest.raises(CommandError, match="no job of yours begins with ffff"):
        shell.call(COMMAND, {"id": "ffff"})
    with pytest.raises(ConfigurationError, match="not the id of a job"):
        shell.call(COMMAND, {"id": "my job"})


@pytest.mark.parametrize("verb", VERBS)
def test_a_job_can_be_changed(shell: Shell, verb: str) -> None:
    """--cancel, --pause, --resume and --retry ask the pool, then show the job."""
    path = f"/rest/v1/rpc/{verb}_job"
    shell.pool.on("POST", path, {"id": FIRST})
    assert shell.call(COMMAND, {"id": "3f2a", verb: True}).code == 0
    assert shell.pool.bodies(path) == [{"id": FIRST}]


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_changed_without_an_id(shell: Shell, verb: str) -> None:
    """--cancel alone does not cancel whatever comes first."""
    with pytest.raises(ConfigurationError, match="which job"):
        shell.call(COMMAND, {verb: True})
    assert not shell.pool.requests


def test_a_job_says_why_it_waits(shell: Shell) -> None:
    """In sentences, with when it is done and what went wrong."""
    shell.pool.on("GET", "/rest/v1/nodes", [])
    shell.pool.on("POST", WHY, EXPLANATION)
    out = shell.call(COMMAND, {"id": "3f2a", "why": True}).out
    assert "You have no node." in out
    assert "done in 1 min 30 s" in out
    for word in ("1,000 to 1,499", "alder", "no [memory]", "1 min 00 s ago"):
        assert word in out
    assert shell.pool.bodies(WHY) == [{"id": FIRST}]
    assert shell.call(COMMAND, {"id": "3f2a", "why": True}, as_json=True).json == EXPLANATION


@pytest.mark.parametrize("words", ["alder", "00000000-0000-4000-8000-00000000000a"])
def test_a_node_says_why_it_is_idle(shell: Shell, words: str) -> None:
    """By its name or id, where no job has it."""
    node = {"id": "00000000-0000-4000-8000-00000000000a", "name": "alder"}
    reasons = [{"code": "paused", "text": "It is paused."}]
    explanation = {**node, "status": "online", "reasons": reasons}
    shell.pool.on("GET", "/rest/v1/nodes", [node])
    shell.pool.on("POST", "/rest/v1/rpc/explain_node", explanation)
    out = shell.call(COMMAND, {"id": words, "why": True}).out
    assert "node alder" in out
    assert "It is paused." in out


def test_words_for_neither_a_job_nor_a_node_are_refused(shell: Shell) -> None:
    """As they are without --why; and there must be some."""
    shell.pool.on("GET", "/rest/v1/nodes", [])
    with pytest.raises(CommandError, match="no job of yours begins with abcd"):
        shell.call(COMMAND, {"id": "abcd", "why": True})
    with pytest.raises(ConfigurationError, match="which job"):
        shell.call(COMMAND, {"why": True})
