"""What the conformance tests talk to: the stand-in, or any Supabase that is named."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from local.config import Settings
from local.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.databases import DatabaseServer

PREFIX = "SIMPOOL_CONFORMANCE_"
REQUIRED = ("URL", "KEY", "SECRET_KEY", "DB_URL")


@dataclass(frozen=True)
class Target:
    """A running Supabase; `db_url` is of role postgres, for tables to test with."""

    url: str
    key: str
    secret_key: str
    db_url: str

    def environment(self) -> dict[str, str]:
        """The variables by which another program finds the same target."""
        values = (self.url, self.key, self.secret_key, self.db_url)
        return {f"{PREFIX}{name}": value for name, value in zip(REQUIRED, values, strict=True)}


def named_target(environ: Mapping[str, str] = os.environ) -> Target | None:
    """The target that the environment names, wholly or not at all."""
    values = [environ.get(f"{PREFIX}{name}") for name in REQUIRED]
    if not any(values):
        return None
    if not all(values):
        needed = ", ".join(f"{PREFIX}{name}" for name in REQUIRED)
        raise pytest.UsageError(f"to test another Supabase set all of {needed}")
    return Target(*map(str, values))


@contextmanager
def serving_target(server: DatabaseServer, directory: Path) -> Iterator[Target]:
    """The stand-in over an empty platform, served by a thread of its own.

    Clients that block can then be called from tests, in the loop of pytest or outside of any.
    """
    with server.platform_database() as database:
        settings = Settings(data_dir=directory, api_port=0, db_port=0)
        serving = _Serving(Stack(settings, server=server.server, database=database.name))
        with serving:
            stack = serving.stack
            yield Target(stack.url, stack.publishable_key, stack.secret_key, database.dsn)


class _Serving:
    """A stand-in that runs in a thread."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._loop = asyncio.new_event_loop()
        self._leave = asyncio.Event()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="conformance stand-in")

    def __enter__(self) -> None:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve())
            except BaseException as error:  # noqa: BLE001 - raised again in the other thread
                self._failure = error
            finally:
                self._ready.set()

    async def _serve(self) -> None:
        async with self.stack:
            self._ready.set()
            await self._leave.wait()
