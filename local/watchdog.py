"""Runs Postgres for a parent, and stops it when the parent is gone, however it went.

Started as a script of its own, in its own session: a Ctrl-C of the terminal does not reach it, and
a parent killed with SIGKILL closes its end of the pipe on standard input all the same. Only the
standard library is imported, so that it starts in milliseconds.

Orders arrive on standard input, one line each: `fast` and `immediate` stop Postgres in that mode;
the end of input is `fast`.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

STOP_SIGNALS: Final = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
#: seconds of a fast shutdown (a checkpoint among them) before an immediate one
PATIENCE: Final = 15.0
PR_SET_PDEATHSIG: Final = 1


def main(order: dict[str, Any]) -> int:
    """Runs `order["command"]` until it ends or the parent wants it to; its exit status."""
    exited = _child_exits()
    try:
        with Path(order["log"]).open("ab") as log:
            postgres = _start(order["command"], order["uid"], log.fileno())
        return _supervise(postgres, exited)
    finally:
        shutil.rmtree(order["scratch"], ignore_errors=True)


def _start(command: list[str], uid: int | None, log: int) -> subprocess.Popen[bytes]:
    account: dict[str, Any] = {}
    if uid is not None:
        account = {"user": uid, "group": uid, "extra_groups": []}
    return subprocess.Popen(  # the watchdog has one thread, so preexec_fn is safe
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        preexec_fn=_follow_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        **account,
    )


def _follow_parent() -> None:
    """Asks the kernel to stop Postgres even when the watchdog itself is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def _supervise(postgres: subprocess.Popen[bytes], exited: int) -> int:
    readable = select.select([0, exited], [], [])[0]
    if 0 in readable:
        order = os.read(0, 64).decode().strip() or "fast"
        postgres.send_signal(STOP_SIGNALS[order])
        try:
            postgres.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            postgres.send_signal(signal.SIGQUIT)
    return postgres.wait()


def _child_exits() -> int:
    """A descriptor that becomes readable when a child has ended."""
    exited, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wakeup)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return exited


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
