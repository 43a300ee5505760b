"""The live screen of a running node."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import psutil
from rich import box
from rich.align import Align
from rich.console import Group
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from node.amounts import duration
from node.glyphs import large, small
from node.rests import rest_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from node.model import Event, Level, Snapshot, Status

KEPT_EVENTS = 200
STATE_COLORS: dict[Status, str] = {
    "registering": "yellow",
    "claiming": "yellow",
    "starting": "yellow",
    "running": "green",
    "draining": "magenta",
    "stopped": "dim",
    "unavailable": "red",
}
STATE_WORDS: dict[Status, str] = {
    "registering": "registering with the pool",
    "claiming": "waiting to be claimed",
    "starting": "claimed, getting ready",
    "running": "running",
    "draining": "finishing its work",
    "stopped": "stopped",
    "unavailable": "the pool does not answer",
}
LEVEL_COLORS: dict[Level, str] = {
    "debug": "dim",
    "info": "default",
    "warning": "yellow",
    "error": "bold red",
}
# Below these a large claim code does not fit beside the rest of the screen.
LARGE_WIDTH, LARGE_HEIGHT = 76, 20
BAR_WIDTH = 30
HINT = "Ctrl-C finishes what runs and leaves; a second one leaves at once"


@dataclass(frozen=True, slots=True)
class Happening:
    """An event and when it happened, in seconds since 1970."""

    at: float
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that one picture of the screen shows; times are in seconds since 1970."""

    snapshot: Snapshot
    url: str
    now: float
    started_at: float
    cpu_percent: float
    happenings: Sequence[Happening] = field(default=())


def render(view: View, width: int, height: int) -> Layout:
    """The screen as it looks at this size; the events take whatever room is left."""
    claims = view.snapshot.state == "claiming" and view.snapshot.claim_code is not None
    body = _claim(view, width, height) if claims else _work(view)
    screen = Layout()
    screen.split_column(
        Layout(_header(view), size=3),
        Layout(Group(*body), size=len(body)),
        Layout(_Events(view.happenings)),
        Layout(Text(HINT, style="dim", no_wrap=True, overflow="ellipsis"), size=1),
    )
    return screen


def _header(view: View) -> RenderableType:
    snapshot = view.snapshot
    color = STATE_COLORS[snapshot.state]
    is_paused, state = snapshot.paused, STATE_WORDS[snapshot.state]
    words = f"paused {rest_words(snapshot.rests)}" if is_paused else state
    if snapshot.required_version is not None:
        color, words = "red", f"too old: update it to {snapshot.required_version} or newer"
    line = Table.grid(expand=True)
    line.add_column(no_wrap=True, overflow="ellipsis")
    line.add_column(justify="right", no_wrap=True)
    line.add_row(
        Text.assemble((snapshot.name or "Simpool node", "bold"), ("  " + view.url, "dim")),
        Text.assemble(("● ", color), (words, f"bold {color}")),
    )
    return Panel(line, box=box.ROUNDED, border_style="dim", padding=(0, 1))


def _claim(view: View, width: int, height: int) -> list[RenderableType]:
    """Lines with the claim code, large, and what to do with it."""
    code = view.snapshot.claim_code or ""
    letters = large(code) if width >= LARGE_WIDTH and height >= LARGE_HEIGHT else small(code)
    about = Text.assemble("claim code ", (code, "bold"), _renewal(view))
    lines = [
        Text(" "),
        *(Text(line, style="bold", no_wrap=True) for line in letters),
        Text(" "),
        about,
        Text(f"python -m node claim {code}", style="cyan"),
        Text(" "),
    ]
    return [Align.center(line) for line in lines]


def _renewal(view: View) -> str:
    expires = view.snapshot.claim_code_expires_at
    if expires is None:
        return ""
    left = max(0, round(expires.timestamp() - view.now))
    return f", a new one in {left // 60}:{left % 60:02}"


def _work(view: View) -> list[RenderableType]:
    """Lines with what the node is doing and what it has done."""
    snapshot = view.snapshot
    busy = f"{snapshot.workers_busy} of {snapshot.workers_size} busy"
    share = snapshot.workers_busy / snapshot.workers_size if snapshot.workers_size else 0.0
    speed = f"{snapshot.iterations_per_second:,.0f} a second now"
    lines = [
        _line("workers", _bar(share, busy, "green")),
        _line("cpu", _bar(view.cpu_percent / 100, f"{view.cpu_percent:.0f} %", "cyan")),
        _line("chunks", Text(f"{snapshot.chunks_completed:,} done")),
        _line("iterations", Text(f"{snapshot.iterations_completed:,} done, {speed}")),
        _line("pool", _connection(view)),
    ]
    if snapshot.last_error:
        lines.append(_line("last error", Text(snapshot.last_error, style="yellow")))
    return [*lines, Text()]


def _line(label: str, words: Text) -> Text:
    return Text.assemble((f"  {label:<12}", "dim"), words, no_wrap=True, overflow="ellipsis")


def _bar(share: float, words: str, color: str) -> Text:
    full = round(min(max(share, 0.0), 1.0) * BAR_WIDTH)
    rest = ("─" * (BAR_WIDTH - full), "bright_black")
    return Text.assemble(("━" * full, color), rest, "  ", words)


def _connection(view: View) -> Text:
    words = {
        "live": Text("live: work arrives by push", style="green"),
        "polling": Text("no live connection: asking now and then", style="yellow"),
        "offline": Text("not connected", style="red"),
    }
    up = duration(view.now - view.started_at)
    return Text.assemble(words[view.snapshot.connection], (f", up {up}", "dim"))


@dataclass(frozen=True, slots=True)
class _Events:
    """The newest events, as many as there is room for, the newest at the bottom."""

    happenings: Sequence[Happening]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or len(self.happenings) + 1
        yield Text("  events", style="dim")
        for happening in list(self.happenings)[-max(height - 1, 0) :] if height > 1 else ():
            yield _happening(happening)


def _happening(happening: Happening) -> Text:
    moment = datetime.fromtimestamp(happening.at).astimezone()
    return Text.assemble(
        (f"  {moment:%H:%M:%S}  ", "dim"),
        (happening.event.message, LEVEL_COLORS[happening.event.level]),
        no_wrap=True,
        overflow="ellipsis",
    )


class LiveScreen:
    """Keeps the screen up to date on a terminal until it is closed."""

    def __init__(self, console: Console, url: str, clock: Callable[[], float] = time.time) -> None:
        self._console = console
        self._url = url
        self._clock = clock
        self._started_at = clock()
        self._happenings: deque[Happening] = deque(maxlen=KEPT_EVENTS)
        self._live = Live(console=console, screen=True, auto_refresh=False)
        psutil.cpu_percent()  # the first answer covers the time since the process began

    def __enter__(self) -> Self:
        """Take over the terminal."""
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the terminal back as it was."""
        self._live.stop()

    def add(self, event: Event, _snapshot: Snapshot, /) -> None:
        """Remember an event for the next picture, unless it is for those who look closely."""
        if event.level != "debug":
            self._happenings.append(Happening(self._clock(), event))

    def draw(self, snapshot: Snapshot, /) -> None:
        """Draw the next picture."""
        view = View(
            snapshot=snapshot,
            url=self._url,
            now=self._clock(),
            started_at=self._started_at,
            cpu_percent=psutil.cpu_percent(),
            happenings=tuple(self._happenings),
        )
        width, height = self._console.size
        self._live.update(render(view, width, height), refresh=True)
