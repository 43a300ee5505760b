"""`unregister`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from node.auth import NodeKey
from node.commands import unregister
from node.commands.unregister import COMMAND
from node.daemon import key_path
from node.errors import CommandError
from node.lock import locked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.node.terminal import Shell

PATH = "/functions/v1/node-unregister"


@pytest.fixture
def key(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The key of a registered node."""
    transport = httpx.MockTransport(shell.pool)
    monkeypatch.setattr(unregister, "new_client", lambda _: httpx.AsyncClient(transport=transport))
    shell.pool.on("POST", PATH, {"id": "n1"})
    path = key_path(shell.settings.data_dir)
    NodeKey.load_or_create(path)
    return path


def test_a_node_leaves_the_pool(shell: Shell, key: Path) -> None:
    """The request is signed, and the key stays for the next time."""
    outcome = shell.call(COMMAND)
    assert "The node n1 is out of the pool." in outcome.out
    assert "signature" in shell.pool.requests[0].headers
    assert key.exists()


def test_the_key_may_be_forgotten(shell: Shell, key: Path) -> None:
    """--forget-key makes the next start that of a new node."""
    outcome = shell.call(COMMAND, {"forget_key": True}, as_json=True)
    assert outcome.json == {"id": "n1", "key_forgotten": True}
    assert not key.exists()


def test_a_refusal_keeps_the_key(shell: Shell, key: Path) -> None:
    """What the pool does not know is not forgotten here either."""
    shell.pool.on("POST", PATH, {"error": "Unknown node.", "code": "UNAUTHORIZED"}, status=401)
    with pytest.raises(CommandError, match="does not know this node"):
        shell.call(COMMAND, {"forget_key": True})
    assert key.exists()


def test_a_running_node_is_not_taken_out(shell: Shell, key: Path) -> None:
    """A node that runs would register again at once: it has to be stopped first."""
    with (
        locked(shell.settings.data_dir / "node.lock", "", ""),
        pytest.raises(CommandError, match="this node is running"),
    ):
        shell.call(COMMAND)
    assert key.exists()
    assert not shell.pool.requests


def test_no_node_no_request(shell: Shell) -> None:
    """A directory without a key has no node to take out, and gets none."""
    with pytest.raises(CommandError, match="there is no node in"):
        shell.call(COMMAND)
    assert not key_path(shell.settings.data_dir).exists()
