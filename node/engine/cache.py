"""Where compiled kernels are kept.

Every process takes a directory that no other process holds, below one named by the digest of the
engine's sources and of what compiles them.  It writes only there, each file at once and with the
digest of its content, and reads what the directories beside it hold as well.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import os
import shutil
import sys
import tempfile
from itertools import count
from pathlib import Path

MOST_FILES = 64  #: of a kind in a directory; the oldest go
_DIGEST_SIZE = hashlib.sha256().digest_size
_KERNELS = Path(__file__).parent
_LOCK = "lock"
_held: dict[Path, int] = {}
_taken: dict[Path, Path] = {}
_used: list[Path] = []  #: the directory of the last path, if any
logger = logging.getLogger(__name__)


def configure_cache(path: Path) -> Path:
    """Keep compiled kernels below `path`; call it before the first `get_engine`.

    Gives the directory taken: the first that no other running process holds.  Without this call
    nothing is kept on disk and every process compiles the kernels anew.
    """
    path = Path(path).resolve()
    if path not in _taken:
        _taken[path] = _take(path)
    _used[:] = [_taken[path]]
    return _taken[path]


def _take(path: Path) -> Path:
    version = path / sources_digest()
    _drop_other_versions(version)
    directories = (version / str(number) for number in count())
    directory, lock = next((d, lock) for d in directories if (lock := _locked(d)) is not None)
    _held[path] = lock
    return directory


def kept(name: str) -> bytes | None:
    """Give what this or another process has kept under a name, None when there is nothing whole."""
    for own in _used:
        for directory in (own, *sorted(own.parent.glob("*"))):
            if (content := _whole(directory / name)) is not None:
                return content
    return None


def _whole(file: Path) -> bytes | None:
    try:
        text = file.read_bytes()
    except OSError:  # it is not there, or no more
        return None
    digest, content = text[:_DIGEST_SIZE], text[_DIGEST_SIZE:]
    return content if hashlib.sha256(content).digest() == digest else None


def keep(name: str, content: bytes) -> None:
    """Keep something under a name, if there is a directory for it and room on the disk.

    What stands before the first dash of the name is its kind.
    """
    for own in _used:
        partial = None
        try:
            with tempfile.NamedTemporaryFile(dir=own, delete=False) as file:  # 0600
                partial = Path(file.name)
                file.write(hashlib.sha256(content).digest() + content)
            partial.replace(own / name)
            _drop_oldest(own, name.split("-", maxsplit=1)[0])
        except OSError as error:
            logger.warning("Compiled code could not be kept: %s", error)
            if partial is not None:
                partial.unlink(missing_ok=True)


def _drop_oldest(directory: Path, kind: str) -> None:
    files = sorted(directory.glob(f"{kind}-*"), key=lambda file: file.stat().st_mtime_ns)
    for file in files[:-MOST_FILES]:
        file.unlink()


def sources_digest() -> str:
    """Name everything that the compiled code depends on."""
    digest = hashlib.sha256(sys.version.encode())
    for package in ("numba", "llvmlite", "numpy"):
        digest.update(importlib.metadata.version(package).encode())
    for source in sorted(_KERNELS.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _drop_other_versions(version: Path) -> None:
    """Remove what no process holds; one that is still held goes with a later start."""
    for other in version.parent.glob("*/*"):
        if other.parent != version and (lock := _locked(other)) is not None:
            shutil.rmtree(other, ignore_errors=True)
            os.close(lock)


def _locked(directory: Path) -> int | None:
    """Hold a directory until this process ends, or give None where another one does."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(lock)
    except OSError:
        os.close(lock)
        return None
    return lock


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
