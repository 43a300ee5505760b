"""Compiling in a process of its own, so that nobody waits for it and nothing of it stays behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.engine.combat.image import IntArray, RealArray

LONGEST_SECONDS = 300.0  #: on a machine that has much else to do
_PROGRAM = "node.engine.combat.completing"
_LAST_WORDS = 500  #: characters of what a process says that fails
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Job:
    """What the process is to compile."""

    kernels: bytes  #: open, as LLVM writes them
    completion: str
    ints: IntArray  #: of a fresh fight
    reals: RealArray
    enough: int  #: fights after which it may leave those where something else happens
    most: int  #: fights to try it with

    def content(self) -> bytes:
        """Write all as one text."""
        parts = self.completion.encode(), self.ints.tobytes(), self.reals.tobytes(), self.kernels
        head = {"sizes": [*map(len, parts)], "enough": self.enough, "most": self.most}
        return b"\n".join((json.dumps(head).encode(), b"".join(parts)))

    @classmethod
    def read(cls, content: bytes) -> Job:
        """Read what `content` gave."""
        head, text = content.split(b"\n", 1)
        about = json.loads(head)
        ends = [0, *accumulate(about["sizes"])]
        completion, ints, reals, kernels = (text[a:b] for a, b in pairwise(ends))
        return cls(
            kernels,
            completion.decode(),
            np.frombuffer(ints, np.int64),
            np.frombuffer(reals, np.float64),
            about["enough"],
            about["most"],
        )


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
                [sys.executable, "-P", "-m", _PROGRAM],
                env={**os.environ, "PYTHONPATH": _path()},
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


def _path() -> str:
    """Let the process find this package first, and then what this process finds."""
    return os.pathsep.join((str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")))


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _end(process: subprocess.Popen[bytes], *files: IO[bytes]) -> None:
    process.kill()
    process.wait()
    for file in files:
        file.close()
    _one_at_a_time.release()
