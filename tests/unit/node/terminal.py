"""Runs commands of the node in tests: a pool that is a dictionary, and a terminal that is text."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import httpx
from rich.console import Console

from node.commands.command import Command, Context
from node.config import Settings

if TYPE_CHECKING:
    from pathlib import Path

POOL = "http://pool.test"
NOW = 1_800_000_000.0
Answer = httpx.Response | Callable[[httpx.Request], httpx.Response]


@dataclass
class FakePool:
    """A pool that answers what it is told to, and remembers what it was asked."""

    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    silent: bool = False

    def on(self, method: str, path: str, answer: Answer | Any, status: int = 200) -> None:
        """Answer requests of this method and path; what is no response is its JSON."""
        if not isinstance(answer, httpx.Response) and not callable(answer):
            answer = httpx.Response(status, json=answer)
        self.answers[method, path] = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        if self.silent:
            raise httpx.ConnectError("connection refused", request=request)
        answer = self.answers.get((request.method, request.url.path))
        if answer is None:
            return httpx.Response(404, json={"error": f"no answer for {request.url.path}"})
        return answer(request) if callable(answer) else answer

    def bodies(self, path: str) -> list[Any]:
        """The JSON bodies that were sent to a path."""
        return [json.loads(one.content) for one in self.requests if one.url.path == path]


class Terminal(io.StringIO):
    """Standard input that somebody types at."""

    def isatty(self) -> bool:
        """It is a terminal."""
        return True


@dataclass
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the JSON that it must be."""
        return json.loads(self.out)


class Shell:
    """Calls commands with a data directory, a fake pool and captured output."""

    def __init__(self, directory: Path) -> None:
        self.pool = FakePool()
        self.settings = Settings(
            url=POOL,
            data_dir=directory / "data",
            config_path=directory / "node.toml",
            access_token="user-token",
            sources={"url": "test"},
        )

    def call(
        self,
        command: Command,
        values: Mapping[str, Any] | None = None,
        *,
        as_json: bool = False,
        stdin: io.StringIO | None = None,
        **settings: Any,
    ) -> Outcome:
        """Run a command with the defaults of its options but for `values`."""
        defaults: dict[str, Any] = {one.key: one.default for one in command.options}
        defaults |= {one.key: None for one in command.arguments}
        out, err = io.StringIO(), io.StringIO()
        context = Context(
            settings=replace(self.settings, **settings),
            values={**defaults, **(values or {})},
            as_json=as_json,
            out=Console(file=out, width=100, highlight=False),
            err=Console(file=err, width=100, highlight=False),
            stdin=stdin or io.StringIO(),
            transport=httpx.MockTransport(self.pool),
            clock=lambda: NOW,
        )
        code = command.run(context)
        return Outcome(code, out.getvalue(), err.getvalue())
