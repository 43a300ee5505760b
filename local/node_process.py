"""Commands of the node in processes of their own, heard through the JSON lines they write."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from local.config import REPOSITORY
from local.errors import NodeProcessError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from local.stack import Stack

NODE_COMMAND: Final = (sys.executable, "-m", "node")
#: seconds before anything counts as stuck: a slow machine compiles the engine for minutes
PATIENCE: Final = 600.0


def environment(pool: Stack, directory: Path, cache: Path) -> dict[str, str]:
    """Variables that lead commands to `pool`, so that no setting of the user takes part."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIMPOOL")}
    settings_file = directory / "node.toml"
    settings_file.touch()
    return kept | {
        "SIMPOOL_POOL": pool.url,
        "SIMPOOL_KEY": pool.publishable_key,
        "SIMPOOL_CONFIG": str(settings_file),
        "SIMPOOL_DATA_DIR": str(directory / "owner"),
        "SIMPOOL_CACHE_DIR": str(cache),
    }


class NodeProcess:
    """A running node; `events` is what it has said so far."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._changed = asyncio.Condition()
        self._ended = False

    async def listen(self) -> None:
        """Read what the node says until it ends."""
        assert self.process.stdout is not None  # noqa: S101  # it was asked for
        async for line in self.process.stdout:
            async with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def claim_code(self) -> str:
        """The code the node shows."""
        event = await self.wait_for(lambda event: "claim_code" in event, "show a claim code")
        return str(event["claim_code"])

    async def wait_for_state(self, state: str) -> None:
        """Return once the node is or has been in `state`."""
        await self.wait_for(lambda event: event["state"] == state, f"become {state}")

    async def wait_for_event(self, name: str) -> dict[str, Any]:
        """The first event of this name."""
        return await self.wait_for(lambda event: event["event"] == name, f"say {name}")

    async def wait_for(
        self, matches: Callable[[Mapping[str, Any]], bool], what: str
    ) -> dict[str, Any]:
        """The first event that matches; raises NodeProcessError when none can come any more."""
        try:
            async with asyncio.timeout(PATIENCE), self._changed:
                await self._changed.wait_for(lambda: self._ended or self._first(matches))
        except TimeoutError:
            raise NodeProcessError(f"{self.name} did not {what} in {PATIENCE:.0f} s") from None
        if (found := self._first(matches)) is None:
            raise NodeProcessError(f"{self.name} ended before it could {what}")
        return found

    async def stop(self) -> int:
        """Ask the node to drain, and return its exit code."""
        _send(self.process, signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    def _first(self, matches: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any] | None:
        return next((event for event in self.events if matches(event)), None)


@contextlib.asynccontextmanager
async def node_process(
    name: str,
    variables: Mapping[str, str],
    data_dir: Path,
    *flags: str,
    command: Sequence[str] = NODE_COMMAND,
) -> AsyncIterator[NodeProcess]:
    """A running node with one worker; it is gone when the context ends."""
    process = await asyncio.create_subprocess_exec(
        *command,
        *("run", "--json", "--max-parallel", "1", *flags),
        cwd=REPOSITORY,
        env={**variables, "SIMPOOL_DATA_DIR": str(data_dir)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    node = NodeProcess(name, process)
    listener = asyncio.create_task(node.listen(), name=f"listen to {name}")
    try:
        yield node
    finally:
        await end(process)
        await listener


async def end(process: Process, patience: float = 0.0) -> None:
    """End a process that does not end by itself within `patience` seconds."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), patience)
    if process.returncode is None:
        _send(process, signal.SIGKILL)
        await process.wait()


def _send(process: Process, number: signal.Signals) -> None:
    """The methods of `process` may take the exit status of one that has just ended from asyncio."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)
