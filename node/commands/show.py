"""What several commands show: progress, tables of results, and amounts in words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from node.engine.results import digest, statistics
from node.errors import CommandError, ConfigurationError
from node.options import Option, path, switch
from node.page import result_page
from node.report import WIDE, result_table
from node.speed import told_apart
from node.spreadsheet import write_result
from node.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

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


def output_options(group: str) -> tuple[Option, Option]:
    """The forms that a result can have beside a table and JSON."""
    return (
        Option(
            key="csv",
            group=group,
            read=switch,
            wanted="yes or no",
            default=False,
            help="write comma-separated values",
        ),
        Option(
            key="html",
            group=group,
            read=_page,
            wanted="a file whose name ends in .html",
            help="also write a page with plots to this file, which opens offline",
            metavar="FILE",
        ),
    )


def _page(value: object) -> Path:
    file = path(value)
    if file.suffix.lower() not in {".html", ".htm"}:
        raise ValueError
    return file


def check_output(context: Context) -> None:
    """Raise ConfigurationError where forms of output are asked for that cannot be had."""
    if context.as_json and context.values.get("csv"):
        raise ConfigurationError("--json and --csv are two forms of the same: choose one")
    file: Path | None = context.values.get("html")
    if file and not file.parent.is_dir():
        raise ConfigurationError(f"there is no directory {file.parent} for the page")


def print_result(
    context: Context,
    result: Mapping[str, Any],
    about: Mapping[str, Any] | None = None,
    title: str = "Result",
) -> None:
    """A result as a table that a player can read, as CSV, or as JSON with statistics and digest.

    With `--html` a page is written too, under this title.
    """
    document = dict(result)
    write_page(context, lambda told: result_page(document, title, told), about or {})
    if context.values.get("csv"):
        write_result(context.out.file, document)
    elif context.as_json:
        summary = Summary(document).document()
        ending = {"digest": digest(document), "result": document}
        context.print_json({**(about or {}), **statistics(document), "summary": summary, **ending})
    else:
        context.out.print(result_table(document, wide=context.out.width >= WIDE))
        context.out.print(f"digest {digest(document)}", style="dim", soft_wrap=True)


def _told(about: Mapping[str, Any]) -> dict[str, str]:
    """What a page tells of the circumstances."""
    words = {name: str(value) for name, value in about.items() if isinstance(value, str | int)}
    return words | (told_apart(about["speed"]) if "speed" in about else {})


def write_page(
    context: Context, page: Callable[[dict[str, str]], str], about: Mapping[str, Any]
) -> None:
    """Write a page where `--html` says, if it says so; `page` is given what to tell at its top."""
    file: Path | None = context.values.get("html")
    if file is None:
        return
    try:
        file.write_text(page(_told(about)), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"the page cannot be written: {error}") from error
    context.say(f"A page with plots is in {escape(str(file))}")
