"""The live screen, as text."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from node.glyphs import large, small
from node.model import Event, Snapshot
from node.screen import Happening, LiveScreen, View, render

NOW = 1_800_000_000.0
RUNNING = Snapshot(
    state="running",
    node_id="n1",
    name="desk",
    claim_code=None,
    claim_code_expires_at=None,
    workers_busy=3,
    workers_size=4,
    chunks_completed=1234,
    iterations_completed=5_678_900,
    iterations_per_second=43_210.0,
    connection="live",
    paused=False,
    required_version=None,
    last_error=None,
)
CLAIMING = replace(
    RUNNING,
    state="claiming",
    name=None,
    claim_code="K7WQ2M",
    claim_code_expires_at=datetime.fromtimestamp(NOW + 125, UTC),
)


def text(snapshot: Snapshot, width: int = 80, height: int = 24, events: int = 0) -> list[str]:
    """The lines of the screen."""
    happenings = [Happening(NOW + i, Event("x", f"event number {i}")) for i in range(events)]
    view = View(
        snapshot=snapshot,
        url="http://pool.test",
        now=NOW,
        started_at=NOW - 3700,
        cpu_percent=50.0,
        happenings=happenings,
    )
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    console.print(render(view, width, height), height=height)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def test_a_running_node_shows_its_work() -> None:
    """State, workers, CPU, chunks, iterations, speed and connection are on one screen."""
    screen = "\n".join(text(RUNNING))
    for words in (
        "desk",
        "http://pool.test",
        "● running",
        "3 of 4 busy",
        "50 %",
        "1,234 done",
        "5,678,900 done, 43,210 a second now",
        "live: work arrives by push, up 1 h 01 min",
    ):
        assert words in screen


def test_the_bars_tell_without_colours() -> None:
    """How full a bar is can be seen where there are no colours."""
    bar = next(line for line in text(RUNNING) if "cpu" in line)
    assert bar.count("━") == bar.count("─") == 15


def test_an_unclaimed_node_shows_its_code_large() -> None:
    """The code, how long it lasts and what to do with it."""
    lines = text(CLAIMING)
    screen = "\n".join(lines)
    for row in large("K7WQ2M"):
        assert row.rstrip() in screen
    assert "claim code K7WQ2M, a new one in 2:05" in screen
    assert "python -m node claim K7WQ2M" in screen
    assert "● waiting to be claimed" in screen


@pytest.mark.parametrize(("width", "height"), [(60, 24), (80, 16), (40, 14)])
def test_a_small_terminal_shows_the_code_smaller(width: int, height: int) -> None:
    """Where the large letters do not fit, the small ones do."""
    screen = "\n".join(text(CLAIMING, width, height))
    for row in small("K7WQ2M"):
        assert row.rstrip() in screen


@pytest.mark.parametrize("snapshot", [RUNNING, CLAIMING])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60), (60, 16), (30, 10)])
def test_the_screen_has_the_size_of_the_terminal(
    snapshot: Snapshot, width: int, height: int
) -> None:
    """Nothing wraps and nothing scrolls, whatever the size."""
    lines = text(replace(snapshot, last_error="a long story " * 30), width, height, events=100)
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)


def test_the_newest_events_are_shown() -> None:
    """As many as there is room for, the newest last, each with its time."""
    lines = text(RUNNING, events=50)
    shown = [line for line in lines if "event number" in line]
    assert shown[-1].rstrip().endswith("event number 49")
    assert len(shown) > 8
    assert datetime.fromtimestamp(NOW + 49).astimezone().strftime("%H:%M:%S") in shown[-1]


def test_trouble_is_shown() -> None:
    """A pool that does not answer, and why."""
    trouble = replace(
        RUNNING, state="unavailable", connection="offline", last_error="connection [refused]"
    )
    screen = "\n".join(text(trouble))
    assert "● the pool does not answer" in screen
    assert "connection [refused]" in screen
    assert "not connected" in screen


def test_a_paused_node_says_so() -> None:
    """The owner's pause is told instead of the state."""
    assert "● paused by its owner" in "\n".join(
        text(replace(RUNNING, paused=True, rests=("by_owner",)))
    )


def test_a_node_that_is_too_old_says_what_to_do() -> None:
    """Whether or not it is paused as well."""
    screen = text(replace(RUNNING, paused=True, required_version="2.0.0"))
    assert any("too old: update it to 2.0.0 or newer" in line for line in screen)


def test_the_screen_gives_the_terminal_back() -> None:
    """Pictures are drawn on the alternate screen, which is left at the end."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, height=24, legacy_windows=False)
    with LiveScreen(console, "http://pool.test", clock=lambda: NOW) as screen:
        screen.add(Event("claimed", "This node is claimed"), RUNNING)
        screen.add(Event("chunk_started", "Running 100 iterations", "debug"), RUNNING)
        screen.draw(RUNNING)
    written = file.getvalue()
    assert "This node is claimed" in written
    assert "Running 100 iterations" not in written
    assert written.index("\x1b[?1049h") < written.index("This node") < written.index("\x1b[?1049l")
