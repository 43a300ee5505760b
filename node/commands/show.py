"""What several commands show: progress, tables of results, and amounts in words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from node.engine.results import digest, statistics
from node.report import result_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from node.commands.command import Context


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
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}"),
        console=context.err,
        expand=True,
    )


class _Lines:
    """Progress as lines of text: one for each tenth of the way."""

    def __init__(self, context: Context, title: str, total: int) -> None:
        self._context = context
        self._title = title
        self._total = max(total, 1)
        self._shown = -1

    def show(self, done: int, note: str) -> None:
        """Write a line when another tenth is done."""
        tenth = 10 * done // self._total
        if tenth > self._shown:
            self._shown = tenth
            self._context.say(f"{self._title}: {done:,} of {self._total:,} iterations {note}")


def print_result(
    context: Context, result: Mapping[str, Any], about: Mapping[str, Any] | None = None
) -> None:
    """A result as a table that a player can read, or as JSON with its statistics and digest."""
    figures = statistics(dict(result))
    if context.as_json:
        document = {**(about or {}), **figures, "digest": digest(dict(result)), "result": result}
        context.print_json(document)
        return
    context.out.print(result_table(dict(result), figures))
    context.out.print(f"digest {digest(dict(result))}", style="dim", soft_wrap=True)
