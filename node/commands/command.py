"""What a command is made of, and what it is given."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console

from node.client import PoolClient
from node.session import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from node.config import Settings
    from node.options import Option


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One call of a command: its settings, its own options by key, and where it writes.

    `out` is for what was asked for, `err` for everything said on the way.
    """

    settings: Settings
    values: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    as_json: bool = False
    verbose: bool = False
    out: Console = field(default_factory=Console)
    err: Console = field(default_factory=lambda: Console(stderr=True))
    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    transport: httpx.AsyncBaseTransport | None = None
    clock: Callable[[], float] = time.time

    def print_json(self, document: Any) -> None:
        """Write one line of JSON."""
        self.out.file.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")
        self.out.file.flush()

    def say(self, message: str) -> None:
        """Tell a person something on the way; a caller that wants JSON is not told."""
        if not self.as_json:
            self.err.print(message, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """A word the command takes without a flag; with `many`, a list of any number of them."""

    key: str
    metavar: str
    help: str
    optional: bool = False
    many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One word after `python -m node`."""

    name: str
    summary: str
    run: Callable[[Context], int]
    examples: tuple[str, ...]
    settings: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    arguments: tuple[Argument, ...] = ()


def signed_in(context: Context) -> PoolClient:
    """A client that acts as the user; it raises SignInError where nobody is signed in."""
    sessions = Sessions(context.settings, context.transport, context.clock)
    return PoolClient(context.settings, sessions.token, context.transport)
