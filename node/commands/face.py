"""How a running node shows itself: a live screen, lines of log, or lines of JSON for programs."""

from __future__ import annotations

import logging
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any, Literal, Protocol

from node.screen import LiveScreen
from node.utils.logging import configure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node.commands.command import Context
    from node.model import Event, Snapshot

LOG_NAME = "node.log"
LOG_BYTES, LOG_FILES = 1_000_000, 3


class Face(Protocol):
    """What a person or a program sees of a node."""

    def add(self, event: Event, snapshot: Snapshot, /) -> None:
        """Something happened, and the node is like this now."""

    def draw(self, snapshot: Snapshot, /) -> None:
        """The node is like this now."""


@contextmanager
def face_of(context: Context) -> Iterator[Face]:
    """The face that was asked for; by default a screen on a terminal and lines elsewhere."""
    chosen = context.settings.log_format
    if context.as_json:
        with _logs(context, "json", "warning"):
            yield JsonFace(context)
    elif chosen == "screen" or (chosen == "auto" and context.out.is_terminal):
        with _log_file(context), LiveScreen(context.out, context.settings.url) as screen:
            yield screen
    else:
        with _logs(context, "json" if chosen == "json" else "text"):
            yield LogFace(context)


class LogFace:
    """The node as its log; what a log must not hold is written beside it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def add(self, event: Event, _snapshot: Snapshot, /) -> None:
        """Write the claim code, which the log leaves out."""
        if event.claim_code:
            url = self._context.settings.url
            self._context.out.print(
                f"Claim code {event.claim_code} for {url}: python -m node claim {event.claim_code}"
            )

    def draw(self, _snapshot: Snapshot, /) -> None:
        """Nothing: the log has told it."""


class JsonFace:
    """One line of JSON for each event and for each change of state."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state: str | None = None

    def add(self, event: Event, snapshot: Snapshot, /) -> None:
        """Write the event, then the state if it is new."""
        fields: dict[str, Any] = {"message": event.message, "level": event.level}
        if event.claim_code:
            expires = snapshot.claim_code_expires_at
            fields["claim_code"] = event.claim_code
            fields["claim_code_expires_at"] = expires.isoformat() if expires else None
        self._write(event.action, {**fields, **event.context}, snapshot)
        self.draw(snapshot)

    def draw(self, snapshot: Snapshot, /) -> None:
        """Write the state if it is new."""
        if snapshot.state != self._state:
            self._state = snapshot.state
            self._write("state", {"workers": snapshot.workers_size}, snapshot)

    def _write(self, action: str, fields: dict[str, Any], snapshot: Snapshot) -> None:
        moment = datetime.fromtimestamp(self._context.clock(), UTC)
        line = {
            "event": action,
            "time": moment.isoformat(timespec="milliseconds"),
            "state": snapshot.state,
            "node_id": snapshot.node_id,
            **fields,
        }
        self._context.print_json(line)


@contextmanager
def _logs(
    context: Context, log_format: Literal["text", "json"], level: str | None = None
) -> Iterator[None]:
    with _root_restored():
        configure(level or _level(context), log_format, sys.stderr)
        yield


@contextmanager
def _log_file(context: Context) -> Iterator[None]:
    """Records go to a file while the screen has the terminal."""
    path = context.settings.data_dir / LOG_NAME
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, delay=True)
    with _root_restored() as root, closing(handler):
        template = configure(_level(context), "text")
        root.removeHandler(template)
        handler.setFormatter(template.formatter)
        root.addHandler(handler)
        yield


@contextmanager
def _root_restored() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def _level(context: Context) -> str:
    return "debug" if context.verbose else context.settings.log_level
