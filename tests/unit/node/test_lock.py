"""One node for each data directory."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from node.errors import CommandError
from node.lock import locked

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import pathlib, sys
from node.lock import locked
with locked(pathlib.Path(sys.argv[1]), "held", "wait"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_held_once_at_a_time(tmp_path: Path) -> None:
    """While another process holds the lock there is an error with advice, afterwards none."""
    path = tmp_path / "new" / "node.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(CommandError, match="a node runs") as caught:  # noqa: SIM117  # the lock is what raises
            with locked(path, "a node runs already", "Use another directory."):
                pass
        assert caught.value.advice == "Use another directory."
        holder.communicate()
    with locked(path, "a node runs already", "Use another directory."):
        pass


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    """A lock does not outlive its process, however that ends."""
    path = tmp_path / "node.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
    with locked(path, "a node runs already", "Use another directory."):
        pass
