"""Progress: a live bar on a terminal, lines elsewhere, nothing for programs."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from node.commands.command import Context
from node.commands.show import progress_bar
from node.commands.wait import note
from node.jobs import Progress

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell

STARTED = Progress("j1", "running", total_iterations=1000)


def shown(shell: Shell, *, terminal: bool, seconds: float = 1.0, **context: Any) -> str:
    """What is shown while 1,000 iterations are done in steps of 50, each taking `seconds`."""
    file = io.StringIO()
    moment = [0.0]
    console = Console(file=file, force_terminal=terminal, width=80, legacy_windows=False)
    call = Context(settings=shell.settings, err=console, clock=lambda: moment[0], **context)
    with progress_bar(call, "simulating", 1000) as show:
        for done in range(0, 1001, 50):
            moment[0] += seconds
            show(done, "mean 5")
    return file.getvalue()


def test_a_terminal_gets_a_bar(shell: Shell) -> None:
    """The bar says how much is done, and the note stands behind it."""
    text = shown(shell, terminal=True)
    assert "1,000 of 1,000" in text
    assert "mean 5" in text
    assert "━" in text


def test_a_file_gets_lines(shell: Shell) -> None:
    """There is one line for each tenth."""
    lines = shown(shell, terminal=False).splitlines()
    assert lines[0] == "simulating: 100 of 1,000 iterations, mean 5"
    assert lines[-1] == "simulating: 1,000 of 1,000 iterations, mean 5"
    assert len(lines) == 10


def test_a_file_does_not_get_many_lines_at_once(shell: Shell) -> None:
    """A short simulation does not flood a log."""
    assert len(shown(shell, terminal=False, seconds=0.1).splitlines()) == 2


def test_programs_get_nothing(shell: Shell) -> None:
    """With --json there is no progress."""
    assert not shown(shell, terminal=True, as_json=True)


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (STARTED, ""),
        (replace(STARTED, status="pending"), "waiting for a node"),
        (replace(STARTED, mean=91040.8), "mean 91,041"),
        (replace(STARTED, mean=91040.8, error=0.00123), "mean 91,041 ±0.12%"),
    ],
)
def test_the_note_tells_the_mean_so_far(progress: Progress, words: str) -> None:
    """The player sees where the result is going, and how sure that is."""
    assert note(progress) == words
