"""`claim`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from node.commands.claim import COMMAND
from node.errors import CommandError, ConfigurationError, PoolRefusalError
from tests.unit.node.terminal import Terminal

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell

PATH = "/functions/v1/claim"
FOUND = {
    "id": "n1",
    "name": "vm [1]",
    "platform": "linux-x86_64",
    "totalCores": 8,
    "maxParallel": 4,
    "hardware": {"cpus": [{"name": "A CPU"}], "ram_total_gb": 31.2},
}


@pytest.fixture
def shell(shell: Shell) -> Shell:
    """A shell whose pool has one node to claim."""
    shell.pool.on("GET", PATH, FOUND)
    shell.pool.on("POST", PATH, {"id": "n1", "name": "desk"})
    return shell


def test_a_claim_shows_the_machine_first(shell: Shell) -> None:
    """The owner sees what the code stands for, then that it is theirs."""
    outcome = shell.call(COMMAND, {"code": "K7WQ2M", "name": "desk", "max_parallel": 2})
    for words in ("vm [1]", "linux-x86_64", "A CPU, 31.2 GB"):
        assert words in outcome.err
    assert "The node desk is yours." in outcome.out
    assert shell.pool.requests[0].url.params["code"] == "K7WQ2M"
    assert shell.pool.requests[1].content == b'{"code":"K7WQ2M","name":"desk","maxParallel":2}'


@pytest.mark.parametrize("typed", ["k7wq2m", "K7W-Q2M", " k7w q2m "])
def test_a_code_may_be_typed_as_people_do(shell: Shell, typed: str) -> None:
    """Case, blanks and dashes do not matter."""
    shell.call(COMMAND, {"code": typed})
    assert shell.pool.requests[0].url.params["code"] == "K7WQ2M"


@pytest.mark.parametrize("typed", ["K7WQ2", "K7WQ2MM", "K7WQ20", "I7WQ2M", ""])
def test_what_cannot_be_a_code_is_not_sent(shell: Shell, typed: str) -> None:
    """A mistyped code is found here, before it costs an attempt."""
    with pytest.raises(ConfigurationError, match="is not a claim code"):
        shell.call(COMMAND, {"code": typed})
    assert not shell.pool.requests


def test_what_is_not_given_is_not_sent(shell: Shell) -> None:
    """Name and workers are left to the pool."""
    shell.call(COMMAND, {"code": "K7WQ2M"})
    assert shell.pool.requests[1].content == b'{"code":"K7WQ2M"}'


def test_a_person_may_say_no(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the claim waits for a yes."""
    monkeypatch.setattr("builtins.input", lambda: "n")
    with pytest.raises(CommandError, match="nothing is claimed"):
        shell.call(COMMAND, {"code": "K7WQ2M"}, stdin=Terminal())
    assert [request.method for request in shell.pool.requests] == ["GET"]


@pytest.mark.parametrize("answer", ["", "y", "YES"])
def test_a_person_may_say_yes(shell: Shell, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Return, y and yes claim the node."""
    monkeypatch.setattr("builtins.input", lambda: answer)
    assert shell.call(COMMAND, {"code": "K7WQ2M"}, stdin=Terminal()).code == 0


def test_yes_asks_nothing(shell: Shell) -> None:
    """--yes claims without a question even on a terminal."""
    assert shell.call(COMMAND, {"code": "K7WQ2M", "yes": True}, stdin=Terminal()).code == 0


def test_a_claim_for_programs_gives_the_node(shell: Shell) -> None:
    """--json prints the node and nothing else."""
    outcome = shell.call(COMMAND, {"code": "K7WQ2M"}, as_json=True)
    assert outcome.json == {"id": "n1", "name": "desk"}
    assert not outcome.err


def test_an_expired_code_is_told(shell: Shell) -> None:
    """The refusal of the pool is passed on, and nothing is claimed."""
    envelope = {"success": False, "error": "The code has expired.", "code": "GONE", "details": {}}
    shell.pool.on("GET", PATH, envelope, status=410)
    with pytest.raises(PoolRefusalError, match="expired"):
        shell.call(COMMAND, {"code": "K7WQ2M"})
    assert len(shell.pool.requests) == 1
