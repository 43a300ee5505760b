"""Compiling in a process of its own, so that nobody waits for it and nothing of it stays behind."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
import weakref
from typing import IO, TYPE_CHECKING

from node.engine.combat import machine

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_SECONDS = 300.0  #: on a machine that has much else to do
_LAST_WORDS = 500  #: characters of what a process says that fails
_one_at_a_time = threading.Lock()


class BuildError(Exception):
    """A process could not compile what it was given."""


class Build:
    """A process that compiles; it ends with this, and with this process."""

    def __init__(self, job: bytes) -> None:
        self._output, self._errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        with tempfile.TemporaryFile() as given:
            given.write(job)
            given.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-P", machine.__file__],
                stdin=given,
                stdout=self._output,
                stderr=self._errors,
            )
        self._deadline = time.monotonic() + LONGEST_SECONDS
        self._end = weakref.finalize(self, _end, self._process, self._output, self._errors)

    @classmethod
    def begin(cls, job: Callable[[], bytes]) -> Build | None:
        """Begin to compile, unless something else is being compiled."""
        if not _one_at_a_time.acquire(blocking=False):
            return None
        try:
            return cls(job())
        except BaseException:
            _one_at_a_time.release()
            raise

    def is_over(self) -> bool:
        """Tell whether it is done, or has been at it for too long."""
        return self._process.poll() is not None or time.monotonic() > self._deadline

    def result(self) -> bytes:
        """Give the machine code; raises BuildError where there is none."""
        status = self._process.poll()
        content, words = _read(self._output), _read(self._errors).decode(errors="replace")
        self._end()
        if status is None:
            raise BuildError(f"it took longer than {LONGEST_SECONDS:g} s")
        if status != 0 or not content:
            raise BuildError(f"exit status {status}: {words[-_LAST_WORDS:].strip()}")
        return content


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _end(process: subprocess.Popen[bytes], *files: IO[bytes]) -> None:
    process.kill()
    process.wait()
    for file in files:
        file.close()
    _one_at_a_time.release()
