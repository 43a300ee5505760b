"""`run`: run this machine as a node until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

from node.client import PoolClient
from node.commands.command import Command, Context
from node.commands.face import Face, face_of
from node.commands.login import remember_pool, save_option
from node.daemon import Daemon
from node.errors import PoolUnavailableError
from node.lock import locked
from node.status_file import StatusFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from node.model import Snapshot

# Seconds between two pictures of the screen, and between two writes of the status file.
REFRESH = 0.5
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
START_OR_JOIN = (
    "To start a pool here:  python -m local up  (in a clone of Simpool)\n"
    "To join another one:   python -m node --pool URL --key KEY  (--save remembers it)"
)


def run(context: Context) -> int:
    """Be a node until told to stop: once to finish what runs, twice to leave at once."""
    settings = context.settings
    if context.values["save"]:
        remember_pool(context)
    if not settings.pool_is_configured:
        asyncio.run(_look_for_local_pool(context))
    refusal = f"a node runs already with {settings.data_dir}"
    advice = "See it with: python -m node status. A second one needs its own --data-dir."
    with locked(settings.data_dir / "node.lock", refusal, advice):
        with face_of(context) as face:
            last = asyncio.run(_run(context, face))
        context.say(
            f"Stopped, with {last.chunks_completed:,} chunks "
            f"and {last.iterations_completed:,} iterations done."
        )
    return 0


async def _look_for_local_pool(context: Context) -> None:
    """Raise PoolUnavailableError, with the ways out, where no pool runs on this machine."""
    async with PoolClient(context.settings, transport=context.transport) as client:
        try:
            await client.handler("GET", "health")
        except PoolUnavailableError as error:
            raise PoolUnavailableError(
                f"no pool is set, and none runs on this machine ({context.settings.url})",
                advice=START_OR_JOIN,
            ) from error


async def _run(context: Context, face: Face) -> Snapshot:
    """Be a node; returns how it was at its end."""
    status_file = StatusFile(context.settings, context.clock)
    daemon = Daemon(context.settings, on_event=lambda event: face.add(event, daemon.snapshot()))
    watcher = asyncio.create_task(_watch(daemon, face, status_file), name="screen and status")
    try:
        with _signals(_Stopper(daemon).stop):
            await daemon.run()
    finally:
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher
        status_file.remove()
        face.draw(daemon.snapshot())
    return daemon.snapshot()


async def _watch(daemon: Daemon, face: Face, status_file: StatusFile) -> None:
    """Show how the node is, and write it down for other processes."""
    written = None
    while True:
        snapshot = daemon.snapshot()
        face.draw(snapshot)
        if snapshot != written:
            status_file.write(snapshot)
            written = snapshot
        await asyncio.sleep(REFRESH)


class _Stopper:
    """Counts the wishes to stop."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._wishes = 0

    def stop(self) -> None:
        """Drain at the first wish, stop at once at any further one."""
        self._wishes += 1
        if self._wishes == 1:
            self._daemon.stop()
        else:
            self._daemon.stop_now()


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` in the event loop for each signal that asks a program to end."""
    loop = asyncio.get_running_loop()

    def handle(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)

    previous = {}
    for name in SIGNALS:
        number = getattr(signal, name, None)
        # A signal that whoever started us wants ignored (nohup) stays ignored.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            previous[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


COMMAND = Command(
    name="run",
    summary="run this machine as a node of the pool",
    run=run,
    examples=(
        "",
        "run --max-parallel 4 --name desk",
        "run --pool https://abc.supabase.co --key sb_publishable_... --save",
        "run --json",
    ),
    settings=(
        "name",
        "max_parallel",
        "log_format",
        "log_level",
        "niceness",
        "poll_interval",
        "heartbeat_interval",
        "claim_poll_interval",
        "request_timeout",
        "drain_timeout",
    ),
    options=(save_option("run"),),
)
