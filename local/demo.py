"""`python -m local demo`: the whole pool once, by the commands a person would type."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import signal
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from local.config import REPOSITORY, Settings
from local.errors import DemoError, LocalError
from local.node_process import NODE_COMMAND, PATIENCE, end, environment, node_process
from local.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.node_process import NodeProcess

NODES: Final = ("alder", "birch")
EMAIL: Final = "player@example.org"
CONFIG: Final = "modern/beast_mastery"
FIGHT_SECONDS: Final = 300
ITERATIONS: Final = 20_000
SEED: Final = 7
#: kept between two runs, so that only the first has to compile the engine
CACHE: Final = REPOSITORY / ".cache" / "demo"
#: seconds for an interrupted command to show the cursor again
GOODBYE: Final = 2.0


def main() -> int:
    """Run the demo; 0 when the pool's result equals that of a single process."""
    console = Console(highlight=False)
    began = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="simpool-demo-"))
    directory.chmod(0o711)  # Postgres runs as another user when we are root
    try:
        seconds_to_result = asyncio.run(Demo(console, directory).run())
    except LocalError as error:
        Console(stderr=True, highlight=False).print(Text(f"the demo failed: {error}", "bold red"))
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("\ninterrupted: everything is stopped")
        return 130
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    total = time.monotonic() - began
    console.print(
        f"\n[bold]Everything is stopped.[/] Total {total:.1f} s; "
        f"first result {seconds_to_result:.1f} s after the start."
    )
    return 0


class Demo:
    """One run: a stand-in, two nodes, one owner who is the submitter as well."""

    def __init__(self, console: Console, directory: Path) -> None:
        self._console = console
        self._directory = directory
        self._began = time.monotonic()

    async def run(self) -> float:
        """Play the demo; the seconds from its start to its result."""
        _stop_on_signals()
        async with AsyncExitStack() as stack:
            self._step("Starting the local stand-in for Supabase: Postgres, REST, auth, Realtime")
            settings = Settings(data_dir=self._directory / "pool", api_port=0, db_port=0)
            pool = await stack.enter_async_context(Stack(settings))
            self._done(f"{pool.url}, database on {pool.db_url.rpartition('@')[2]}")
            variables = environment(pool, self._directory, CACHE)
            await self._compile(variables)
            nodes = await self._start_nodes(stack, variables)
            await self._sign_up(variables)
            await self._claim(nodes, variables)
            await self._simulate(variables)
            seconds = time.monotonic() - self._began
            await self._verify(variables)
            await self._stop(nodes)
        return seconds

    async def _compile(self, variables: Mapping[str, str]) -> None:
        self._step("Compiling the engine, once for all of them, and measuring it")
        await self._command(("bench",), variables)

    async def _start_nodes(
        self, stack: AsyncExitStack, variables: Mapping[str, str]
    ) -> list[NodeProcess]:
        self._step(f"Starting {len(NODES)} nodes, each a process of its own")
        nodes = [
            await stack.enter_async_context(node_process(name, variables, self._directory / name))
            for name in NODES
        ]
        codes = await asyncio.gather(*(node.claim_code() for node in nodes))
        shown = zip(nodes, codes, strict=True)
        self._done("; ".join(f"{node.name} shows the code {code}" for node, code in shown))
        return nodes

    async def _sign_up(self, variables: Mapping[str, str]) -> None:
        self._step("Signing up the owner")
        password = secrets.token_urlsafe(16)
        words = ("login", "--sign-up", "--email", EMAIL, "--password-stdin")
        await self._command(words, variables, stdin=password)

    async def _claim(self, nodes: Sequence[NodeProcess], variables: Mapping[str, str]) -> None:
        self._step("Claiming both nodes with their codes")
        for node in nodes:
            await self._command(("claim", await node.claim_code(), "--name", node.name), variables)
        await asyncio.gather(*(node.wait_for_state("running") for node in nodes))
        self._done("both nodes are claimed, calibrated and online")

    async def _simulate(self, variables: Mapping[str, str]) -> None:
        self._step("Submitting a combat simulation, and waiting for its result")
        words = ("submit", CONFIG, "--duration", str(FIGHT_SECONDS), "--iterations")
        await self._command((*words, str(ITERATIONS), "--seed", str(SEED), "--wait"), variables)

    async def _verify(self, variables: Mapping[str, str]) -> None:
        self._step("Checking the digest: the same config in a single process")
        await self._command(("result", "last", "--verify"), variables)

    async def _stop(self, nodes: Sequence[NodeProcess]) -> None:
        self._step("Stopping the nodes: they drain, and end by themselves")
        codes = await asyncio.gather(*(node.stop() for node in nodes))
        if any(codes):
            raise DemoError(f"the nodes ended with {codes}, not with 0")
        self._done("both nodes ended with exit code 0")

    async def _command(
        self, words: Sequence[str], variables: Mapping[str, str], *, stdin: str | None = None
    ) -> None:
        """Run one command on the user's own terminal, shown as it would be typed."""
        self._console.print(Text(f"  $ python -m node {' '.join(words)}", "dim"))
        process = await asyncio.create_subprocess_exec(
            *NODE_COMMAND,
            *words,
            cwd=REPOSITORY,
            env=variables,
            stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        )
        try:
            given = None if stdin is None else f"{stdin}\n".encode()
            await asyncio.wait_for(process.communicate(given), PATIENCE)
        finally:
            # what Ctrl-C has reached too puts the terminal in order
            await end(process, GOODBYE)
        if process.returncode:
            raise DemoError(f"`python -m node {words[0]}` ended with {process.returncode}")

    def _step(self, text: str) -> None:
        self._console.print(Text(f"\n{text}", "bold"))

    def _done(self, text: str) -> None:
        seconds = time.monotonic() - self._began
        self._console.print(Text(f"  {text}"), Text(f"  {seconds:5.1f} s", "dim"), sep="")


def _stop_on_signals() -> None:
    """A closed terminal and a polite request end the demo as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # this is one
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
