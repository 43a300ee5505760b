"""Documents by the SHA-256 of their text: in memory for now, on disk for the next start."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from node.errors import ContentError

if TYPE_CHECKING:
    from pathlib import Path

MEMORY_BYTES: Final = 32 * 1024 * 1024
DISK_BYTES: Final = 256 * 1024 * 1024
HASH: Final = re.compile(r"[0-9a-f]{64}")


class ContentCache:
    """A bounded store that gives back only what has the hash that was asked for."""

    def __init__(
        self, directory: Path, *, memory_bytes: int = MEMORY_BYTES, disk_bytes: int = DISK_BYTES
    ) -> None:
        self._directory = directory
        self._memory_bytes = memory_bytes
        self._disk_bytes = disk_bytes
        self._memory: OrderedDict[str, str] = OrderedDict()
        self._memory_used = 0

    def get(self, content_hash: str) -> str | None:
        """The text with this hash, or None. A damaged copy on disk is removed."""
        if (text := self._memory.get(content_hash)) is not None:
            self._memory.move_to_end(content_hash)
            return text
        path = self._path(content_hash)
        try:
            text = path.read_text(encoding="utf-8")
            verify(content_hash, text)
        except (ContentError, UnicodeDecodeError):
            path.unlink(missing_ok=True)
            return None
        except OSError:
            return None
        self._remember(content_hash, text)
        _touch(path)
        return text

    def put(self, content_hash: str, text: str) -> None:
        """Keep a text; raises ContentError when it is not what its hash says.

        A disk that is full or read-only costs the next start a download, nothing else.
        """
        verify(content_hash, text)
        self._remember(content_hash, text)
        try:
            self._write(content_hash, text)
            self._shrink()
        except OSError:
            return

    def _path(self, content_hash: str) -> Path:
        if not HASH.fullmatch(content_hash):
            raise ContentError(f"{content_hash!r} is not a SHA-256 in hexadecimal")
        return self._directory / content_hash

    def _remember(self, content_hash: str, text: str) -> None:
        self._memory_used += len(text) - len(self._memory.pop(content_hash, ""))
        self._memory[content_hash] = text
        while self._memory_used > self._memory_bytes and len(self._memory) > 1:
            _, oldest = self._memory.popitem(last=False)
            self._memory_used -= len(oldest)

    def _write(self, content_hash: str, text: str) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._directory / f".{content_hash}.{secrets.token_hex(4)}"
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(self._path(content_hash))
        finally:
            draft.unlink(missing_ok=True)

    def _shrink(self) -> None:
        """Remove what was not used for longest until the rest fits."""
        entries = [(path.stat(), path) for path in self._directory.iterdir()]
        excess = sum(status.st_size for status, _ in entries) - self._disk_bytes
        for status, path in sorted(entries, key=lambda entry: entry[0].st_mtime_ns):
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= status.st_size


def verify(content_hash: str, text: str) -> None:
    """Raise ContentError when the text does not have this hash."""
    actual = hashlib.sha256(text.encode()).hexdigest()
    if actual != content_hash:
        raise ContentError(f"a document named {content_hash} has the hash {actual}")


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except OSError:
        return
