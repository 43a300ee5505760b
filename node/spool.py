"""Finished results on disk, from the moment they exist until the pool has taken them.

One file per chunk, written whole or not at all. A result that was delivered in spite of a lost
answer is delivered again after a restart: the pool answers that it has it.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final
from uuid import UUID

from node.errors import ProtocolError
from node.model import Finished
from node.wire import decode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT: Final = 10_000  # results kept; the oldest leave first, as their leases are long gone
SUFFIX: Final = ".json"


class Spool:
    """The results that wait."""

    def __init__(self, directory: Path, *, limit: int = LIMIT) -> None:
        self._directory = directory
        self._limit = limit

    def put(self, finished: Finished) -> None:
        """Write a result so that it survives a crash of the process and of the machine."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(finished.chunk_id)
        draft = path.with_suffix(".part")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(finished.to_json(), file, separators=(",", ":"))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_directory(self._directory)

    def discard(self, chunk_id: str) -> None:
        """Forget a result."""
        self._path(chunk_id).unlink(missing_ok=True)

    def load(self) -> tuple[list[Finished], list[Path]]:
        """What waits, oldest first, and the damaged files, which are put aside as `.corrupt`."""
        kept: list[Finished] = []
        damaged: list[Path] = []
        for path in self._files():
            try:
                kept.append(_read(path))
            except (ProtocolError, ValueError):
                damaged.append(path.replace(path.with_suffix(".corrupt")))
        while len(kept) > self._limit:
            self.discard(kept.pop(0).chunk_id)
        return kept, damaged

    def __len__(self) -> int:
        return sum(1 for _ in self._files())

    def _files(self) -> Iterator[Path]:
        if not self._directory.is_dir():
            return iter(())
        found = self._directory.glob(f"*{SUFFIX}")
        return iter(sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name)))

    def _path(self, chunk_id: str) -> Path:
        # the server's id becomes a file name only as what it must be
        return self._directory / f"{UUID(chunk_id)}{SUFFIX}"


def _read(path: Path) -> Finished:
    finished = decode(Finished, json.loads(path.read_text(encoding="utf-8")))
    if str(UUID(finished.chunk_id)) != path.stem:
        raise ValueError(f"{path} is not about {path.stem}")
    return finished


def _sync_directory(directory: Path) -> None:
    """Make the rename itself durable, where the system has directories one can sync."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
