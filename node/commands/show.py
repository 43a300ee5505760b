"""What several commands show: progress, tables of results, and amounts in words."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from node.engine.results import digest, statistics
from node.errors import ConfigurationError
from node.options import Option, switch
from node.report import result_table
from node.spreadsheet import write_result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from node.commands.command import Context


# Seconds between two lines of progress where there is no terminal.
LINE_INTERVAL = 1.0


@contextmanager
def progress_bar(context: Context, title: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """A live bar on a terminal, a line per tenth elsewhere, nothing for programs.

    Gives a function that is told how much is done, and a note to show behind the bar.
    """
    if context.as_json:
        yield lambda _done, _note: None
    elif context.err.is_terminal:
        with _bar(context) as bar:
            task = bar.add_task(title, total=total, note="")
            yield lambda done, note: bar.update(task, completed=done, note=note)
    else:
        yield _Lines(context, title, total).show


def _bar(context: Context) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}"),
        console=context.err,
        expand=True,
    )


class _Lines:
    """Progress as lines of text: one for each tenth of the way, but not many at once."""

    def __init__(self, context: Context, title: str, total: int) -> None:
        self._context = context
        self._title = title
        self._total = max(total, 1)
        self._tenth = 0
        self._shown_at = context.clock()

    def show(self, done: int, note: str) -> None:
        """Write a line when another tenth is done, and a second has passed since the last."""
        tenth, now = 10 * done // self._total, self._context.clock()
        if tenth > self._tenth and now - self._shown_at >= LINE_INTERVAL:
            self._tenth, self._shown_at = tenth, now
            words = f"{self._title}: {done:,} of {self._total:,} iterations"
            self._context.say(f"{words}, {note}" if note else words)


def rate(done: int, started: float) -> str:
    """How many iterations a second were done since a reading of `time.perf_counter`."""
    return f"{done / max(time.perf_counter() - started, 1e-9):,.0f}/s"


def csv_option(group: str) -> Option:
    """The switch to comma-separated values."""
    return Option(
        key="csv",
        group=group,
        read=switch,
        wanted="yes or no",
        default=False,
        help="write comma-separated values",
    )


def check_output(context: Context) -> None:
    """Raise ConfigurationError where two forms of output are asked for at once."""
    if context.as_json and context.values.get("csv"):
        raise ConfigurationError("--json and --csv are two forms of the same: choose one")


def print_result(
    context: Context, result: Mapping[str, Any], about: Mapping[str, Any] | None = None
) -> None:
    """A result as a table that a player can read, as CSV, or as JSON with statistics and digest."""
    if context.values.get("csv"):
        write_result(context.out.file, dict(result))
        return
    figures = statistics(dict(result))
    if context.as_json:
        document = {**(about or {}), **figures, "digest": digest(dict(result)), "result": result}
        context.print_json(document)
        return
    context.out.print(result_table(dict(result), figures))
    context.out.print(f"digest {digest(dict(result))}", style="dim", soft_wrap=True)
